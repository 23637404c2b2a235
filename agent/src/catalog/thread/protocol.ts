import type { ErrorCode } from '@ollamamax/api';
import type { LogFields, LogLevel } from '@ollamamax/common';
import type { ConfState, Index, NodeId, SoftState } from '../../raft/core/types.ts';
import type { MemberReport } from '../../raft/node/member.ts';
import type { MemberIdentity } from '../../raft/node/identity-file.ts';
import type { Outcome } from '../../raft/node/pending-proposals.ts';
import type { MemberSettings } from '../../raft/node/member-settings.ts';
import type { Peer } from '../../raft/transport/transport.ts';

/** Certificates in PEM, as text: they cross a thread. */
export interface ThreadTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** What the thread is started with. */
export interface ThreadOptions {
  readonly directory: string;
  readonly identity: MemberIdentity;
  /** The disk is new: an empty log is begun. */
  readonly create: boolean;
  /** Name of the cluster in its certificates. */
  readonly cluster: string;
  /** Left out for an agent that is and stays alone. */
  readonly network?: {
    readonly host: string;
    readonly port: number;
    /** Where others reach this member, as host:port. */
    readonly advertise: string;
    readonly tls: ThreadTls;
  };
  /** Members that are known before the log tells of any. */
  readonly peers: readonly Peer[];
  readonly settings: MemberSettings;
}

/** To the thread. */
export type Request =
  | { readonly kind: 'propose'; readonly id: number; readonly payload: Uint8Array }
  | { readonly kind: 'read'; readonly id: number }
  | { readonly kind: 'report'; readonly id: number }
  | { readonly kind: 'snapshot'; readonly id: number }
  /** Members as they are known by another way than the log, which may not tell of them yet, or of where they are now. */
  | { readonly kind: 'peers'; readonly peers: readonly Peer[] }
  | { readonly kind: 'transfer'; readonly to: NodeId }
  | { readonly kind: 'renew'; readonly tls: ThreadTls }
  | { readonly kind: 'stop' };

/** What has gone wrong, as an ApiError is made of it. */
export interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
}

/** From the thread. What was applied comes before any answer that depends on it. */
export type Report =
  | { readonly kind: 'started'; readonly port: number | undefined }
  | { readonly kind: 'failed'; readonly problem: Problem }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'outcome'; readonly id: number; readonly outcome: Outcome }
  | { readonly kind: 'readDone'; readonly id: number; readonly applied: Index | undefined }
  | { readonly kind: 'reportDone'; readonly id: number; readonly report: MemberReport }
  | { readonly kind: 'snapshotDone'; readonly id: number; readonly index: Index | undefined }
  | { readonly kind: 'applied'; readonly index: Index; readonly payload: Uint8Array }
  | { readonly kind: 'members'; readonly index: Index; readonly config: ConfState }
  | {
      readonly kind: 'restored';
      readonly index: Index;
      readonly config: ConfState;
      readonly snapshot: Uint8Array;
    }
  | { readonly kind: 'role'; readonly state: SoftState }
  | {
      readonly kind: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: LogFields | undefined;
    };
