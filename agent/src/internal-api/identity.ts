import { agentIdentity, operatorIdentity } from '@ollamamax/api/names';

/** Who is at the other end of an internal connection, as its certificate says. */
export type InternalIdentity =
  { readonly kind: 'agent'; readonly id: string } | { readonly kind: 'operator' };

const agentId = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/;

/** Reads the URI name of a certificate; undefined for anybody who is not of this cluster. */
export const readIdentity = (cluster: string, uri: string | undefined): InternalIdentity | undefined => {
  if (uri === undefined) return undefined;
  if (uri === operatorIdentity(cluster)) return { kind: 'operator' };
  const prefix = agentIdentity(cluster, '');
  if (!uri.startsWith(prefix)) return undefined;
  const id = uri.slice(prefix.length);
  return agentId.test(id) ? { kind: 'agent', id } : undefined;
};
