import type { MemberSettings } from '../../../agent/src/raft/node/member-settings.ts';
import type { Peer } from '../../../agent/src/raft/transport/transport.ts';

/** What a member process is started with, as JSON. */
export interface MemberPlan {
  readonly id: number;
  readonly folder: string;
  /** Its disk is new. */
  readonly create: boolean;
  readonly raftPort: number;
  readonly clientPort: number;
  /** All members, this one included, at the addresses by which this one reaches them. */
  readonly peers: readonly Peer[];
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly settings: MemberSettings;
}

/** On standard input of a member, one per line. */
export type Order =
  | { readonly kind: 'status' }
  /** Every sync takes so much longer from now on. */
  | { readonly kind: 'slowDisk'; readonly ms: number }
  /** Every sync fails from now on. */
  | { readonly kind: 'brokenDisk' };

/** On standard output, one per status asked for. */
export interface MemberReport {
  readonly role: string;
  readonly lead: number;
  readonly term: number;
  readonly applied: number;
  readonly voters: readonly number[];
}

/** From a client, one JSON per line; numbered so that answers find their way. */
export interface Ask {
  readonly number: number;
  readonly op: 'write' | 'append' | 'read';
  readonly key: string;
  readonly value: string;
  readonly client: number;
  readonly sequence: number;
}

export type Told =
  | { readonly number: number; readonly kind: 'done'; readonly output: string }
  /** It has not taken effect and never will. */
  | { readonly number: number; readonly kind: 'refused' }
  | { readonly number: number; readonly kind: 'unknown' };
