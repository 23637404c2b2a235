import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  ftruncate,
  mkdirSync,
  open,
  openSync,
  read,
  readdirSync,
  readSync,
  rename,
  unlink,
  writev,
  type NoParamCallback,
} from 'node:fs';
import type { Done, Vfs, VfsFile } from './vfs.ts';

/** Zeros are written and synced in pieces, between which the syncs of the log get their turn on the disk. */
const zerosAtOnce = 16;
/** One for all: memory that comes and goes in such amounts has the collector go through the whole heap. */
const zeros = new Uint8Array(64 * 1024);
const ownerOnly = 0o600;

const told =
  (done: Done): NoParamCallback =>
  (error) => {
    if (error === null) done();
    else done(error);
  };

/**
 * Another descriptor of the same file, through which every write is durable once it returns: by way of the first one,
 * since the file may have got another name meanwhile. Only where that is known to mean what fdatasync does: on macOS,
 * for one, fdatasync has the drive empty its cache, and this has not.
 * @returns undefined when there is none
 */
const openWriteThrough = (fd: number): number | undefined => {
  if (process.platform !== 'linux') return undefined;
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_DSYNC);
  } catch {
    return undefined;
  }
};

class NodeFile implements VfsFile {
  readonly #fd: number;
  /** Only once it was asked for: most files have no need of it. */
  #throughFd: { readonly fd: number | undefined } | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  size(): number {
    return fstatSync(this.#fd).size;
  }

  read(into: Uint8Array, position: number): number {
    let filled = 0;
    while (filled < into.length) {
      const bytes = readSync(this.#fd, into, filled, into.length - filled, position + filled);
      if (bytes === 0) break;
      filled += bytes;
    }
    return filled;
  }

  readLater(
    into: Uint8Array,
    position: number,
    done: (error: Error | undefined, bytes: number) => void,
    filled = 0,
  ): void {
    read(this.#fd, into, filled, into.length - filled, position + filled, (error, bytes) => {
      if (error !== null) done(error, 0);
      else if (bytes === 0 || filled + bytes === into.length) done(undefined, filled + bytes);
      else this.readLater(into, position, done, filled + bytes);
    });
  }

  /*
   * Not writevSync, though it saves a turn of the thread pool: measured on a busy disk it took up to 55 ms, because a
   * writer waits while too many pages are dirty, whoever dirtied them. Heartbeats would wait as well.
   */
  write(chunks: readonly Uint8Array[], position: number, done: Done): void {
    writeAll(this.#fd, chunks, position, done);
  }

  /** One call of the thread pool instead of two: with each, on a busy machine, it waits for a processor twice. */
  writeDurably(chunks: readonly Uint8Array[], position: number, done: Done): void {
    this.#throughFd ??= { fd: openWriteThrough(this.#fd) };
    const { fd } = this.#throughFd;
    if (fd === undefined)
      this.write(chunks, position, (error) => {
        if (error === undefined) this.sync(done);
        else done(error);
      });
    else writeAll(fd, chunks, position, done);
  }

  sync(done: Done): void {
    fdatasync(this.#fd, told(done));
  }

  preallocate(bytes: number, done: Done): void {
    this.#fill(this.size(), bytes, done);
  }

  #fill(from: number, to: number, done: Done): void {
    const next = Math.min(to, from + zerosAtOnce * zeros.length);
    const chunks: Uint8Array[] = [];
    for (let at = from; at < next; at += zeros.length) chunks.push(zeros.subarray(0, next - at));
    writeAll(this.#fd, chunks, from, (error) => {
      if (error !== undefined) done(error);
      else
        this.sync((failed) =>
          failed !== undefined || next >= to ? done(failed) : this.#fill(next, to, done),
        );
    });
  }

  truncate(size: number, done: Done): void {
    ftruncate(this.#fd, size, told(done));
  }

  close(): void {
    closeSync(this.#fd);
    if (this.#throughFd?.fd !== undefined) closeSync(this.#throughFd.fd);
  }
}

/** Writes on where a write was cut short. */
const writeAll = (fd: number, chunks: readonly Uint8Array[], position: number, done: Done): void => {
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  writev(fd, chunks, position, (error, bytes) => {
    if (error !== null) done(error);
    else if (bytes === total) done();
    else if (bytes === 0) done(new Error(`nothing of ${total} bytes was written`));
    else writeAll(fd, behind(chunks, bytes), position + bytes, done);
  });
};

const behind = (chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] => {
  let skip = bytes;
  return chunks.flatMap((chunk) => {
    const rest = chunk.subarray(Math.min(skip, chunk.length));
    skip -= chunk.length - rest.length;
    return rest.length === 0 ? [] : [rest];
  });
};

/** The file system of this machine. */
export const nodeVfs: Vfs = {
  open: (path, mode) => new NodeFile(openSync(path, mode === 'read' ? 'r' : 'r+')),
  create: (path, done) =>
    open(path, 'w+', ownerOnly, (error, fd) =>
      error === null ? done(undefined, new NodeFile(fd)) : done(error, undefined),
    ),
  list: (directory) => readdirSync(directory),
  makeDirectory: (path) => {
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  },
  rename: (from, to, done) => rename(from, to, told(done)),
  remove: (path, done) => unlink(path, told(done)),
  syncDirectory: (path, done) =>
    open(path, 'r', (error, fd) => {
      if (error !== null) {
        done(error);
        return;
      }
      fsync(fd, (failed) => {
        closeSync(fd);
        told(done)(failed);
      });
    }),
};
