import type { Hello, Refusal } from '../codec/hello-codec.ts';
import type { NodeId } from '../core/types.ts';
import type { Peer } from './transport.ts';

/** Versions of the protocol that this program speaks: of frames, messages and what they mean. */
const protocolVersions = { min: 1, max: 1 } as const;

/** This member, as it says of itself. */
export interface Self {
  readonly node: NodeId;
  readonly incarnation: string;
  /** Id of the cluster, made once at its beginning: another cluster of the same name has another one. */
  readonly clusterId: string;
  /** Where others reach it, as host:port. */
  readonly address: string;
  readonly features: number;
}

/** Newest version that both speak; undefined when there is none. */
const commonVersion = ({ minVersion, maxVersion }: Hello): number | undefined => {
  const version = Math.min(maxVersion, protocolVersions.max);
  return version >= Math.max(minVersion, protocolVersions.min) ? version : undefined;
};

/**
 * Whether somebody may talk to this member.
 * @param agent whose certificate is at the other end; undefined when it is no agent's
 * @param peer what is known of the member that the hello names
 * @returns why not, or undefined
 */
export const refusalOf = (
  self: Self,
  hello: Hello,
  agent: string | undefined,
  peer: Peer | undefined,
): Refusal | undefined => {
  if (agent === undefined) return 'identity';
  if (commonVersion(hello) === undefined) return 'version';
  if (hello.clusterId !== self.clusterId) return 'cluster';
  if (hello.to !== self.node) return 'node';
  if (peer === undefined) return 'stranger';
  if (peer.agent !== agent) return 'identity';
  if (peer.incarnation !== hello.incarnation) return 'incarnation';
  return undefined;
};

/** What this member says first; also, with the version that was chosen, what it answers to a hello. */
export const helloOf = (self: Self, channel: Hello['channel'], to: NodeId, answered?: Hello): Hello => {
  const chosen = answered === undefined ? undefined : commonVersion(answered);
  return {
    minVersion: chosen ?? protocolVersions.min,
    maxVersion: chosen ?? protocolVersions.max,
    features: self.features,
    channel,
    node: self.node,
    to,
    clusterId: self.clusterId,
    incarnation: self.incarnation,
    address: self.address,
  };
};
