import type { NodeConfig } from '@ollamamax/api';

/** Where other agents reach the Raft transport, as host:port. */
export const raftAddress = ({ advertise, listen }: NodeConfig): string => advertise.raft ?? listen.raft;
