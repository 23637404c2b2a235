import { queryOptions, type QueryClient } from '@tanstack/react-query';
import { callJson } from '../api/http.ts';
import { ProblemError } from '../api/problem.ts';
import { tokenStore } from './token-store.ts';

export interface SessionUser {
  readonly name: string;
  readonly role: string;
}

export interface Session {
  /** Whether this agent demands a log-in at all. */
  readonly auth: boolean;
  readonly user?: SessionUser;
}

/** Who the page is for the agent. A token that is no longer valid counts as logged out. */
const readSession = async (): Promise<Session> => {
  const token = tokenStore.get();
  try {
    return await callJson<Session>('/api/v1/session', { token });
  } catch (error) {
    if (!(error instanceof ProblemError) || error.status !== 401) throw error;
    tokenStore.clear();
    return { auth: true };
  }
};

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: readSession,
  staleTime: Infinity,
  retry: (failures, error) => failures < 3 && error instanceof ProblemError && error.status === 0,
});

export const mayEnter = (session: Session): boolean => !session.auth || session.user !== undefined;

/** @throws ProblemError when name or password is wrong or there were too many tries */
export const logIn = async (
  client: QueryClient,
  credentials: { readonly username: string; readonly password: string },
): Promise<void> => {
  const answer = await callJson<{ readonly token: string; readonly user: SessionUser }>(
    '/api/v1/auth/login',
    { method: 'POST', body: credentials },
  );
  tokenStore.set(answer.token);
  client.setQueryData(sessionQuery.queryKey, { auth: true, user: answer.user });
};

export const logOut = (client: QueryClient): void => {
  tokenStore.clear();
  client.setQueryData(sessionQuery.queryKey, { auth: true });
};
