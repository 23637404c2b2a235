import { messages } from '../messages.ts';
import { ProblemError, problemFromBody } from './problem.ts';

/** Answers that take longer mean that nobody answers. Milliseconds. */
const timeoutMs = 10_000;

export interface CallOptions {
  readonly method?: 'GET' | 'POST';
  readonly body?: unknown;
  readonly token?: string | undefined;
  /** Ends the call; without one, a deadline of ten seconds does. */
  readonly signal?: AbortSignal;
}

/** Calls the agent this page came from. @throws ProblemError in words, or the signal's AbortError */
export const callAgent = async (path: string, options: CallOptions = {}): Promise<Response> => {
  let response: Response;
  try {
    response = await fetch(path, {
      method: options.method ?? 'GET',
      headers: {
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      cache: 'no-store',
      credentials: 'omit',
      signal: options.signal ?? AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    if (options.signal?.aborted === true) throw error;
    throw new ProblemError({
      status: 0,
      code: 'unreachable',
      message: messages.errors.unreachable,
      action: messages.errors.unreachableAction,
    });
  }
  if (!response.ok)
    throw problemFromBody(response.status, await response.text(), messages.errors.status(response.status));
  return response;
};

export const callJson = async <T>(path: string, options: CallOptions = {}): Promise<T> =>
  (await (await callAgent(path, options)).json()) as T;
