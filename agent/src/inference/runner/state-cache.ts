import { commonPrefix } from './common-prefix.ts';
import type { StateFile, StateFiles } from './state-files.ts';

/** The attention state of a beginning, outside of the context. */
export interface KeptState {
  /** Whose tokens they are: nobody else may profit from them. */
  readonly tenant: string;
  readonly tokens: Uint32Array;
  readonly state: Uint8Array;
}

/** What is known of a state without reading it. */
export interface FoundState {
  /** Leading tokens of the prompt that it holds. */
  readonly shared: number;
  readonly bytes: number;
  /** Whether it can be had without waiting for a disk. */
  readonly isInMemory: boolean;
  /** Takes it out of the cache. @returns undefined where it is gone, or its file damaged */
  take(): Promise<KeptState | undefined>;
}

export interface StateCacheOptions {
  /** Bytes of states in memory at most. */
  readonly memoryBytes: number;
  /** Bytes of states on disk at most. */
  readonly diskBytes: number;
  /** Where those go that memory has no room for; undefined: nowhere. */
  readonly files: StateFiles | undefined;
  /** Told why a disk does not take a state. */
  readonly log: (message: string) => void;
}

interface Entry {
  readonly tenant: string;
  readonly tokens: Uint32Array;
  /** Of the state and of the tokens that name it. */
  readonly bytes: number;
  /** In memory; also while it is written to a file. */
  state: Uint8Array | undefined;
  file: StateFile | undefined;
  /** Ends when it is written, or cannot be. */
  moving: Promise<void> | undefined;
}

/** States that wait for a disk take so much memory beyond the budget; a single one may take more. */
const mostBytesInFlight = 64 * 1024 * 1024;

/**
 * States of beginnings that the sequences of the context have no room for. Those used longest ago go to disk, where
 * there is one, and then away. A state that is taken is the taker's: it puts it back when it is to be kept.
 */
export class StateCache {
  readonly #options: StateCacheOptions;
  /** Used longest ago first. */
  readonly #entries = new Set<Entry>();
  #memory = 0;
  #disk = 0;
  #inFlight = 0;
  #writes: Promise<void> = Promise.resolve();

  constructor(options: StateCacheOptions) {
    this.#options = options;
  }

  /** Bytes in memory and on disk now. */
  get size(): { readonly memoryBytes: number; readonly diskBytes: number } {
    return { memoryBytes: this.#memory + this.#inFlight, diskBytes: this.#disk };
  }

  /** Whether a state of so many bytes would be kept at all. */
  fits(bytes: number): boolean {
    const { memoryBytes, diskBytes, files } = this.#options;
    return bytes <= memoryBytes || (files !== undefined && bytes <= diskBytes);
  }

  /**
   * The state that holds most of a prompt.
   * @param most tokens of it that are of use
   */
  find(tenant: string, prompt: ArrayLike<number>, most: number): FoundState | undefined {
    let best: FoundState | undefined;
    for (const entry of this.#entries) {
      if (entry.tenant !== tenant) continue;
      const shared = commonPrefix(entry.tokens, prompt, most);
      const isInMemory = entry.state !== undefined && entry.moving === undefined;
      if (shared === 0 || shared < (best?.shared ?? 0)) continue;
      if (shared === best?.shared && best.isInMemory && !isInMemory) continue;
      best = { shared, bytes: entry.bytes, isInMemory, take: () => this.#take(entry) };
    }
    return best;
  }

  /** Keeps a state, which nobody else may use any more; those it goes on from are of no more use. */
  put(kept: KeptState): void {
    const { tenant, tokens, state } = kept;
    for (const entry of this.#entries)
      if (entry.tenant === tenant && commonPrefix(entry.tokens, tokens) === entry.tokens.length)
        this.#drop(entry);
    const bytes = state.length + tokens.byteLength;
    const entry: Entry = { tenant, tokens, bytes, state, file: undefined, moving: undefined };
    this.#entries.add(entry);
    this.#memory += bytes;
    if (bytes > this.#options.memoryBytes) this.#evict(entry);
    for (const other of this.#entries) {
      if (this.#memory <= this.#options.memoryBytes) break;
      if (other.state !== undefined && other.moving === undefined) this.#evict(other);
    }
  }

  async #take(entry: Entry): Promise<KeptState | undefined> {
    if (!this.#entries.delete(entry)) return undefined;
    if (entry.moving === undefined && entry.state !== undefined) this.#memory -= entry.bytes;
    else this.#disk -= entry.bytes;
    await entry.moving;
    const { tenant, tokens, file } = entry;
    const state = entry.state ?? (file === undefined ? undefined : await this.#options.files?.read(file));
    if (file !== undefined) this.#remove(file);
    if (state === undefined) this.#options.log('A stored state cannot be read: its prompt is computed anew.');
    return state === undefined ? undefined : { tenant, tokens, state };
  }

  #drop(entry: Entry): void {
    this.#entries.delete(entry);
    if (entry.moving === undefined && entry.state !== undefined) {
      this.#memory -= entry.bytes;
      release(entry.state);
      return;
    }
    // One that is being written is in use still: whoever writes it sees that it is gone.
    this.#disk -= entry.bytes;
    if (entry.file !== undefined) this.#remove(entry.file);
  }

  /** To disk where that is of use, else away. */
  #evict(entry: Entry): void {
    const { files, diskBytes } = this.#options;
    const hasTurn = this.#inFlight === 0 || this.#inFlight + entry.bytes <= mostBytesInFlight;
    if (files === undefined || entry.bytes > diskBytes || !hasTurn) {
      this.#drop(entry);
      return;
    }
    this.#memory -= entry.bytes;
    this.#inFlight += entry.bytes;
    this.#disk += entry.bytes;
    this.#writes = this.#writes.then(() => this.#move(entry, files));
    entry.moving = this.#writes;
    for (const other of this.#entries) {
      if (this.#disk <= diskBytes) break;
      if (other.moving !== undefined || other.file !== undefined) this.#drop(other);
    }
  }

  async #move(entry: Entry, files: StateFiles): Promise<void> {
    const { state } = entry;
    try {
      if (state === undefined || !this.#entries.has(entry)) return;
      const file = await files.write(state);
      if (this.#entries.has(entry)) {
        entry.file = file;
        entry.state = undefined;
        release(state);
      } else this.#remove(file);
    } catch (error) {
      this.#options.log(`A state could not be written to disk: ${String(error)}`);
      if (this.#entries.delete(entry)) this.#disk -= entry.bytes;
    } finally {
      this.#inFlight -= entry.bytes;
      entry.moving = undefined;
    }
  }

  #remove(file: StateFile): void {
    void this.#options.files?.remove(file).catch((error: unknown) => {
      this.#options.log(`The file of a state could not be removed: ${String(error)}`);
    });
  }
}

/** Gives the memory of a state back now: the collector of garbage sees only how small its handle is. */
export const release = (state: Uint8Array): void => {
  const { buffer } = state;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === state.byteLength) buffer.transfer(0);
};
