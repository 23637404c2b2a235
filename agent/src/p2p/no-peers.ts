import { ApiError } from '@ollamamax/api';
import type { AskPeers, Peers } from './peers.ts';

const nobody = (peerId: string): ApiError =>
  new ApiError('agent_unreachable', `Agent ${peerId} is not known here: this agent runs alone.`);

/** Peers of an agent that runs alone. */
export const noPeers: Peers & AskPeers = {
  list: () => [],
  onChange: () => () => undefined,
  lookAgain: () => Promise.resolve(),
  run: (peerId) => {
    throw nobody(peerId);
  },
  show: (peerId) => Promise.reject(nobody(peerId)),
  chunks: (peerId) => Promise.reject(nobody(peerId)),
  admit: (peerId) => Promise.reject(nobody(peerId)),
  leave: (peerId) => Promise.reject(nobody(peerId)),
  ask: (peerId) => Promise.reject(nobody(peerId)),
  admitAt: (address) => Promise.reject(nobody(address)),
};
