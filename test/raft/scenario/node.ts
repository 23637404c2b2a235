import { ConfigChangeError } from '../../../agent/src/raft/core/config-change/changer.ts';
import { decodeConfigChange } from '../../../agent/src/raft/core/config-change/codec.ts';
import { message, type Message } from '../../../agent/src/raft/core/message.ts';
import type { AppendWork, ApplyWork } from '../../../agent/src/raft/core/ready.ts';
import {
  emptyConfState,
  type ConfState,
  type Entry,
  type Index,
  type NodeId,
  type ReadState,
  type Snapshot,
} from '../../../agent/src/raft/core/types.ts';
import { MemoryLog } from '../memory-log.ts';
import type { Core, MakeCore } from './core.ts';
import type { NodeSettings } from './format.ts';
import type { Random } from './random.ts';

/** An append that holds so many bytes at most holds one entry. */
const oneEntry = 0;
const unlimited = Number.MAX_SAFE_INTEGER;

/** A node that never comes to rest is a broken core; no scenario needs nearly as many rounds. */
const roundLimit = 10_000;

export interface NodeStart {
  readonly id: NodeId;
  readonly settings: NodeSettings;
  readonly snapshot: Snapshot | undefined;
  readonly makeCore: MakeCore;
  readonly random: Random;
  /** Takes what the node sends, when it sends it. */
  readonly send: (message: Message) => void;
  /** Called after each call of the core, which may have changed anything. */
  readonly changed: (node: ScenarioNode) => void;
}

/** One member: its core, its log, and an application that strings the payloads of normal entries together. */
export class ScenarioNode {
  readonly id: NodeId;
  readonly settings: NodeSettings;
  readonly log: MemoryLog;
  readonly #start: NodeStart;
  #core: Core | undefined;
  #appends: AppendWork[] = [];
  #applies: ApplyWork[] = [];
  #readStates: ReadState[] = [];
  #appState = '';
  #applied: Index = 0;
  /** Up to here the application has its state from a snapshot. */
  #restored: Index = 0;
  #config: ConfState = emptyConfState;

  constructor(start: NodeStart) {
    this.id = start.id;
    this.settings = start.settings;
    this.#start = start;
    this.log = new MemoryLog(start.snapshot);
    if (start.snapshot !== undefined) this.#restoreApplication(start.snapshot);
    this.restart();
  }

  get up(): boolean {
    return this.#core !== undefined;
  }

  /** @throws Error while the node is down */
  get core(): Core {
    if (this.#core === undefined) throw new Error(`node ${this.id} is down`);
    return this.#core;
  }

  get appState(): string {
    return this.#appState;
  }

  /** How far the application is, which outlives a crash. */
  get applied(): Index {
    return this.#applied;
  }

  get readStates(): readonly ReadState[] {
    return this.#readStates;
  }

  /** The log as the core has handed it out, stored or not. */
  entries(): readonly Entry[] {
    if (this.core.entries !== undefined) return this.core.entries();
    const { log } = this;
    let entries = log.entries(log.firstIndex(), log.lastIndex() + 1, unlimited) ?? [];
    for (const work of this.#appends) {
      if (work.snapshot !== undefined) entries = [];
      const from = work.entries[0]?.index;
      if (from !== undefined) entries = [...entries.filter(({ index }) => index < from), ...work.entries];
    }
    return entries;
  }

  /** Loses the core and all work that was not done. */
  crash(): void {
    this.#core = undefined;
    this.#appends = [];
    this.#applies = [];
    this.#readStates = [];
  }

  restart(): void {
    const { settings, makeCore, random } = this.#start;
    const config = {
      id: this.id,
      electionTicks: settings.electionTicks,
      heartbeatTicks: settings.heartbeatTicks,
      preVote: settings.preVote,
      checkQuorum: settings.checkQuorum,
      stepDownOnRemoval: settings.stepDownOnRemoval,
      readOnly: settings.readOnly,
      pacedLearners: false,
      maxInflightMessages: settings.maxInflightMessages,
      maxInflightBytes: 0,
      maxAppendBytes: settings.oneEntryPerAppend ? oneEntry : unlimited,
      maxUncommittedBytes: unlimited,
      maxApplyBytes: unlimited,
      applied: this.#applied,
      random,
    };
    this.#core = makeCore(config, this.log);
    this.#start.changed(this);
  }

  /** Calls the core, and has looked at what that changed. */
  act<Result>(call: (core: Core) => Result): Result {
    const result = call(this.core);
    this.#start.changed(this);
    return result;
  }

  /** One Ready. Without `asyncStorage` its work is done at once. */
  round(): void {
    if (!this.core.hasReady()) return;
    const ready = this.act((core) => core.ready());
    this.#readStates.push(...ready.readStates);
    for (const each of ready.messages) this.#start.send(each);
    if (ready.append !== undefined) this.#appends.push(ready.append);
    if (ready.apply !== undefined) this.#applies.push(ready.apply);
    if (!this.settings.asyncStorage) this.#completeAll();
  }

  /** Stores the oldest piece of work that waits for it. */
  completeAppend(): void {
    const work = this.#appends.shift();
    if (work === undefined) return;
    this.log.append(work);
    if (work.snapshot !== undefined) this.#restoreApplication(work.snapshot);
    for (const each of work.messages) this.#start.send(each);
    this.act((core) => core.appendDone(work));
  }

  /** Applies the oldest batch of entries that waits for it. */
  completeApply(): void {
    const work = this.#applies.shift();
    if (work === undefined) return;
    for (const entry of work.entries) this.#apply(entry);
    this.act((core) => core.applyDone(work));
  }

  /** Rounds until there is nothing more to do. @returns whether there was anything */
  drain(): boolean {
    let rounds = 0;
    while (this.core.hasReady() || this.#appends.length > 0 || this.#applies.length > 0) {
      this.round();
      this.#completeAll();
      rounds += 1;
      if (rounds > roundLimit) throw new Error(`node ${this.id} has more to do after ${roundLimit} rounds`);
    }
    return rounds > 0;
  }

  /** A message that brings another node the newest snapshot. */
  snapshotFor(to: NodeId): Message {
    const snapshot = this.log.snapshot();
    if (snapshot === undefined) throw new Error(`node ${this.id} has no snapshot`);
    return message('snapshot', to, { from: this.id, term: this.core.status().term, snapshot });
  }

  #completeAll(): void {
    while (this.#appends.length > 0) this.completeAppend();
    while (this.#applies.length > 0) this.completeApply();
  }

  #apply(entry: Entry): void {
    // A snapshot has overtaken it: the work was handed out before that arrived.
    if (entry.index <= this.#restored) return;
    if (entry.index !== this.#applied + 1)
      throw new Error(`node ${this.id} is to apply entry ${entry.index} after ${this.#applied}`);
    if (entry.type === 'config') {
      this.#applyChange(entry);
    } else {
      this.#appState += new TextDecoder().decode(entry.data);
    }
    this.#applied = entry.index;
    this.log.createSnapshot(entry.index, this.#config, new TextEncoder().encode(this.#appState));
  }

  /** One that is impossible has no effect, on this node as on every other. */
  #applyChange({ index, data }: Entry): void {
    try {
      this.#config =
        this.act((core) => core.applyConfigChange(decodeConfigChange(data), index)) ?? this.#config;
    } catch (error) {
      if (!(error instanceof ConfigChangeError)) throw error;
    }
  }

  #restoreApplication({ index, config, data }: Snapshot): void {
    this.#applied = index;
    this.#restored = index;
    this.#config = config;
    this.#appState = new TextDecoder().decode(data);
  }
}
