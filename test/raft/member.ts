import { ConfigChangeError } from '../../agent/src/raft/core/config-change/changer.ts';
import { decodeConfigChange } from '../../agent/src/raft/core/config-change/codec.ts';
import type { RaftConfig } from '../../agent/src/raft/core/config.ts';
import type { Message } from '../../agent/src/raft/core/message.ts';
import { RawNode } from '../../agent/src/raft/core/raw-node.ts';
import type { AppendWork, ApplyWork } from '../../agent/src/raft/core/ready.ts';
import {
  emptyConfState,
  type ConfState,
  type Entry,
  type EntryId,
  type HardState,
  type Index,
  type NodeId,
  type ReadState,
  type Snapshot,
  type Term,
} from '../../agent/src/raft/core/types.ts';
import { MemoryLog } from './memory-log.ts';

export interface MemberStart {
  readonly id: NodeId;
  /** The voters, or all about the members; as of `start`. */
  readonly members: readonly NodeId[] | Partial<ConfState>;
  /** What its log begins behind; all of it is applied. At the very beginning unless said otherwise. */
  readonly start?: EntryId;
  /** Terms of the entries behind that. */
  readonly log?: readonly Term[];
  /** As it finds it on its disk. The term is that of its last entry unless said otherwise. */
  readonly hardState?: Partial<HardState>;
  readonly settings?: Partial<RaftConfig>;
}

export const noBytes = new Uint8Array();
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

export const entry = (index: Index, term: Term, data = ''): Entry => ({
  index,
  term,
  type: 'normal',
  data: bytes(data),
});

export const members = (config: readonly NodeId[] | Partial<ConfState>): ConfState =>
  'length' in config ? { ...emptyConfState, voters: config } : { ...emptyConfState, ...config };

/** Everything switched off and no limits: a test switches on what it is about. */
const defaults: Omit<RaftConfig, 'id'> = {
  electionTicks: 10,
  heartbeatTicks: 1,
  preVote: false,
  checkQuorum: false,
  stepDownOnRemoval: false,
  readOnly: 'safe',
  pacedLearners: false,
  maxInflightMessages: 256,
  maxInflightBytes: 0,
  maxAppendBytes: 1024 * 1024,
  maxUncommittedBytes: Number.MAX_SAFE_INTEGER,
  maxApplyBytes: Number.MAX_SAFE_INTEGER,
  applied: 0,
  random: () => 0,
};

/** A member with its log in memory and an application that remembers what it applied. Nothing happens by itself. */
export class Member {
  readonly id: NodeId;
  readonly log: MemoryLog;
  readonly settings: Partial<RaftConfig>;
  node: RawNode;
  up = true;
  /** Work for the disk that is not durable yet. */
  appends: AppendWork[] = [];
  /** Work for the application that is not done yet. */
  applies: ApplyWork[] = [];
  /** What was applied since the newest snapshot that it was given, or since it started. */
  applied: Entry[] = [];
  reads: ReadState[] = [];
  config: ConfState;
  #appliedIndex: Index;

  constructor({ id, members: config, start, log = [], hardState, settings = {} }: MemberStart) {
    this.id = id;
    this.settings = settings;
    this.config = members(config);
    const base = start ?? { index: 0, term: 0 };
    this.#appliedIndex = base.index;
    this.log = new MemoryLog({ ...base, config: this.config, data: noBytes });
    const entries = log.map((term, at) => entry(base.index + 1 + at, term));
    const term = log.at(-1) ?? base.term;
    this.log.append({
      entries,
      hardState: { term, vote: 0, commit: base.index, ...hardState },
      snapshot: undefined,
    });
    this.node = this.#start();
  }

  #start(): RawNode {
    return new RawNode({ ...defaults, ...this.settings, id: this.id, applied: this.#appliedIndex }, this.log);
  }

  get status(): ReturnType<RawNode['status']> {
    return this.node.status();
  }

  /** Its log as its core sees it, stored or not. */
  entries(): readonly Entry[] {
    return this.node.entries();
  }

  terms(): Term[] {
    return this.entries().map(({ term }) => term);
  }

  /** Payloads of the applied normal entries that have one. */
  payloads(): string[] {
    return this.applied.flatMap(({ type, data }) =>
      type === 'normal' && data.length > 0 ? [text(data)] : [],
    );
  }

  step(...received: readonly Message[]): void {
    for (const each of received) this.node.step(each);
  }

  tick(count = 1): void {
    for (let ticks = 0; ticks < count; ticks += 1) this.node.tick();
  }

  /** One Ready; its work waits. @returns the messages that may leave at once */
  ready(): readonly Message[] {
    const { messages, append, apply, readStates } = this.node.ready();
    if (append !== undefined) this.appends.push(append);
    if (apply !== undefined) this.applies.push(apply);
    this.reads.push(...readStates);
    return messages;
  }

  /** The oldest piece of work for the disk becomes durable. @returns the messages that waited for it */
  store(): readonly Message[] {
    const work = this.appends.shift();
    if (work === undefined) throw new Error('there is no work for the disk');
    this.log.append(work);
    if (work.snapshot !== undefined) this.#restore(work.snapshot);
    this.node.appendDone(work);
    return work.messages;
  }

  /** The application does the oldest piece of its work. */
  apply(): void {
    const work = this.applies.shift();
    if (work === undefined) throw new Error('there is no work for the application');
    for (const each of work.entries) {
      // A snapshot has overtaken it.
      if (each.index <= this.#appliedIndex) continue;
      if (each.index !== this.#appliedIndex + 1)
        throw new Error(`${each.index} is to be applied after ${this.#appliedIndex}`);
      this.applied.push(each);
      this.#appliedIndex = each.index;
      if (each.type === 'config') this.#change(each);
    }
    this.node.applyDone(work);
  }

  #change({ index, data }: Entry): void {
    try {
      this.config = this.node.applyConfigChange(decodeConfigChange(data), index) ?? this.config;
    } catch (error) {
      if (!(error instanceof ConfigChangeError)) throw error;
    }
  }

  #restore({ index, config }: Snapshot): void {
    this.#appliedIndex = index;
    this.config = config;
    this.applied = [];
  }

  /** All that it has to do, until nothing is left. @returns what it sends meanwhile, in that order */
  settle(): Message[] {
    const sent: Message[] = [];
    for (let rounds = 0; this.busy; rounds += 1) {
      if (rounds > 1000) throw new Error(`member ${this.id} does not come to rest`);
      sent.push(...this.ready());
      while (this.appends.length > 0) sent.push(...this.store());
      while (this.applies.length > 0) this.apply();
    }
    return sent;
  }

  get busy(): boolean {
    return this.node.hasReady() || this.appends.length > 0 || this.applies.length > 0;
  }

  /** A snapshot of all that is applied; the log before it, but for so many entries, goes. */
  snapshot(keep = 0): Snapshot {
    const taken = this.log.createSnapshot(this.#appliedIndex, this.config, noBytes);
    this.log.compact(Math.max(0, this.#appliedIndex - keep));
    return taken;
  }

  /** Loses all that is not durable. */
  crash(): void {
    this.up = false;
    this.appends = [];
    this.applies = [];
  }

  /** Comes back from what is on its disk; the application from the newest snapshot. */
  restart(): void {
    const snapshot = this.log.snapshot();
    this.#appliedIndex = snapshot?.index ?? 0;
    this.config = snapshot?.config ?? emptyConfState;
    this.applied = [];
    this.reads = [];
    this.up = true;
    this.node = this.#start();
  }
}
