import { assert } from '../core/assert.ts';
import type { LogStorage } from '../core/log-storage.ts';
import type { AppendWork } from '../core/ready.ts';
import { entrySize, type ConfState, type Entry, type HardState, type Index } from '../core/types.ts';
import type { Snapshot, Term } from '../core/types.ts';
import { ActiveSegment } from './active-segment.ts';
import type { Position } from './log-index.ts';
import { LogState } from './log-state.ts';
import { pieceOfCompaction, pieceOfNothing, pieceOfSnapshot, pieceOfWork } from './piece.ts';
import type { Group, Piece } from './piece.ts';
import { readStretch } from './segment-reader.ts';
import type { WalIdentity } from './segment.ts';
import type { SegmentSet } from './segment-set.ts';
import type { SpareSegment } from './spare-segment.ts';
import { StorageError, WalFailedError } from './storage-error.ts';
import { TailCache } from './tail-cache.ts';
import { isOutOfSpace } from './vfs.ts';

/** Of a record that was not written yet. */
const nowhere: Position = { sequence: 0, offset: 0, seed: 0 };

/** What opening a log makes a Wal of. */
export interface WalParts {
  readonly identity: WalIdentity;
  readonly state: LogState;
  readonly active: ActiveSegment;
  readonly segments: SegmentSet;
  readonly spare: SpareSegment;
  readonly cacheBytes: number;
  /** In milliseconds, to measure the disk. */
  readonly now: () => number;
  /** Called once, when the log is over: nothing is acknowledged any more, and the member must stop. */
  readonly onFailure: (error: WalFailedError) => void;
  /** Called when something went wrong that the log can live with for now, such as no space for the next segment. */
  readonly onTrouble: (error: StorageError) => void;
}

/** For metrics; what counts up does so from when the log was opened. */
export interface WalStats {
  readonly segments: number;
  /** Bytes of records that wait for the disk, are on their way, or are held back until something else is written. */
  readonly queuedBytes: number;
  /** Durable writes. */
  readonly syncs: number;
  /** How long they took in all. */
  readonly syncSeconds: number;
  readonly writtenBytes: number;
}

/**
 * The write-ahead log of a member: entries, hard state, and word of snapshots, in segments of one folder.
 *
 * Work is queued and written in groups: at most one group is on its way to the disk, with one durable write, and what
 * comes meanwhile makes up the next. Reads cover what was reported as done, no more and no less.
 *
 * What need not be durable, word of a commit index, is done at once and held back until something else is written: a
 * write of its own would be in the way of what comes next, and what it says can be learned again.
 *
 * What fails to be written or synced is never tried again: after a failed sync the kernel takes the pages for clean, so
 * that a second one would succeed without having written anything.
 *
 * Open one with `openWal`.
 */
export class Wal implements LogStorage {
  readonly #parts: WalParts;
  readonly #state: LogState;
  readonly #initial: { readonly hardState: HardState; readonly config: ConfState };
  /** The log with what is queued, to check what comes next: it finds no entries. */
  readonly #head: LogState;
  readonly #cache: TailCache;
  #active: ActiveSegment;
  #queue: Piece[] = [];
  /** What was said to be done without being written; it goes before what is written next. */
  #held: Piece | undefined;
  #queuedBytes = 0;
  #syncs = 0;
  #syncSeconds = 0;
  #writtenBytes = 0;
  /** Whether a write of the active segment is under way. */
  #busy = false;
  /** The last time that space was asked for there was none. */
  #isShortOfSpace = false;
  #failure: WalFailedError | undefined;
  /** It was given up while the disk was busy. */
  #isHung = false;
  #closing: (() => void) | undefined;
  #closed = false;

  constructor(parts: WalParts) {
    this.#parts = parts;
    this.#state = parts.state;
    this.#active = parts.active;
    this.#cache = new TailCache(parts.cacheBytes);
    const { summary } = parts.state;
    this.#initial = { hardState: summary.hardState, config: summary.snapshot.config };
    this.#head = new LogState(summary);
    this.#dropUnneeded(true);
    this.#prepareSpare();
  }

  initialState(): { readonly hardState: HardState; readonly config: ConfState } {
    return this.#initial;
  }

  firstIndex(): Index {
    return this.#state.firstIndex;
  }

  lastIndex(): Index {
    return this.#state.lastIndex;
  }

  term(index: Index): Term | undefined {
    return this.#state.term(index);
  }

  entries(from: Index, to: Index, maxBytes: number): readonly Entry[] | undefined {
    if (from < this.#state.firstIndex) return undefined;
    const end = Math.min(to, this.#state.lastIndex + 1);
    const found: Entry[] = [];
    let left = maxBytes;
    while (from + found.length < end) {
      const next = from + found.length;
      const { part, limit } = this.#part(next, end, left);
      for (const entry of part) {
        left -= entrySize(entry);
        if (found.length > 0 && left < 0) return found;
        found.push(entry);
      }
      if (from + found.length < limit) return found;
    }
    return found;
  }

  snapshot(): Snapshot | undefined {
    const { snapshot } = this.#state.summary;
    return snapshot.index === 0 ? undefined : snapshot;
  }

  get failure(): WalFailedError | undefined {
    return this.#failure;
  }

  get stats(): WalStats {
    return {
      segments: this.#parts.segments.count,
      queuedBytes: this.#queuedBytes,
      syncs: this.#syncs,
      syncSeconds: this.#syncSeconds,
      writtenBytes: this.#writtenBytes,
    };
  }

  /**
   * Queues work. What waits here is bounded by what the core hands out before earlier work is done.
   * @param done called in the order of the calls, once it is durable; never when the log has failed. Possibly before
   *   the call returns, for work that need not be durable
   * @throws RaftInvariantError for work that a correct core does not hand out; the member must stop
   */
  append(work: AppendWork, done: () => void): void {
    this.#enqueue(pieceOfWork(work, done));
  }

  /**
   * Records that the state up to this snapshot is safe in a file, which is durable; the log stays as it is.
   * Where another member sent it, `append` with work that holds the snapshot does it; one that was taken meanwhile
   * and is older is no news.
   */
  recordSnapshot(snapshot: Snapshot, done: () => void): void {
    const isNews = snapshot.index >= this.#head.summary.snapshot.index;
    this.#enqueue(isNews ? pieceOfSnapshot(snapshot, done) : pieceOfNothing(done));
  }

  /**
   * Gives up the entries up to this one, all of which the last recorded snapshot holds, and removes the segments
   * that hold nothing else once word of it is durable.
   */
  compact(index: Index, done: () => void): void {
    if (index <= this.#head.summary.compacted.index) {
      this.#enqueue(pieceOfNothing(done));
      return;
    }
    const term = this.#state.term(index);
    assert(term !== undefined, 'entry %, up to which is to be compacted, is not in the log', index);
    this.#enqueue(pieceOfCompaction({ index, term }, done));
  }

  /** Completes what is queued, unless the log has failed, and lets go of the files. */
  close(done: () => void): void {
    if (this.#closing !== undefined) throw new Error('the log is being closed already');
    this.#closing = done;
    if (this.#isHung) this.#end(done);
    else this.#next();
  }

  /**
   * The disk has not answered for too long: the log has failed, as if that had reported an error. What it says later is
   * told to nobody, and the files stay open, since it may be using them.
   */
  giveUp(): void {
    this.#isHung = true;
    this.#fail('writing', this.#active.path, new Error('the disk has not answered for too long'));
    if (this.#closing !== undefined) this.#end(this.#closing);
  }

  #end(closed: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    closed();
  }

  #part(
    from: Index,
    to: Index,
    maxBytes: number,
  ): { readonly part: readonly Entry[]; readonly limit: Index } {
    const cached = this.#cache.first;
    if (from >= cached) return { part: this.#cache.slice(from, to, maxBytes), limit: to };
    const stretch = this.#state.stretchOf(from, to);
    if (stretch === undefined) throw new Error(`no segment holds entry ${from}`);
    const { file, path } = this.#parts.segments.of(stretch.sequence);
    const limit = Math.min(to, cached, stretch.limit);
    try {
      return { part: readStretch(file, path, stretch, from, limit, maxBytes), limit };
    } catch (error) {
      this.#fail('reading', path, error);
      throw error;
    }
  }

  #enqueue(piece: Piece): void {
    if (this.#closing !== undefined) throw new Error('the log is closed');
    if (this.#failure !== undefined) return;
    for (const plan of piece.plans) plan.apply(this.#head, nowhere);
    this.#queue.push(piece);
    this.#queuedBytes += piece.bytes;
    this.#next();
  }

  /** Begins what is next, unless something is under way. */
  #next(): void {
    if (this.#busy) return;
    this.#holdBack();
    const [piece] = this.#queue;
    if (piece === undefined || this.#failure !== undefined) {
      if (this.#closing !== undefined) this.#finish(this.#closing);
    } else if (this.#active.hasRoomFor(this.#withHeld([piece]))) {
      const pieces = this.#withHeld(this.#queue);
      const group = pieces.slice(0, this.#active.groupSize(pieces));
      this.#queue = pieces.slice(group.length);
      this.#held = undefined;
      this.#write(group);
    } else {
      this.#roll();
    }
  }

  #withHeld(pieces: readonly Piece[]): Piece[] {
    return this.#held === undefined ? [...pieces] : [this.#held, ...pieces];
  }

  /** Of what is next, says that it is done if it need not be durable; the newest of it speaks for all. */
  #holdBack(): void {
    // What is appended meanwhile goes behind it.
    this.#busy = true;
    try {
      for (let [piece] = this.#queue; piece?.mustSync === false; [piece] = this.#queue) {
        this.#queue.shift();
        if (piece.plans.length > 0) {
          this.#release();
          this.#held = { ...piece, done: () => undefined };
        }
        piece.done();
      }
    } finally {
      this.#busy = false;
    }
  }

  /** Forgets what is held back. */
  #release(): void {
    this.#queuedBytes -= this.#held?.bytes ?? 0;
    this.#held = undefined;
  }

  #write(pieces: readonly Piece[]): void {
    const active = this.#active;
    const { now } = this.#parts;
    const begin = now();
    this.#busy = true;
    active.write(pieces, (error, group) => {
      this.#busy = false;
      this.#syncs += 1;
      this.#syncSeconds += (now() - begin) / 1000;
      if (error !== undefined) this.#fail('writing', active.path, error);
      else this.#complete(group);
      this.#next();
    });
  }

  #complete({ pieces, positions, bytes }: Group): void {
    this.#writtenBytes += bytes;
    // What is appended meanwhile goes into the next group, all of it.
    this.#busy = true;
    let record = 0;
    for (const { plans, entries, replacesLog, bytes: pieceBytes, done } of pieces) {
      // It may have failed otherwise since: nothing is acknowledged then, though this would be true.
      if (this.#failure !== undefined) break;
      for (const plan of plans) {
        plan.apply(this.#state, positions[record] ?? nowhere);
        record += 1;
      }
      if (replacesLog) this.#cache.clear();
      this.#cache.add(entries);
      this.#queuedBytes -= pieceBytes;
      done();
    }
    this.#busy = false;
    if (this.#failure !== undefined) return;
    this.#dropUnneeded();
    this.#parts.spare.advance(this.#active.fill);
    if (!this.#isShortOfSpace) this.#prepareSpare();
  }

  /** Goes on in the next segment. All that is in this one is durable, which the next one vouches for. */
  #roll(): void {
    const active = this.#active;
    const { spare, identity, segments } = this.#parts;
    const segment = spare.take();
    if (segment === undefined) {
      spare.advance(1);
      this.#prepareSpare();
      return;
    }
    this.#active = ActiveSegment.begin(segment, identity, this.#state.summary, active.state);
    segments.add(segment);
    this.#next();
  }

  /** Prepares the segment after this one, once this one is begun. */
  #prepareSpare(): void {
    const { spare, onTrouble } = this.#parts;
    if (this.#failure !== undefined || (this.#closing !== undefined && this.#queue.length === 0)) return;
    this.#isShortOfSpace = false;
    spare.prepare(this.#active.sequence + 1, (error) => {
      if (error === undefined) {
        this.#next();
        return;
      }
      const [piece] = this.#queue;
      const isNeeded = piece !== undefined && !this.#active.hasRoomFor([piece]);
      // What is held back need not be written: there may be room for the rest.
      this.#release();
      if (isNeeded || !isOutOfSpace(error)) {
        this.#fail('preparing a segment behind', this.#active.path, error);
      } else if (this.#failure === undefined) {
        this.#isShortOfSpace = true;
        const message = `There is no space to prepare a segment behind ${this.#active.path}.`;
        onTrouble(new StorageError('wal_short_of_space', message, { file: this.#active.path, cause: error }));
      }
      this.#next();
    });
  }

  /** @param hasLeftovers whether there may be some to remove from before this process */
  #dropUnneeded(hasLeftovers = false): void {
    const { segments, onTrouble } = this.#parts;
    const { firstIndex } = this.#state;
    const needed = this.#state.stretchOf(firstIndex)?.sequence ?? this.#active.sequence;
    if (needed === segments.lowest && !hasLeftovers) return;
    segments.dropBelow(needed, (error, removed) => {
      if (error !== undefined) {
        const message = `Segments of the log that are no longer needed cannot be removed: ${error.message}.`;
        onTrouble(new StorageError('wal_cannot_remove', message, { cause: error }));
      } else if (removed > 0 && this.#isShortOfSpace) this.#prepareSpare();
    });
  }

  #fail(operation: string, path: string, error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = new WalFailedError(operation, path, error);
    this.#queue = [];
    this.#held = undefined;
    this.#queuedBytes = 0;
    this.#parts.onFailure(this.#failure);
  }

  #finish(done: () => void): void {
    if (this.#closed) return;
    if (this.#failure === undefined && (this.#held !== undefined || !this.#active.isVouchedFor)) {
      const held = this.#withHeld([]);
      this.#held = undefined;
      this.#write(held);
      return;
    }
    this.#closed = true;
    const { spare, segments } = this.#parts;
    spare.close(() => segments.close(done));
  }
}
