import { createSecretKey, hash, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { ApiError, roles, type Role } from '@ollamamax/api';

export interface TokenClaims {
  readonly name: string;
  readonly role: Role;
  readonly expiresAt: Date;
}

export interface TokenOptions {
  /** At least 32 characters, the same on every agent of the cluster. */
  readonly secret: string;
  readonly cluster: string;
  readonly lifetimeSeconds: number;
}

const tokenType = 'at+jwt';
/** Tokens whose signature is not checked again. */
const maxVerified = 10_000;

/** Issues and verifies access tokens: JWT, HS256, bound to the cluster as issuer and audience. */
export class Tokens {
  readonly #options: TokenOptions;
  /** Given as text, the library would try to read it as a public key, each time anew. */
  readonly #key: KeyObject;
  /** Claims by digest of the token: each request brings the same few tokens, and a check costs a tenth of it. */
  readonly #verified = new Map<string, TokenClaims>();
  readonly #parties: { readonly issuer: string; readonly audience: string };

  constructor(options: TokenOptions) {
    this.#options = options;
    this.#key = createSecretKey(options.secret, 'utf8');
    this.#parties = { issuer: `ollamamax/${options.cluster}`, audience: options.cluster };
  }

  issue(name: string, role: Role): { readonly token: string; readonly expiresAt: Date } {
    const issuedAt = Math.floor(Date.now() / 1000);
    const expiresAt = issuedAt + this.#options.lifetimeSeconds;
    const token = jwt.sign({ role, iat: issuedAt, exp: expiresAt }, this.#key, {
      algorithm: 'HS256',
      subject: name,
      header: { alg: 'HS256', typ: tokenType },
      ...this.#parties,
    });
    return { token, expiresAt: new Date(expiresAt * 1000) };
  }

  /** @throws ApiError unauthenticated, token_expired */
  verify(token: string): TokenClaims {
    const digest = hash('sha256', token, 'base64');
    const known = this.#verified.get(digest);
    if (known !== undefined && known.expiresAt.getTime() > Date.now()) return known;
    this.#verified.delete(digest);
    const claims = this.#verifySignature(token);
    if (this.#verified.size >= maxVerified) {
      const [oldest = ''] = this.#verified.keys();
      this.#verified.delete(oldest);
    }
    this.#verified.set(digest, claims);
    return claims;
  }

  #verifySignature(token: string): TokenClaims {
    try {
      const { header, payload } = jwt.verify(token, this.#key, {
        algorithms: ['HS256'],
        complete: true,
        ...this.#parties,
      });
      if (header.typ !== tokenType || typeof payload === 'string') throw new ApiError('unauthenticated');
      const role = payload.role as unknown;
      const { sub, exp } = payload;
      const known = roles.find((candidate) => candidate === role);
      if (known === undefined || sub === undefined || exp === undefined)
        throw new ApiError('unauthenticated');
      return { name: sub, role: known, expiresAt: new Date(exp * 1000) };
    } catch (error) {
      if (error instanceof jwt.TokenExpiredError)
        throw new ApiError('token_expired', undefined, { cause: error });
      throw new ApiError('unauthenticated', 'The token is not valid for this cluster.', { cause: error });
    }
  }
}
