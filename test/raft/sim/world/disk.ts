import { dirname } from 'node:path/posix';
import type { Chance } from './chance.ts';
import type { Micros } from './clock.ts';
import { Inode, type CrashLoss, type Loss } from './inode.ts';

export type { Loss } from './inode.ts';

/** An error as node:fs gives it. */
export const diskError = (code: 'ENOENT' | 'ENOSPC' | 'EIO', path: string): Error =>
  Object.assign(new Error(`${code}, ${path}`), { code });

/** What befalls a disk at present. Probabilities are per operation. */
export interface DiskFaults {
  readonly syncFails: number;
  readonly writeFails: number;
  readonly readFails: number;
  /** Operations take so many times as long. */
  readonly slowness: number;
  /** Bytes of all files together. */
  readonly capacity: number;
}

export const soundDisk: DiskFaults = {
  syncFails: 0,
  writeFails: 0,
  readFails: 0,
  slowness: 1,
  capacity: Infinity,
};

/** A change of names that is not known to be durable. A rename is one change: it is seen whole or not at all. */
interface NameChange {
  readonly order: number;
  readonly directory: string;
  readonly removed: string | undefined;
  readonly added: { readonly path: string; readonly inode: Inode } | undefined;
}

const applyChange = (names: Map<string, Inode>, { removed, added }: NameChange): void => {
  if (removed !== undefined) names.delete(removed);
  if (added !== undefined) names.set(added.path, added.inode);
};

/** The disk of one member, which outlives its processes. Names and contents are durable each for themselves. */
export class Disk {
  /** Whether anything ever befell it that makes operations fail. */
  wasFaulty = false;
  /** Whether a sync has failed since the present process began. */
  hasFailedSync = false;
  /** Called once, when something has been written that is not durable yet. */
  afterWrite: (() => void) | undefined;
  /** Mean time of a sync, in microseconds; other operations are faster. */
  latency: Micros;
  #faults: DiskFaults = soundDisk;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #changes: NameChange[] = [];
  #order = 0;
  readonly #emptyDirectories: readonly string[];
  #directories: Set<string>;
  #durableDirectories: Set<string>;

  /** @param directories that are there from the beginning, with those above them */
  constructor(directories: readonly string[], latency: Micros) {
    this.latency = latency;
    this.#emptyDirectories = ['/', ...directories];
    this.#directories = new Set(['/', ...directories]);
    this.#durableDirectories = new Set(this.#directories);
  }

  get faults(): DiskFaults {
    return this.#faults;
  }

  set faults(faults: DiskFaults) {
    this.#faults = faults;
    const { syncFails, writeFails, readFails, capacity } = faults;
    if (syncFails > 0 || writeFails > 0 || readFails > 0 || capacity !== Infinity) this.wasFaulty = true;
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const inode of this.#names.values()) bytes += inode.size;
    return bytes;
  }

  /** Whether so many bytes more would fit. */
  hasRoomFor(bytes: number): boolean {
    return bytes <= 0 || this.faults.capacity === Infinity || this.usedBytes + bytes <= this.faults.capacity;
  }

  find(path: string): Inode | undefined {
    return this.#names.get(path);
  }

  written(): void {
    const { afterWrite } = this;
    this.afterWrite = undefined;
    afterWrite?.();
  }

  create(path: string): Inode {
    const inode = new Inode();
    this.#change({ directory: dirname(path), removed: undefined, added: { path, inode } });
    return inode;
  }

  /** @returns whether there was one of that name */
  rename(from: string, to: string): boolean {
    const inode = this.#names.get(from);
    if (inode === undefined) return false;
    this.#change({ directory: dirname(to), removed: from, added: { path: to, inode } });
    return true;
  }

  remove(path: string): boolean {
    if (!this.#names.has(path)) return false;
    this.#change({ directory: dirname(path), removed: path, added: undefined });
    return true;
  }

  #change(change: Omit<NameChange, 'order'>): void {
    this.#order += 1;
    const ordered = { ...change, order: this.#order };
    applyChange(this.#names, ordered);
    this.#changes.push(ordered);
  }

  hasDirectory(path: string): boolean {
    return this.#directories.has(path);
  }

  makeDirectory(path: string): void {
    for (let at = path; !this.#directories.has(at); at = dirname(at)) this.#directories.add(at);
  }

  /** Names of files and folders right in a folder. */
  list(directory: string): string[] {
    const prefix = directory === '/' ? '/' : `${directory}/`;
    return [...this.#names.keys(), ...this.#directories]
      .filter((path) => path.startsWith(prefix) && path.length > prefix.length)
      .map((path) => path.slice(prefix.length))
      .filter((name) => !name.includes('/'));
  }

  paths(): string[] {
    return [...this.#names.keys()];
  }

  /** For a sync of a folder that begins now. */
  markNames(): number {
    return this.#order;
  }

  namesSynced(directory: string, mark: number): void {
    this.#changes = this.#changes.filter((change) => {
      const isDone = change.directory === directory && change.order <= mark;
      if (isDone) applyChange(this.#durableNames, change);
      return !isDone;
    });
    for (const path of this.#directories) if (dirname(path) === directory) this.#durableDirectories.add(path);
  }

  /** The power fails: changes that were not synced are lost as chance will have it, contents and names alike. */
  crash(loss: Loss, chance: Chance): CrashLoss & { readonly namesLost: boolean } {
    let namesLost = false;
    const kept = loss === 'tail' ? chance.below(this.#changes.length + 1) : 0;
    this.#changes.forEach((change, at) => {
      const keeps =
        loss === 'nothing' || (loss === 'tail' && at < kept) || (loss === 'some' && chance.happens(0.5));
      if (keeps) applyChange(this.#durableNames, change);
      else namesLost = true;
    });
    this.#changes = [];
    for (const path of this.#directories) {
      if (loss === 'nothing' || (loss !== 'all' && chance.happens(0.5))) this.#durableDirectories.add(path);
    }
    for (const path of [...this.#durableDirectories]) {
      if (!this.#hasDurableParents(path)) this.#durableDirectories.delete(path);
    }
    this.#directories = new Set(this.#durableDirectories);
    for (const path of [...this.#durableNames.keys()])
      if (!this.#durableDirectories.has(dirname(path))) this.#durableNames.delete(path);
    this.#names = new Map(this.#durableNames);
    const losses = [...new Set(this.#names.values())].map((inode) => inode.crash(loss, chance));
    return {
      lost: losses.some(({ lost }) => lost),
      torn: losses.some(({ torn }) => torn),
      reordered: losses.some(({ reordered }) => reordered),
      namesLost,
    };
  }

  /** Everything on it is gone, as of a new disk in its place. */
  wipe(): void {
    this.#names.clear();
    this.#durableNames.clear();
    this.#changes = [];
    const isEmptyRoot = (path: string): boolean => this.#emptyDirectories.includes(path);
    this.#directories = new Set([...this.#directories].filter(isEmptyRoot));
    this.#durableDirectories = new Set(this.#directories);
  }

  #hasDurableParents(path: string): boolean {
    for (let at = path; at !== '/'; at = dirname(at)) if (!this.#durableDirectories.has(at)) return false;
    return true;
  }

  /** A copy of what a power failure now would leave at the least. */
  durableCopy(): Disk {
    const copy = new Disk([...this.#durableDirectories], this.latency);
    for (const [path, inode] of this.#durableNames) {
      if (!this.#durableDirectories.has(dirname(path))) continue;
      const durable = inode.durableCopy();
      copy.#names.set(path, durable);
      copy.#durableNames.set(path, durable);
    }
    return copy;
  }
}
