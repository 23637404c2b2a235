import { Slab } from '../codec/slab.ts';
import { entrySize, type Entry, type Index } from '../core/types.ts';

/** u32 length of the data, f64 term, u8 type. */
const headBytes = 13;
/** There is a place for an entry per this many bytes: with smaller ones, not all of the memory is used. */
const bytesPerPlace = 64;

/** For what is read: it lives as long as whoever reads it wants. */
const readBytes = new Slab();

/**
 * The newest entries, as many as fit: what members that keep up are sent, and what is applied. They are kept as bytes
 * in one ring of memory and not as the objects that came: objects that stay for a second and then go have the collector
 * go through the whole heap, again and again, while messages wait.
 */
export class TailCache {
  readonly #size: number;
  /** Only once there is something to keep: most of what is tested, and a member that stands still, never need it. */
  #ring = Buffer.alloc(0);
  /** Where entry `index` begins in the ring, at `index % length`. */
  #places = new Uint32Array(0);
  #first: Index = 0;
  #count = 0;
  /** Behind the last entry. */
  #end = 0;

  /** @param bytes of the ring; nothing is kept with 0 */
  constructor(bytes: number) {
    this.#size = bytes;
  }

  /** Of the first entry that is held; Infinity when there is none. */
  get first(): Index {
    return this.#count === 0 ? Infinity : this.#first;
  }

  /** Replaces what is held from the first of these on; what does not follow on what is held takes its place. */
  add(entries: readonly Entry[]): void {
    const [head] = entries;
    if (head === undefined) return;
    const keep = head.index - this.#first;
    if (this.#count > 0 && keep > 0 && keep <= this.#count) this.#cutTo(keep);
    else this.clear();
    for (const entry of entries) this.#push(entry);
  }

  clear(): void {
    this.#count = 0;
    this.#end = 0;
  }

  /** Those from `from` on that are below `to` and no larger than `maxBytes` together, but at least one. */
  slice(from: Index, to: Index, maxBytes: number): Entry[] {
    const found: Entry[] = [];
    const end = Math.min(to, this.#first + this.#count);
    let bytes = 0;
    for (let index = from; index < end; index += 1) {
      const entry = this.#read(index);
      bytes += entrySize(entry);
      if (found.length > 0 && bytes > maxBytes) break;
      found.push(entry);
    }
    return found;
  }

  #place(index: Index): number {
    return this.#places[index % this.#places.length] ?? 0;
  }

  #read(index: Index): Entry {
    const at = this.#place(index);
    const length = this.#ring.readUInt32LE(at);
    const data = readBytes.take(length);
    this.#ring.copy(data, 0, at + headBytes, at + headBytes + length);
    return {
      index,
      term: this.#ring.readDoubleLE(at + 4),
      type: this.#ring[at + 12] === 1 ? 'config' : 'normal',
      data,
    };
  }

  #push({ index, term, type, data }: Entry): void {
    const length = headBytes + data.length;
    if (length > this.#size) {
      this.clear();
      return;
    }
    if (this.#ring.length === 0) {
      this.#ring = Buffer.allocUnsafeSlow(this.#size);
      this.#places = new Uint32Array(Math.ceil(this.#size / bytesPerPlace));
    }
    const at = this.#roomFor(length);
    this.#ring.writeUInt32LE(data.length, at);
    this.#ring.writeDoubleLE(term, at + 4);
    this.#ring[at + 12] = type === 'config' ? 1 : 0;
    this.#ring.set(data, at + headBytes);
    if (this.#count === 0) this.#first = index;
    this.#places[index % this.#places.length] = at;
    this.#count += 1;
    this.#end = at + length;
  }

  /** Drops the oldest entries until there is a stretch of this length behind the last one, or at the beginning. */
  #roomFor(length: number): number {
    for (;;) {
      if (this.#count === 0) return 0;
      const oldest = this.#place(this.#first);
      if (this.#count < this.#places.length) {
        if (this.#end <= oldest) {
          if (this.#end + length <= oldest) return this.#end;
        } else {
          if (this.#end + length <= this.#size) return this.#end;
          if (length <= oldest) return 0;
        }
      }
      this.#first += 1;
      this.#count -= 1;
    }
  }

  #cutTo(count: number): void {
    const last = this.#place(this.#first + count - 1);
    this.#count = count;
    this.#end = last + headBytes + this.#ring.readUInt32LE(last);
  }
}
