import { dirname, join } from 'node:path/posix';
import type { Index, Term } from '../core/types.ts';
import {
  indexOfName,
  isPartName,
  isSnapshotName,
  partName,
  readFooter,
  snapshotName,
  type SnapshotHead,
  type SnapshotMeta,
} from './snapshot-format.ts';
import { noSums, resumeFrom, verifyDigest } from './snapshot-progress.ts';
import { SnapshotWriter, type SnapshotWriterParts } from './snapshot-writer.ts';
import { inTurn, unfinishedSuffix } from './spare-segment.ts';
import { StorageError } from './storage-error.ts';
import type { Done, Vfs, VfsFile } from './vfs.ts';

const progressSuffix = '.progress';

/** A snapshot's data, to be sent or restored. It stays readable when its file is removed. */
export class SnapshotReader {
  readonly meta: SnapshotMeta;
  readonly #file: VfsFile;

  constructor(meta: SnapshotMeta, file: VfsFile) {
    this.meta = meta;
    this.#file = file;
  }

  /** Reads data from an offset on. `bytes` is less than asked for at the end of the data only. */
  read(into: Uint8Array, offset: number, done: (error: Error | undefined, bytes: number) => void): void {
    const wanted = into.subarray(0, Math.max(Math.min(into.length, this.meta.size - offset), 0));
    this.#file.readLater(wanted, offset, done);
  }

  close(): void {
    this.#file.close();
  }
}

type Opened = (error: StorageError | undefined, writer: SnapshotWriter | undefined) => void;

/**
 * The snapshots of a member, each in a file of one folder. A file has its name only when all of it is durable, so that
 * a crash leaves a snapshot that can be used, or none of that name. Whoever takes or receives one then has the log
 * record it, and only after that removes what is older: first the file, then the word of it, then the deletion.
 *
 * Callbacks are called once, some before the call that they were given to has returned.
 */
export class SnapshotStore {
  readonly #vfs: Vfs;
  readonly #directory: string;
  readonly #syncEveryBytes: number;
  /** Complete as far as their footers say, newest first. */
  #metas: SnapshotMeta[] = [];
  /** Names of those whose data was seen to have their digest. */
  readonly #verified = new Set<string>();
  /** By path; `opening` until it can be written. */
  readonly #writers = new Map<string, SnapshotWriter | 'opening'>();

  /**
   * @param directory absolute, for snapshots only; it is made when it is not there, the folder above it is not
   * @param syncEveryBytes how much of a transfer a crash may cost, at most
   */
  constructor(vfs: Vfs, directory: string, syncEveryBytes = 8 * 1024 * 1024) {
    this.#vfs = vfs;
    this.#directory = directory;
    this.#syncEveryBytes = syncEveryBytes;
  }

  /** Looks what there is, and removes what a crash left half written, except what can go on being received. */
  open(done: (error?: StorageError) => void): void {
    const vfs = this.#vfs;
    try {
      vfs.makeDirectory(this.#directory);
      const names = vfs.list(this.#directory);
      const useless = names.filter(
        (name) =>
          name.endsWith(unfinishedSuffix) ||
          (name.endsWith(progressSuffix) && !names.includes(name.slice(0, -progressSuffix.length))),
      );
      for (const name of names.filter(isSnapshotName)) this.#look(name);
      const steps = [
        ...useless.map((name) => (next: Done) => vfs.remove(join(this.#directory, name), next)),
        // A name may be seen without being durable, when only the process died.
        (next: Done) => vfs.syncDirectory(this.#directory, next),
        (next: Done) => vfs.syncDirectory(dirname(this.#directory), next),
      ];
      inTurn(steps, (error) => done(error && this.#failed('opened', error)));
    } catch (error) {
      done(this.#failed('opened', error));
    }
  }

  /** Those that are complete, newest first. Whether their data is right is known once it is verified. */
  list(): readonly SnapshotMeta[] {
    return this.#metas;
  }

  /** Begins one that this member takes. */
  create(head: SnapshotHead, done: Opened): void {
    const vfs = this.#vfs;
    const path = join(this.#directory, snapshotName(head) + unfinishedSuffix);
    if (this.#writers.has(path)) {
      done(this.#failed('begun', new Error('it is being written')), undefined);
      return;
    }
    this.#writers.set(path, 'opening');
    vfs.create(path, (error, file) => {
      if (file === undefined) {
        this.#writers.delete(path);
        done(this.#failed('begun', error), undefined);
        return;
      }
      done(undefined, this.#writer({ vfs, path, file, head, sums: noSums(), transfer: undefined }));
    });
  }

  /**
   * Begins one that another member sends, or goes on with it: its `offset` says from where on it is to be sent. While
   * a writer of the same snapshot is not ended it is given again, so that a new connection goes on where the old one
   * stopped. What was received of others, and nobody is writing, is removed.
   */
  receive(meta: SnapshotMeta, done: Opened): void {
    const vfs = this.#vfs;
    const path = join(this.#directory, partName(meta));
    const progressPath = path + progressSuffix;
    const active = this.#writers.get(path);
    if (active === 'opening' || active?.isBusy === true) {
      done(this.#failed('received', new Error('it is being written')), undefined);
      return;
    }
    if (active !== undefined) {
      done(undefined, active);
      return;
    }
    this.#writers.set(path, 'opening');
    let removals: ((next: Done) => void)[];
    try {
      removals = this.#removals(this.#abandoned(Infinity));
    } catch (error) {
      this.#writers.delete(path);
      done(this.#failed('received', error), undefined);
      return;
    }
    const opened: VfsFile[] = [];
    const open = (each: string, next: Done, use: (file: VfsFile) => void): void =>
      openOrCreate(vfs, each, (error, file) => {
        if (file === undefined) {
          next(error);
          return;
        }
        opened.push(file);
        use(file);
      });
    const fail = (error: Error | undefined): void => {
      for (const file of opened) file.close();
      this.#writers.delete(path);
      done(this.#failed('received', error), undefined);
    };
    inTurn(removals, (error) => {
      if (error !== undefined) {
        fail(error);
        return;
      }
      open(path, fail, (file) =>
        open(progressPath, fail, (progress) =>
          resumeFrom(file, progress, (readError, sums, stops) => {
            if (readError !== undefined) {
              fail(readError);
              return;
            }
            file.truncate(sums.bytes, (failed) => {
              if (failed !== undefined) {
                fail(failed);
                return;
              }
              const transfer = { meta, progressPath, progress, stops };
              done(undefined, this.#writer({ vfs, path, file, head: meta, sums, transfer }));
            });
          }),
        ),
      );
    });
  }

  /** @returns undefined when it is not there (any more) */
  read(index: Index, term: Term): SnapshotReader | undefined {
    const meta = this.#metas.find((each) => each.index === index && each.term === term);
    if (meta === undefined) return undefined;
    try {
      return new SnapshotReader(meta, this.#vfs.open(join(this.#directory, snapshotName(meta)), 'read'));
    } catch (error) {
      throw this.#failed('opened', error);
    }
  }

  /**
   * Reads the newest one, and older ones while their data is not what it was, which are forgotten then.
   * @param done told which is right; undefined when none is
   */
  newestValid(done: (error: StorageError | undefined, meta: SnapshotMeta | undefined) => void): void {
    const [meta] = this.#metas;
    if (meta === undefined) {
      done(undefined, undefined);
      return;
    }
    const name = snapshotName(meta);
    let file: VfsFile;
    try {
      file = this.#vfs.open(join(this.#directory, name), 'read');
    } catch (error) {
      done(this.#failed('opened', error), undefined);
      return;
    }
    verifyDigest(file, meta.size, meta.sha256, (error, isRight) => {
      file.close();
      if (error !== undefined) {
        done(this.#failed('read', error), undefined);
        return;
      }
      if (isRight) {
        this.#verified.add(name);
        done(undefined, meta);
        return;
      }
      this.#metas = this.#metas.filter((each) => each !== meta);
      this.newestValid(done);
    });
  }

  /** Somebody has read all of it, and it is right. */
  found(meta: SnapshotMeta): void {
    this.#verified.add(snapshotName(meta));
  }

  /**
   * Removes what is older than one that is known to be right: written by this process, found by newestValid, or read.
   * What was received of others as old goes with it; newer ones stay, whether they are known to be right or not.
   * @param than that one's index. Where it is not known to be right the next older one that is takes its place, and
   *   where none is nothing is removed.
   */
  removeOlder(than: Index, done: (error?: StorageError) => void): void {
    const oldest = this.#metas.find((meta) => meta.index <= than && this.#verified.has(snapshotName(meta)));
    if (oldest === undefined) {
      done();
      return;
    }
    let names: readonly string[];
    try {
      names = this.#vfs.list(this.#directory);
    } catch (error) {
      done(this.#failed('listed', error));
      return;
    }
    // Names are in the order of what they stand for.
    const old = names.filter((name) => isSnapshotName(name) && name < snapshotName(oldest));
    this.#metas = this.#metas.filter((meta) => !old.includes(snapshotName(meta)));
    for (const name of old) this.#verified.delete(name);
    inTurn(this.#removals([...old, ...this.#abandoned(oldest.index)]), (error) =>
      done(error && this.#failed('removed', error)),
    );
  }

  #writer(parts: Omit<SnapshotWriterParts, 'onEnd' | 'syncEveryBytes'>): SnapshotWriter {
    const writer = new SnapshotWriter({
      ...parts,
      syncEveryBytes: this.#syncEveryBytes,
      onEnd: (complete) => {
        this.#writers.delete(parts.path);
        if (complete === undefined) return;
        this.#verified.add(snapshotName(complete));
        this.#add(complete);
      },
    });
    this.#writers.set(parts.path, writer);
    return writer;
  }

  #look(name: string): void {
    const file = this.#vfs.open(join(this.#directory, name), 'read');
    try {
      const meta = readFooter(file);
      if (meta !== undefined && snapshotName(meta) === name) this.#add(meta);
    } finally {
      file.close();
    }
  }

  #add(meta: SnapshotMeta): void {
    const others = this.#metas.filter((each) => snapshotName(each) !== snapshotName(meta));
    this.#metas = [...others, meta].sort((a, b) => b.index - a.index || b.term - a.term);
  }

  /** Parts, up to an index, that nobody is writing, and what belongs to them. */
  #abandoned(index: Index): string[] {
    return this.#vfs.list(this.#directory).filter((name) => {
      const part = name.endsWith(progressSuffix) ? name.slice(0, -progressSuffix.length) : name;
      return (
        isPartName(part) && indexOfName(part) <= index && !this.#writers.has(join(this.#directory, part))
      );
    });
  }

  #removals(names: readonly string[]): ((done: Done) => void)[] {
    return names.map((name) => (done) => {
      this.#vfs.remove(join(this.#directory, name), (error) => {
        // Another round of removals, which is still under way, was faster.
        const isGone = (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
        done(isGone ? undefined : error);
      });
    });
  }

  #failed(what: string, cause: unknown): StorageError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new StorageError(
      'snapshot_failed',
      `A snapshot in ${this.#directory} could not be ${what}: ${reason}.`,
      {
        file: this.#directory,
        cause,
      },
    );
  }
}

const openOrCreate = (
  vfs: Vfs,
  path: string,
  done: (error: Error | undefined, file: VfsFile | undefined) => void,
): void => {
  let file: VfsFile;
  try {
    file = vfs.open(path, 'write');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') vfs.create(path, done);
    else done(error as Error, undefined);
    return;
  }
  done(undefined, file);
};
