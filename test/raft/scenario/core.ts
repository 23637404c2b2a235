import type { RaftConfig } from '../../../agent/src/raft/core/config.ts';
import type { LogStorage } from '../../../agent/src/raft/core/log-storage.ts';
import type { Entry } from '../../../agent/src/raft/core/types.ts';
import { RawNode } from '../../../agent/src/raft/core/raw-node.ts';

/** What a scenario drives. Tests put a broken one in its place, to see that the runner notices. */
export type Core = Pick<
  RawNode,
  | 'tick'
  | 'step'
  | 'propose'
  | 'proposeConfigChange'
  | 'applyConfigChange'
  | 'campaign'
  | 'transferLeader'
  | 'forgetLeader'
  | 'readIndex'
  | 'reportUnreachable'
  | 'reportSnapshot'
  | 'hasReady'
  | 'ready'
  | 'appendDone'
  | 'applyDone'
  | 'setElectionTimeout'
  | 'status'
> & { entries?: () => readonly Entry[] };

export type MakeCore = (config: RaftConfig, storage: LogStorage) => Core;

export const makeRawNode: MakeCore = (config, storage) => new RawNode(config, storage);
