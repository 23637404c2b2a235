import { ApiError, type NodeConfig, type UserRecord } from '@ollamamax/api';
import type { Logger } from '@ollamamax/common';
import type { SessionUser } from '../http/request-context.ts';
import { LoginThrottle } from './login-throttle.ts';
import { PasswordHasher } from './password.ts';
import { Tokens } from './tokens.ts';
import { UsersFile } from './users-file.ts';

const throttleLimits = { maxFailures: 5, windowMs: 60_000, maxKeys: 10_000 } as const;

/** Who may log in. */
interface Users {
  find(name: string): UserRecord | undefined;
}

/** Log-in with name and password, and the check of the tokens it gives out. */
export class PasswordSessions {
  readonly #users: Users;
  readonly #tokens: Tokens;
  readonly #hasher = new PasswordHasher();
  readonly #throttle = new LoginThrottle({ ...throttleLimits, now: Date.now });

  constructor(users: Users, tokens: Tokens) {
    this.#users = users;
    this.#tokens = tokens;
  }

  /** @throws ApiError login_failed, login_throttled */
  async login(
    username: string,
    password: string,
    address: string,
  ): Promise<{ readonly token: string; readonly expiresAt: Date; readonly user: SessionUser }> {
    const userKey = `user ${username}`;
    // Counted before the hash, so that a flood of parallel tries is seen as one.
    const keys = [userKey, `address ${address}`];
    this.#throttle.check(keys);
    this.#throttle.failed(keys);
    const record = this.#users.find(username);
    const usable = record !== undefined && record.disabled !== true;
    const right = await this.#hasher.verify(record?.passwordHash, password);
    if (!right || !usable) throw new ApiError('login_failed');
    for (const key of keys) this.#throttle.succeeded(key);
    return {
      ...this.#tokens.issue(record.name, record.role),
      user: { name: record.name, role: record.role },
    };
  }

  /**
   * The user a token stands for, with the role he has now: a user who is disabled or removed is out at once.
   * @throws ApiError unauthenticated, token_expired
   */
  authenticate(token: string): SessionUser {
    const claims = this.#tokens.verify(token);
    const record = this.#users.find(claims.name);
    if (record === undefined || record.disabled === true)
      throw new ApiError('unauthenticated', `The user "${claims.name}" may not log in any more.`);
    return { name: record.name, role: record.role };
  }
}

/**
 * What the configuration asks for: users, sessions and the token check, or nothing of it.
 * @param agreed users that the cluster has agreed on, beside those of this agent's own file, which count first
 */
export const createSessions = (
  config: NodeConfig,
  logger: Logger,
  agreed: () => Readonly<Record<string, UserRecord>>,
): {
  readonly users?: UsersFile;
  readonly sessions?: PasswordSessions;
  readonly authenticate?: (token: string) => SessionUser;
} => {
  const { enabled, usersFile, jwtSecret, tokenSeconds } = config.auth;
  if (!enabled) return {};
  if (usersFile === undefined || jwtSecret === undefined)
    throw new ApiError(
      'config_invalid',
      'auth.enabled needs auth.usersFile and auth.jwtSecret or auth.jwtSecretFile.',
    );
  const users = new UsersFile(usersFile, { logger: logger.child({ component: 'users' }) });
  const tokens = new Tokens({
    secret: jwtSecret,
    cluster: config.cluster.name,
    lifetimeSeconds: tokenSeconds,
  });
  const find = (name: string): UserRecord | undefined => {
    const known = agreed();
    return users.find(name) ?? (Object.hasOwn(known, name) ? known[name] : undefined);
  };
  const sessions = new PasswordSessions({ find }, tokens);
  return { users, sessions, authenticate: (token) => sessions.authenticate(token) };
};
