import { createHash, randomBytes } from 'node:crypto';
import { ApiError } from '@ollamamax/api';
import type { RegistryKey } from './registry-key.ts';

/** What a registry asks of those it does not know, from its WWW-Authenticate header. */
export interface Challenge {
  readonly realm: string;
  readonly service: string;
  readonly scopes: readonly string[];
}

export const parseChallenge = (header: string): Challenge | undefined => {
  const fields = new Map(
    [...header.matchAll(/([a-z]+)="([^"]*)"/gi)].map(([, name = '', value = '']) => [
      name.toLowerCase(),
      value,
    ]),
  );
  const realm = fields.get('realm');
  if (!/^bearer\b/i.test(header) || realm === undefined) return undefined;
  const scopes = (fields.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
  return { realm, service: fields.get('service') ?? '', scopes };
};

/**
 * Asks for a token, signed with the key of this agent.
 * @param origin of the registry: a token is asked for at its own host only, so that no other can send agents around
 * @throws ApiError source_refused; the error of the connection
 */
export const fetchToken = async (
  { realm, service, scopes }: Challenge,
  origin: string,
  key: RegistryKey,
  signal: AbortSignal,
): Promise<string> => {
  const url = URL.parse(realm);
  if (url?.host !== new URL(origin).host)
    throw new ApiError(
      'source_refused',
      `The registry ${origin} wants its tokens to be fetched from another host.`,
    );
  if (service !== '') url.searchParams.append('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  url.searchParams.append('ts', String(Math.floor(Date.now() / 1000)));
  url.searchParams.append('nonce', randomBytes(16).toString('base64url'));
  const emptyBody = Buffer.from(createHash('sha256').digest('hex')).toString('base64');
  const response = await fetch(url, {
    headers: { authorization: key.sign(`GET,${url.href},${emptyBody}`), 'user-agent': 'ollamamax' },
    redirect: 'error',
    signal,
  });
  const answer = (await response.json().catch(() => undefined)) as { readonly token?: unknown } | undefined;
  if (!response.ok || typeof answer?.token !== 'string')
    throw new ApiError(
      'source_refused',
      `The registry ${origin} gives no token (status ${response.status}).`,
    );
  return answer.token;
};
