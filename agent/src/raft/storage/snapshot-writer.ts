import { dirname, join } from 'node:path/posix';
import { encodeFooter, snapshotName, type SnapshotHead, type SnapshotMeta } from './snapshot-format.ts';
import { addTo, writeStop, type Sums } from './snapshot-progress.ts';
import { inTurn } from './spare-segment.ts';
import { StorageError } from './storage-error.ts';
import type { Done, Vfs, VfsFile } from './vfs.ts';

export interface SnapshotWriterParts {
  readonly vfs: Vfs;
  /** Of the unfinished file, in the folder of the snapshots. */
  readonly path: string;
  readonly file: VfsFile;
  readonly head: SnapshotHead;
  /** Over the data that is there already. */
  readonly sums: Sums;
  /** Of one that is received: what it must be in the end, and where to note how far it got. */
  readonly transfer:
    | {
        readonly meta: SnapshotMeta;
        readonly progressPath: string;
        readonly progress: VfsFile;
        readonly stops: number;
      }
    | undefined;
  /** So much is written before it is synced: what a resumed transfer may repeat, and what is left for the last sync. */
  readonly syncEveryBytes: number;
  /** Told once nothing more will be written. */
  readonly onEnd: (complete: SnapshotMeta | undefined) => void;
}

/**
 * Writes the data of a snapshot, piece by piece, into a file that gets its name once all is durable and right. One
 * piece at a time: the next may be given when the one before is done. After an error nothing of it is left.
 */
export class SnapshotWriter {
  readonly #parts: SnapshotWriterParts;
  #sums: Sums;
  #syncedTo: number;
  #stops: number;
  #busy = false;
  #ended = false;
  /** What waits for the piece that is being written. */
  #ending: (() => void) | undefined;

  constructor(parts: SnapshotWriterParts) {
    this.#parts = parts;
    this.#sums = parts.sums;
    this.#syncedTo = parts.sums.bytes;
    this.#stops = parts.transfer?.stops ?? 0;
  }

  /** Bytes that are written: where a transfer goes on. */
  get offset(): number {
    return this.#sums.bytes;
  }

  /** Whether a piece, or the end, is being written. */
  get isBusy(): boolean {
    return this.#busy;
  }

  /** @param chunk must not change until it is done */
  write(chunk: Uint8Array, done: (error?: StorageError) => void): void {
    const meta = this.#parts.transfer?.meta;
    const bytes = this.offset + chunk.length;
    this.#during(done, (next) => {
      if (meta !== undefined && bytes > meta.size) {
        next(invalid(this.#parts.path, `it has more than ${meta.size} bytes`));
        return;
      }
      this.#parts.file.write([chunk], this.offset, (error) => {
        if (error !== undefined) {
          next(error);
          return;
        }
        this.#sums = addTo(this.#sums, chunk);
        if (bytes - this.#syncedTo < this.#parts.syncEveryBytes) next();
        else this.#stop(next);
      });
    });
  }

  /** Makes it a snapshot: what describes it is added, all is made durable, and it gets its name. */
  finish(done: (error: StorageError | undefined, meta: SnapshotMeta | undefined) => void): void {
    const { vfs, path, file, head, transfer, onEnd } = this.#parts;
    const size = this.offset;
    const sha256 = this.#sums.sha256.copy().digest('hex');
    const { index, term, config, format } = head;
    const meta = { index, term, config, format, size, sha256 };
    const steps = [
      (next: Done) => file.write([encodeFooter(meta)], size, next),
      (next: Done) => file.sync(next),
      (next: Done) => vfs.rename(path, join(dirname(path), snapshotName(meta)), next),
      (next: Done) => vfs.syncDirectory(dirname(path), next),
    ];
    const wrong =
      transfer !== undefined && (transfer.meta.size !== size || transfer.meta.sha256 !== sha256)
        ? invalid(path, `its ${size} bytes are not the ${transfer.meta.size} that were announced, or others`)
        : undefined;
    this.#during(
      (error) => {
        if (error !== undefined) {
          done(error, undefined);
          return;
        }
        this.#close();
        const tell = (): void => {
          onEnd(meta);
          done(undefined, meta);
        };
        if (transfer === undefined) tell();
        else vfs.remove(transfer.progressPath, tell);
      },
      (next) => (wrong === undefined ? inTurn(steps, next) : next(wrong)),
    );
  }

  /** Gives it up, also while a piece is being written, whose `done` then gets an error. */
  abort(done: () => void): void {
    this.#end(() => this.#discard(done));
  }

  /** Lets go of it so that another process may go on receiving it. Of one that is not received nothing is left. */
  suspend(done: () => void): void {
    if (this.#parts.transfer === undefined) {
      this.abort(done);
      return;
    }
    this.#end(() =>
      this.#stop(() => {
        this.#close();
        this.#parts.onEnd(undefined);
        done();
      }),
    );
  }

  #end(end: () => void): void {
    if (this.#ended) throw new Error('the snapshot is ended');
    this.#ended = true;
    if (this.#busy) this.#ending = end;
    else end();
  }

  /** Runs one operation, after which what waits for its end has its turn. */
  #during(done: (error?: StorageError) => void, operation: (next: Done) => void): void {
    if (this.#busy || this.#ended) throw new Error('the snapshot is being written, or was ended');
    this.#busy = true;
    operation((error) => {
      this.#busy = false;
      if (this.#ending !== undefined) {
        done(new StorageError('snapshot_failed', `The snapshot in ${this.#parts.path} was given up.`));
        this.#ending();
      } else if (error === undefined) {
        done();
      } else {
        this.#ended = true;
        this.#discard(() => done(asFailure(error, this.#parts.path)));
      }
    });
  }

  /** Makes the data durable, and notes how far it got. */
  #stop(next: Done): void {
    const { file, transfer } = this.#parts;
    file.sync((error) => {
      if (error !== undefined) {
        next(error);
        return;
      }
      this.#syncedTo = this.offset;
      if (transfer === undefined || this.offset === 0) {
        next();
        return;
      }
      writeStop(transfer.progress, this.#stops, this.#sums, next);
      this.#stops += 1;
    });
  }

  #close(): void {
    this.#ended = true;
    this.#parts.file.close();
    this.#parts.transfer?.progress.close();
  }

  #discard(done: () => void): void {
    const { vfs, path, transfer, onEnd } = this.#parts;
    this.#close();
    // What cannot be removed now is when the store is opened again.
    vfs.remove(path, () => {
      const end = (): void => {
        onEnd(undefined);
        done();
      };
      if (transfer === undefined) end();
      else vfs.remove(transfer.progressPath, end);
    });
  }
}

const invalid = (file: string, what: string): StorageError =>
  new StorageError('snapshot_invalid', `The snapshot in ${file} is not what was sent: ${what}.`, { file });

const asFailure = (error: Error, file: string): StorageError =>
  error instanceof StorageError
    ? error
    : new StorageError('snapshot_failed', `The snapshot in ${file} could not be written: ${error.message}.`, {
        file,
        cause: error,
      });
