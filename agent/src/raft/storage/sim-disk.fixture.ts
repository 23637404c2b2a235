import { dirname } from 'node:path/posix';
import type { Done, Vfs, VfsFile } from './vfs.ts';

/** Numbers in [0, 1) that a seed determines (mulberry32). */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
};

export const diskError = (code: string): Error => Object.assign(new Error(`${code}: simulated`), { code });

const sectorBytes = 512;

/** What a crash does to a sector or name that was changed without being synced. */
export type Fate = (versions: number) => number;

/** A file's bytes: those the processes see, those that are durable, and what is in between, sector by sector. */
class Inode {
  content: Buffer = Buffer.alloc(0);
  durable: Buffer = Buffer.alloc(0);
  /** Contents that a sector had since it was durable, oldest first. */
  readonly dirty = new Map<number, Buffer[]>();

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    if (end > this.content.length)
      this.content = Buffer.concat([this.content, Buffer.alloc(end - this.content.length)]);
    this.content.set(bytes, position);
    for (let sector = Math.floor(position / sectorBytes); sector * sectorBytes < end; sector += 1) {
      const versions = this.dirty.get(sector) ?? [];
      versions.push(Buffer.from(this.content.subarray(sector * sectorBytes, (sector + 1) * sectorBytes)));
      this.dirty.set(sector, versions);
    }
  }

  truncate(size: number): void {
    this.content = Buffer.from(this.content.subarray(0, size));
    this.durable = Buffer.from(this.durable.subarray(0, size));
    for (const sector of this.dirty.keys()) if (sector * sectorBytes >= size) this.dirty.delete(sector);
  }

  /**
   * @param bytes at which place; all when left out
   * @returns what makes durable what is written there now, and not what is written until it is called
   */
  sync(bytes = { from: 0, to: this.content.length }): () => void {
    const sectors = [...this.dirty]
      .filter(([sector]) => (sector + 1) * sectorBytes > bytes.from && sector * sectorBytes < bytes.to)
      .map(([sector, versions]) => ({ sector, count: versions.length }));
    const size = this.content.length;
    return () => {
      for (const { sector, count } of sectors) {
        const versions = this.dirty.get(sector) ?? [];
        const bytes = versions[count - 1];
        if (bytes !== undefined) this.durable = withSector(this.durable, sector, bytes);
        if (versions.length <= count) this.dirty.delete(sector);
        else versions.splice(0, count);
      }
      if (this.durable.length < size) this.durable = grown(this.durable, size);
    };
  }

  /** A failed sync: what was to be written is seen as before, is taken for clean, and is not on the disk. */
  lose(): void {
    this.dirty.clear();
  }

  copy(): Inode {
    const copied = new Inode();
    copied.content = Buffer.from(this.content);
    copied.durable = this.durable;
    for (const [sector, versions] of this.dirty) copied.dirty.set(sector, [...versions]);
    return copied;
  }

  afterCrash(fate: Fate): Inode {
    const left = new Inode();
    let bytes = this.durable;
    // The size is metadata of its own: it may be lost where data is not.
    if (this.content.length > bytes.length && fate(1) === 1) bytes = grown(bytes, this.content.length);
    const size = bytes.length;
    for (const [sector, versions] of this.dirty) {
      const version = versions[fate(versions.length) - 1];
      if (version !== undefined) bytes = withSector(bytes, sector, version);
    }
    left.durable = Buffer.from(bytes.subarray(0, size));
    left.content = Buffer.from(left.durable);
    return left;
  }
}

const grown = (bytes: Buffer, size: number): Buffer =>
  Buffer.concat([bytes, Buffer.alloc(size - bytes.length)]);

const withSector = (bytes: Buffer, sector: number, content: Buffer): Buffer => {
  const at = sector * sectorBytes;
  const changed = at + content.length > bytes.length ? grown(bytes, at + content.length) : Buffer.from(bytes);
  changed.set(content, at);
  return changed;
};

interface NameChange {
  readonly directory: string;
  readonly apply: (names: Map<string, Inode>) => unknown;
}

/** One operation, as it is given to the disk. */
export interface DiskOperation {
  readonly kind:
    | 'create'
    | 'write'
    | 'writeDurably'
    | 'sync'
    | 'preallocate'
    | 'truncate'
    | 'rename'
    | 'remove'
    | 'syncDirectory'
    | 'readLater';
  readonly path: string;
  /** From 0, counting all operations of the disk. */
  readonly number: number;
}

/**
 * A disk in memory that completes operations when it is told to, remembers what it was asked for, fails where it is
 * told to, and can crash: of what was not synced, any sector of 512 bytes and any change of a name is lost or kept.
 */
export class SimDisk implements Vfs {
  readonly trace: DiskOperation[] = [];
  /**
   * Makes an operation fail. Of a write that fails, the first half of the sectors is written; of a durable one either
   * that, or all of it and then the sync fails.
   */
  fault: (operation: DiskOperation) => Error | undefined = () => undefined;
  /** Called whenever a crash would find something else than before. */
  onChange: () => void = () => undefined;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #nameChanges: NameChange[] = [];
  #events: (() => void)[] = [];

  /** Completes what was begun first. @returns false when there is nothing */
  step(): boolean {
    const event = this.#events.shift();
    event?.();
    return event !== undefined;
  }

  /** Completes everything, and what follows from it, or until something is true. */
  run(until: () => boolean = () => false): void {
    while (!until() && this.step());
  }

  /** The disk after a power cut. */
  crashed(fate: Fate): SimDisk {
    const disk = new SimDisk();
    const names = new Map(this.#durableNames);
    for (const { apply } of this.#nameChanges) if (fate(1) === 1) apply(names);
    const inodes = new Map([...new Set(names.values())].map((inode) => [inode, inode.afterCrash(fate)]));
    for (const [path, inode] of names) disk.#durableNames.set(path, inodes.get(inode)!);
    disk.#names = new Map(disk.#durableNames);
    return disk;
  }

  /** The disk after the process died: what it began is told to nobody, what it wrote is seen, durable or not. */
  killed(): SimDisk {
    const disk = new SimDisk();
    const inodes = [...this.#names.values(), ...this.#durableNames.values()];
    const copies = new Map([...new Set(inodes)].map((inode) => [inode, inode.copy()]));
    const copied = (names: Map<string, Inode>): Map<string, Inode> =>
      new Map([...names].map(([path, inode]) => [path, copies.get(inode)!]));
    disk.#names = copied(this.#names);
    disk.#durableNames = copied(this.#durableNames);
    // Changes of names are told as their sum: each name is as it was or as it is.
    for (const path of new Set([...this.#names.keys(), ...this.#durableNames.keys()])) {
      const inode = disk.#names.get(path);
      if (inode === disk.#durableNames.get(path)) continue;
      const apply = (names: Map<string, Inode>): unknown =>
        inode === undefined ? names.delete(path) : names.set(path, inode);
      disk.#nameChanges.push({ directory: dirname(path), apply });
    }
    return disk;
  }

  /** The bytes of a file as processes see them, to look at or damage. */
  bytesOf(path: string): Buffer {
    return this.#inode(path).content;
  }

  /** Puts a file in place, durable. */
  plant(path: string, bytes: Uint8Array): void {
    const inode = new Inode();
    inode.content = Buffer.from(bytes);
    inode.durable = Buffer.from(bytes);
    this.#names.set(path, inode);
    this.#durableNames.set(path, inode);
  }

  erase(path: string): void {
    this.#names.delete(path);
    this.#durableNames.delete(path);
  }

  open(path: string): VfsFile {
    return this.#file(path, this.#inode(path));
  }

  create(path: string, done: (error: Error | undefined, file: VfsFile | undefined) => void): void {
    this.#begin('create', path, (error) => {
      if (error !== undefined) {
        done(error, undefined);
        return;
      }
      const inode = new Inode();
      this.#rename(dirname(path), (names) => names.set(path, inode));
      done(undefined, this.#file(path, inode));
    });
  }

  list(directory: string): readonly string[] {
    const prefix = `${directory}/`;
    return [...this.#names.keys()]
      .filter((path) => dirname(path) === directory)
      .map((path) => path.slice(prefix.length));
  }

  makeDirectory(): void {
    // Folders are there as soon as something is in them.
  }

  rename(from: string, to: string, done: Done): void {
    this.#begin('rename', from, (error) => {
      if (error !== undefined) {
        done(error);
        return;
      }
      const inode = this.#names.get(from);
      if (inode === undefined) {
        done(diskError('ENOENT'));
        return;
      }
      this.#rename(dirname(to), (names) => {
        if (names.get(from) !== inode) return;
        names.delete(from);
        names.set(to, inode);
      });
      done();
    });
  }

  remove(path: string, done: Done): void {
    this.#begin('remove', path, (error) => {
      if (error !== undefined) {
        done(error);
        return;
      }
      const inode = this.#names.get(path);
      if (inode === undefined) {
        done(diskError('ENOENT'));
        return;
      }
      this.#rename(dirname(path), (names) => {
        if (names.get(path) === inode) names.delete(path);
      });
      done();
    });
  }

  syncDirectory(path: string, done: Done): void {
    const changes = this.#nameChanges.filter(({ directory }) => directory === path);
    this.#begin('syncDirectory', path, (error) => {
      if (error !== undefined) {
        done(error);
        return;
      }
      for (const { apply } of changes) apply(this.#durableNames);
      this.#nameChanges = this.#nameChanges.filter((change) => !changes.includes(change));
      done();
    });
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw diskError('ENOENT');
    return inode;
  }

  #rename(directory: string, apply: (names: Map<string, Inode>) => void): void {
    apply(this.#names);
    this.#nameChanges.push({ directory, apply });
  }

  /** @returns the operation's error, which is already decided */
  #begin(
    kind: DiskOperation['kind'],
    path: string,
    complete: (error: Error | undefined) => void,
  ): Error | undefined {
    const operation = { kind, path, number: this.trace.length };
    this.trace.push(operation);
    const error = this.fault(operation);
    this.#events.push(() => {
      complete(error);
      this.onChange();
    });
    return error;
  }

  #file(path: string, inode: Inode): VfsFile {
    let isOpen = true;
    const use = (): Inode => {
      if (!isOpen) throw diskError('EBADF');
      return inode;
    };
    const read = (into: Uint8Array, position: number): number => {
      const bytes = use().content.subarray(position, position + into.length);
      into.set(bytes);
      return bytes.length;
    };
    const write = (
      kind: 'write' | 'writeDurably' | 'preallocate',
      bytes: Buffer,
      position: number,
      done: Done,
    ): void => {
      use();
      const syncFails = kind === 'writeDurably' && this.trace.length % 2 === 0;
      let makeDurable = (): void => undefined;
      const failed = this.#begin(kind, path, (error) => {
        use();
        if (error === undefined) makeDurable();
        else if (syncFails) inode.lose();
        done(error);
      });
      const middle = Math.floor((position + bytes.length / 2) / sectorBytes) * sectorBytes;
      const isWhole = failed === undefined || syncFails;
      inode.write(isWhole ? bytes : bytes.subarray(0, Math.max(middle - position, 0)), position);
      if (kind === 'writeDurably') makeDurable = inode.sync({ from: position, to: position + bytes.length });
      this.onChange();
    };
    return {
      size: () => use().content.length,
      read,
      readLater: (into, position, done) => {
        use();
        this.#begin('readLater', path, (error) =>
          error === undefined ? done(undefined, read(into, position)) : done(error, 0),
        );
      },
      write: (chunks, position, done) => write('write', Buffer.concat(chunks), position, done),
      writeDurably: (chunks, position, done) => write('writeDurably', Buffer.concat(chunks), position, done),
      sync: (done) => {
        const makeDurable = use().sync();
        this.#begin('sync', path, (error) => {
          use();
          if (error === undefined) makeDurable();
          else inode.lose();
          done(error);
        });
      },
      preallocate: (bytes, done) => {
        const { length } = use().content;
        write('preallocate', Buffer.alloc(bytes - length), length, done);
      },
      truncate: (size, done) => {
        use();
        this.#begin('truncate', path, (error) => {
          if (error === undefined) inode.truncate(size);
          done(error);
        });
      },
      close: () => {
        use();
        isOpen = false;
      },
    };
  }
}
