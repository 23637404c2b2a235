import { ApiError, type KnownUser, type UserBody, type UserRecord } from '@ollamamax/api';
import { PasswordHasher } from '../auth/password.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Handlers } from './handlers.ts';

export interface UserHandlerOptions {
  /** Users of this agent's own file; undefined while authentication is off. */
  readonly file: { list(): readonly UserRecord[] } | undefined;
  readonly catalog: Pick<Catalog, 'agreed' | 'agree'>;
}

const known = ({ name, role, disabled }: UserRecord, from: KnownUser['from']): KnownUser => ({
  name,
  role,
  disabled: disabled === true,
  from,
});

/** Users that the cluster has agreed on, beside those of the agent's own file. */
export const userHandlers = ({
  file,
  catalog,
}: UserHandlerOptions): Handlers<'users' | 'userPut' | 'userRemove'> => {
  const hasher = new PasswordHasher();

  const inFile = (): readonly UserRecord[] => {
    if (file === undefined) throw new ApiError('auth_disabled');
    return file.list();
  };
  const agreed = (name: string): UserRecord | undefined => {
    const { users } = catalog.agreed();
    return Object.hasOwn(users, name) ? users[name] : undefined;
  };
  const assertNotInFile = (name: string): void => {
    if (inFile().some((user) => user.name === name))
      throw new ApiError('user_in_file', `User "${name}" is in the users file of this agent.`);
  };
  const list = (): readonly KnownUser[] => {
    const own = inFile();
    const others = Object.values(catalog.agreed().users).filter(
      ({ name }) => !own.some((user) => user.name === name),
    );
    return [...own.map((user) => known(user, 'file')), ...others.map((user) => known(user, 'cluster'))].sort(
      (a, b) => (a.name < b.name ? -1 : 1),
    );
  };

  return {
    users: ({ response }) => {
      response.json({ users: list() });
    },
    userPut: async ({ response, body }) => {
      const { name, role, password, disabled } = body as UserBody;
      assertNotInFile(name);
      const before = agreed(name);
      const passwordHash = password === undefined ? before?.passwordHash : await hasher.hash(password);
      if (passwordHash === undefined)
        throw new ApiError('invalid_request', `User "${name}" is new and needs a password.`, {
          param: 'password',
        });
      const isDisabled = disabled ?? before?.disabled ?? false;
      const user: UserRecord = {
        name,
        role: role ?? before?.role ?? 'user',
        passwordHash,
        ...(isDisabled ? { disabled: true } : {}),
      };
      await catalog.agree({ op: 'putUser', user });
      response.json(known(user, 'cluster'));
    },
    userRemove: async ({ request, response }) => {
      const name = String(request.params.name);
      assertNotInFile(name);
      if (agreed(name) === undefined) throw new ApiError('user_not_found', `There is no user "${name}".`);
      await catalog.agree({ op: 'removeUser', name });
      response.json({ users: list() });
    },
  };
};
