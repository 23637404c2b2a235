import { entrySize, type Entry, type Index } from '../core/types.ts';

/** The newest entries, up to a number of bytes: what members that keep up are sent, and what is applied. */
export class TailCache {
  readonly #maxBytes: number;
  /** Consecutive from `#entries[#head]` on; before it lie places that are free. */
  #entries: (Entry | undefined)[] = [];
  #head = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Of the first entry that is held; Infinity when there is none. */
  get first(): Index {
    return this.#entries[this.#head]?.index ?? Infinity;
  }

  /** Replaces what is held from the first of these on; what does not follow on what is held takes its place. */
  add(entries: readonly Entry[]): void {
    const [head] = entries;
    if (head === undefined) return;
    const keep = head.index - this.first;
    if (keep >= 0 && keep <= this.#entries.length - this.#head) this.#cutTo(this.#head + keep);
    else this.clear();
    for (const entry of entries) {
      this.#entries.push(entry);
      this.#bytes += entrySize(entry);
    }
    this.#evict();
  }

  clear(): void {
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  /** Those from `from` on that are below `to` and no larger than `maxBytes` together, but at least one. */
  slice(from: Index, to: Index, maxBytes: number): Entry[] {
    const found: Entry[] = [];
    let bytes = 0;
    for (let at = this.#head + from - this.first; from + found.length < to; at += 1) {
      const entry = this.#entries[at];
      if (entry === undefined) break;
      bytes += entrySize(entry);
      if (found.length > 0 && bytes > maxBytes) break;
      found.push(entry);
    }
    return found;
  }

  #cutTo(length: number): void {
    for (const entry of this.#entries.splice(length))
      if (entry !== undefined) this.#bytes -= entrySize(entry);
  }

  #evict(): void {
    for (let entry = this.#entries[this.#head]; entry !== undefined && this.#bytes > this.#maxBytes;) {
      this.#bytes -= entrySize(entry);
      this.#entries[this.#head] = undefined;
      this.#head += 1;
      entry = this.#entries[this.#head];
    }
    if (this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}
