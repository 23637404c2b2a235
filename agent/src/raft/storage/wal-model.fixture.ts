import { crc32 } from 'node:zlib';
import type { AppendWork } from '../core/ready.ts';
import { emptyConfState, type ConfState, type Entry, type HardState, type Snapshot } from '../core/types.ts';
import { openWal, type OpenedWal, type WalOptions } from './open-wal.ts';
import type { WalIdentity } from './segment.ts';
import type { SimDisk } from './sim-disk.fixture.ts';
import type { StorageError } from './storage-error.ts';
import type { Wal } from './wal.ts';

export const identity: WalIdentity = { clusterId: 'c-1', memberId: 7, incarnation: 'a8d2-first-life' };
export const members: ConfState = { ...emptyConfState, voters: [1, 2, 7] };
export const directory = '/data/wal';

export const entry = (
  index: number,
  term: number,
  data: Uint8Array = Buffer.from(`${index}@${term}`),
): Entry => ({
  index,
  term,
  type: index % 5 === 0 ? 'config' : 'normal',
  data: new Uint8Array(data),
});

export const work = (fields: Partial<AppendWork>): AppendWork => ({
  entries: [],
  hardState: undefined,
  snapshot: undefined,
  mustSync: true,
  messages: [],
  token: 0,
  ...fields,
});

/** Settings under which segments are small and the cache holds next to nothing. */
export const settings = (vfs: SimDisk, more: Partial<WalOptions> = {}): WalOptions => ({
  vfs,
  directory,
  identity,
  create: members,
  segmentBytes: 4096,
  cacheBytes: 600,
  onFailure: (error) => {
    throw error;
  },
  onTrouble: (error) => {
    throw error;
  },
  ...more,
});

/** Opens a log, completing what the disk has to do for it and no more. */
export const opened = (disk: SimDisk, more: Partial<WalOptions> = {}): OpenedWal => {
  let result: OpenedWal | undefined;
  openWal(settings(disk, more), (given) => {
    result = given;
  });
  disk.run(() => result !== undefined);
  if (result === undefined) throw new Error('the log was never opened');
  return result;
};

export const openedWal = (disk: SimDisk, more: Partial<WalOptions> = {}): Wal => {
  const { wal, error } = opened(disk, more);
  if (error !== undefined) throw error;
  return wal;
};

export const refusal = (disk: SimDisk, more: Partial<WalOptions> = {}): StorageError | undefined =>
  opened(disk, more).error;

/** What a log is asked to do. */
export type Deed =
  | { readonly kind: 'append'; readonly work: AppendWork }
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly kind: 'compact'; readonly index: number };

export const give = (wal: Wal, deed: Deed, done: () => void): void => {
  if (deed.kind === 'append') wal.append(deed.work, done);
  else if (deed.kind === 'snapshot') wal.recordSnapshot(deed.snapshot, done);
  else wal.compact(deed.index, done);
};

const textOf = (
  hardState: HardState,
  snapshot: Snapshot | undefined,
  before: { readonly index: number; readonly term: number | undefined },
  entries: readonly Entry[],
): string =>
  JSON.stringify([
    [hardState.term, hardState.vote, hardState.commit],
    snapshot && [
      snapshot.index,
      snapshot.term,
      snapshot.config,
      Buffer.from(snapshot.data).toString('latin1'),
    ],
    [before.index, before.term],
    entries.map(({ index, term, type, data }) => `${index}@${term} ${type} ${data.length} ${crc32(data)}`),
  ]);

/** All that a log can be asked for, as a text. */
export const contentOf = (wal: Wal, maxBytes = Infinity): string => {
  const before = wal.firstIndex() - 1;
  const entries: Entry[] = [];
  while (before + entries.length < wal.lastIndex()) {
    const next = before + entries.length + 1;
    const part = wal.entries(next, wal.lastIndex() + 1, maxBytes);
    if (part?.[0]?.index !== next) throw new Error(`entry ${next} is not answered`);
    for (const { index, term } of part)
      if (wal.term(index) !== term) throw new Error(`entry ${index} is of two terms`);
    entries.push(...part);
  }
  const { hardState } = wal.initialState();
  return textOf(hardState, wal.snapshot(), { index: before, term: wal.term(before) }, entries);
};

/** What a log has to hold after each deed, told plainly: the whole log in one array. */
export class WalModel {
  entries: Entry[] = [];
  compacted = { index: 0, term: 0 };
  hardState: HardState = { term: 0, vote: 0, commit: 0 };
  snapshot: Snapshot | undefined;

  get last(): { readonly index: number; readonly term: number } {
    return this.entries.at(-1) ?? this.compacted;
  }

  get content(): string {
    return textOf(this.hardState, this.snapshot, this.compacted, this.entries);
  }

  termOf(index: number): number {
    if (index === this.compacted.index) return this.compacted.term;
    return this.entries[index - this.compacted.index - 1]!.term;
  }

  do(deed: Deed): void {
    if (deed.kind === 'append') this.#append(deed.work);
    else if (deed.kind === 'snapshot') this.#take(deed.snapshot);
    else if (deed.index > this.compacted.index) {
      const compacted = { index: deed.index, term: this.termOf(deed.index) };
      this.entries = this.entries.filter(({ index }) => index > deed.index);
      this.compacted = compacted;
    }
  }

  #append({ snapshot, entries, hardState }: AppendWork): void {
    if (snapshot !== undefined) {
      this.entries = [];
      this.compacted = { index: snapshot.index, term: snapshot.term };
      this.#take(snapshot);
    }
    const [first] = entries;
    if (first !== undefined) this.entries = this.entries.filter(({ index }) => index < first.index);
    this.entries.push(...entries);
    this.hardState = hardState ?? this.hardState;
  }

  #take(snapshot: Snapshot): void {
    this.snapshot = snapshot;
    this.hardState = { ...this.hardState, commit: Math.max(this.hardState.commit, snapshot.index) };
  }
}

const bytes = (random: () => number, length: number): Uint8Array =>
  // A quarter is zeros, as real data has them, which look like sectors that were lost.
  random() < 0.25 ? new Uint8Array(length) : Uint8Array.from({ length }, () => Math.floor(random() * 256));

/** What a correct core might ask for next, given all that was asked for. */
export const nextDeed = (
  model: WalModel,
  /** Up to where the application got; whether the log is kept from its tenth entry on. */
  options: { readonly applied: number; readonly keeps: boolean },
  random: () => number,
): Deed => {
  const below = (limit: number): number => Math.floor(random() * limit);
  const { hardState, last, compacted } = model;
  const kind = random();
  if (kind < 0.08 && options.applied > (model.snapshot?.index ?? 0)) {
    const index = options.applied;
    const snapshot = {
      index,
      term: model.termOf(index),
      config: members,
      data: Buffer.from(`file of ${index}`),
    };
    return { kind: 'snapshot', snapshot };
  }
  if (kind < 0.16 && model.snapshot !== undefined && options.applied > compacted.index) {
    const most = Math.min(model.snapshot.index, options.applied, options.keeps ? 10 : Infinity);
    return { kind: 'compact', index: Math.max(most - below(4), compacted.index) };
  }
  if (kind < 0.18 && !options.keeps) {
    const index = Math.max(last.index + below(5), 1);
    const snapshot = {
      index,
      term: Math.max(last.term, 1),
      config: { ...members, learners: [9] },
      data: new Uint8Array(9),
    };
    const term = Math.max(hardState.term, snapshot.term);
    const vote = term === hardState.term ? hardState.vote : 0;
    return { kind: 'append', work: work({ snapshot, hardState: { term, vote, commit: index } }) };
  }
  if (kind < 0.3) {
    const commit = hardState.commit + below(last.index - hardState.commit + 1);
    return { kind: 'append', work: work({ hardState: { ...hardState, commit }, mustSync: false }) };
  }
  if (kind < 0.33) return { kind: 'append', work: work({ mustSync: random() < 0.5 }) };
  const newTerm = random() < 0.15;
  const term = Math.max(hardState.term + (newTerm ? 1 : 0), 1);
  const from = newTerm ? Math.max(last.index - below(4), hardState.commit) + 1 : last.index + 1;
  const size = random() < 0.05 ? 5000 : random() < 0.3 ? 700 : 40;
  const entries = Array.from({ length: below(4) + (newTerm ? 0 : 1) }, (_, at) =>
    entry(from + at, term, bytes(random, below(size))),
  );
  const vote = newTerm ? 1 + below(3) : hardState.vote;
  const changes = newTerm || term !== hardState.term || random() < 0.2;
  const commit = changes ? hardState.commit + below(from - hardState.commit) : hardState.commit;
  return {
    kind: 'append',
    work: work({ entries, hardState: changes ? { term, vote, commit } : undefined }),
  };
};
