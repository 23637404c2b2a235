import type { Peer } from '../raft/transport/transport.ts';
import type { CatalogMember } from './state/catalog-state.ts';

/** A member of the catalogue as the transport knows it. */
export const peerOf = ({ id, agent, incarnation, address }: CatalogMember): Peer => {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  return { node: id, agent, incarnation, host, port: Number(address.slice(at + 1)) };
};
