import type { Chance } from './chance.ts';

export const sectorBytes = 512;

/** What a power failure leaves of writes that were not synced. */
export type Loss = 'all' | 'nothing' | 'some' | 'tail';

/** What a power failure has done to writes that were not synced. */
export interface CrashLoss {
  readonly lost: boolean;
  /** Of one write a part is there and a part is not. */
  readonly torn: boolean;
  /** A write, or the end of one, is there, and what was written before it is not. */
  readonly reordered: boolean;
}

interface Version {
  readonly order: number;
  readonly bytes: Uint8Array;
}

/** More than any file here has. */
const mostSectors = 2 ** 20;
const orderOf = (place: number): number => Math.floor(place / mostSectors);

/** Bytes of a file from one place up to another. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

const wholeFile: Stretch = { from: 0, to: Infinity };

const touches = (sector: number, { from, to }: Stretch): boolean =>
  (sector + 1) * sectorBytes > from && sector * sectorBytes < to;

const grown = (bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> => {
  const larger = new Uint8Array(Math.max(size, 2 * bytes.length));
  larger.set(bytes);
  return larger;
};

/**
 * A file as the page cache and as the disk know it. Of each sector all versions are kept that were written since the
 * disk last had it for sure: a power failure may leave any of them.
 */
export class Inode {
  #cache = new Uint8Array(0);
  #disk = new Uint8Array(0);
  #size = 0;
  #durableSize = 0;
  readonly #versions = new Map<number, Version[]>();
  #order = 0;

  get size(): number {
    return this.#size;
  }

  get isClean(): boolean {
    return this.#versions.size === 0 && this.#size === this.#durableSize;
  }

  read(into: Uint8Array, position: number): number {
    const bytes = Math.max(0, Math.min(into.length, this.#size - position));
    into.set(this.#cache.subarray(position, position + bytes));
    return bytes;
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    this.#reserve(end);
    this.#cache.set(bytes, position);
    this.#size = Math.max(this.#size, end);
    this.#order += 1;
    for (let sector = Math.floor(position / sectorBytes); sector * sectorBytes < end; sector += 1) {
      const version = {
        order: this.#order,
        bytes: this.#cache.slice(sector * sectorBytes, (sector + 1) * sectorBytes),
      };
      const versions = this.#versions.get(sector);
      if (versions === undefined) this.#versions.set(sector, [version]);
      else versions.push(version);
    }
  }

  /** Grows by zeros, which need no sync of their own: what never was written reads as zeros. */
  extend(size: number): void {
    this.#reserve(size);
    this.#size = Math.max(this.#size, size);
  }

  truncate(size: number): void {
    this.#cache.fill(0, size);
    this.#size = size;
    for (const sector of this.#versions.keys())
      if (sector * sectorBytes >= size) this.#versions.delete(sector);
  }

  /** What is to become durable by a sync that begins now. */
  mark(): { readonly order: number; readonly size: number } {
    return { order: this.#order, size: this.#size };
  }

  /** A sync has succeeded: what was written before its mark is durable, or so much of it as lies within these bytes. */
  synced({ order, size }: { readonly order: number; readonly size: number }, bytes = wholeFile): void {
    this.#durableSize = size;
    for (const [sector, versions] of this.#versions) {
      if (!touches(sector, bytes)) continue;
      const last = versions.findLast((version) => version.order <= order);
      if (last === undefined) continue;
      this.#toDisk(sector, last.bytes);
      const newer = versions.filter((version) => version.order > order);
      if (newer.length === 0) this.#versions.delete(sector);
      else this.#versions.set(sector, newer);
    }
  }

  /** A sync has failed: some of it is durable, the rest never will be, and the cache shows all of it as if it were. */
  syncFailed({ order }: { readonly order: number }, chance: Chance, bytes = wholeFile): void {
    for (const [sector, versions] of this.#versions) {
      if (!touches(sector, bytes)) continue;
      const last = versions.findLast((version) => version.order <= order);
      if (last === undefined) continue;
      if (chance.happens(0.3)) this.#toDisk(sector, last.bytes);
      const newer = versions.filter((version) => version.order > order);
      if (newer.length === 0) this.#versions.delete(sector);
      else this.#versions.set(sector, newer);
    }
  }

  /** The power fails: the disk keeps what was synced and of the rest what chance will have. */
  crash(loss: Loss, chance: Chance): CrashLoss {
    const survivors: number[] = [];
    const victims: number[] = [];
    const kept = loss === 'tail' ? chance.below(this.#versions.size + 1) : 0;
    let number = 0;
    for (const [sector, versions] of [...this.#versions].sort(([one], [other]) => one - other)) {
      // Either the newest, or any, or what was there before.
      let version: Version | undefined;
      if (loss === 'nothing' || (loss === 'tail' && number < kept)) version = versions.at(-1);
      else if (loss === 'some') version = versions[chance.below(versions.length + 1)];
      if (version !== undefined) this.#toDisk(sector, version.bytes);
      // Ordered by write, then by place.
      for (const { order } of versions)
        (order <= (version?.order ?? 0) ? survivors : victims).push(order * mostSectors + sector);
      number += 1;
    }
    const keepsSize = loss === 'nothing' || (loss !== 'all' && chance.happens(0.5));
    if (keepsSize) this.#durableSize = this.#size;
    this.#versions.clear();
    this.#size = this.#durableSize;
    this.#cache = this.#disk.slice();
    this.#reserve(this.#size);
    this.#cache.fill(0, this.#size);
    return {
      lost: victims.length > 0,
      torn: victims.some((victim) => survivors.some((survivor) => orderOf(survivor) === orderOf(victim))),
      reordered: Math.max(-1, ...survivors) > Math.min(Infinity, ...victims),
    };
  }

  /** Decay: one bit of what is stored is another. */
  flip(position: number, bit: number): void {
    for (const bytes of [this.#cache, this.#disk])
      if (position < bytes.length) bytes[position] = (bytes[position] ?? 0) ^ (1 << bit);
  }

  /** As the disk would have it after a power failure that loses all that may be lost. */
  durableCopy(): Inode {
    const copy = new Inode();
    copy.#disk = this.#disk.slice();
    copy.#cache = this.#disk.slice();
    copy.#size = this.#durableSize;
    copy.#durableSize = this.#durableSize;
    copy.#reserve(copy.#size);
    copy.#cache.fill(0, copy.#size);
    return copy;
  }

  #toDisk(sector: number, bytes: Uint8Array): void {
    const end = sector * sectorBytes + bytes.length;
    if (end > this.#disk.length) this.#disk = grown(this.#disk, end);
    this.#disk.set(bytes, sector * sectorBytes);
  }

  #reserve(size: number): void {
    const whole = Math.ceil(size / sectorBytes) * sectorBytes;
    if (whole > this.#cache.length) this.#cache = grown(this.#cache, whole);
  }
}
