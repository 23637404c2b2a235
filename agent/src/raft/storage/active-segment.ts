import { encodeGroup, groupBytes, type Group, type Piece } from './piece.ts';
import { encodeHeader, saltOf, syncPointBytes, type LogSummary, type WalIdentity } from './segment.ts';
import type { PreparedSegment } from './spare-segment.ts';
import type { VfsFile } from './vfs.ts';

/** More pieces than that wait for the next group, so that the first of them need not wait for all. */
const maxGroupBytes = 4 * 1024 * 1024;
/** A buffer that a large group needed is not kept. */
const keptBufferBytes = 2 * maxGroupBytes;

export interface ActiveSegmentState {
  /** Where the next record begins. */
  readonly end: number;
  /** Crc of the record that ends there. */
  readonly seed: number;
  /** All before this is durable. */
  readonly syncedTo: number;
}

/** The segment that is written: where the next group goes, and its bytes. */
export class ActiveSegment {
  readonly sequence: number;
  readonly path: string;
  readonly file: VfsFile;
  readonly #salt: Buffer;
  readonly #bytes: number;
  #state: ActiveSegmentState;
  /** Bytes that go before the first group. */
  #header: Buffer | undefined;
  #buffer = Buffer.allocUnsafeSlow(64 * 1024);
  #vouched = false;

  constructor(segment: PreparedSegment, identity: WalIdentity, state: ActiveSegmentState) {
    this.sequence = segment.sequence;
    this.path = segment.path;
    this.file = segment.file;
    this.#bytes = segment.bytes;
    this.#salt = saltOf(identity, segment.sequence);
    this.#state = state;
  }

  /** Begins a prepared segment; its header is written with the first group. */
  static begin(
    segment: PreparedSegment,
    identity: WalIdentity,
    summary: LogSummary,
    previous: ActiveSegmentState,
  ): ActiveSegment {
    const { bytes, crc } = encodeHeader({
      identity,
      sequence: segment.sequence,
      preallocated: segment.bytes,
      previousEnd: previous.end,
      seed: previous.seed,
      summary,
    });
    const active = new ActiveSegment(segment, identity, { end: 0, seed: crc, syncedTo: 0 });
    active.#header = bytes;
    return active;
  }

  get state(): ActiveSegmentState {
    return this.#state;
  }

  get isSynced(): boolean {
    return this.#state.syncedTo === this.#state.end;
  }

  /** Whether its header is not written yet. */
  get isNew(): boolean {
    return this.#header !== undefined;
  }

  /** Whether a group of these fits. A piece too large for any segment is taken by a new one, which grows. */
  hasRoomFor(pieces: readonly Piece[]): boolean {
    return this.isNew || this.#state.end + groupBytes(pieces) <= this.#bytes;
  }

  /** How many of the pieces go into the next group: at least one. */
  groupSize(pieces: readonly Piece[]): number {
    const room = this.#bytes - this.#state.end - (this.#header?.length ?? 0);
    let bytes = groupBytes([]);
    let count = 0;
    for (const piece of pieces) {
      bytes += piece.bytes;
      if (count > 0 && (bytes > maxGroupBytes || bytes > room)) break;
      count += 1;
    }
    return count;
  }

  /** Whether the last record is a sync point that says that all before it is durable. */
  get isVouchedFor(): boolean {
    return this.#vouched;
  }

  /**
   * Writes the pieces as one group, syncs them if need be, and says when that is done.
   * @param mustSync whether it has to be durable
   */
  write(
    pieces: readonly Piece[],
    mustSync: boolean,
    done: (failed: { readonly operation: string; readonly error: Error } | undefined, group: Group) => void,
  ): void {
    const header = this.#header;
    const headerBytes = header?.length ?? 0;
    const { end, seed, syncedTo } = this.#state;
    this.#reserve(headerBytes + groupBytes(pieces));
    this.#buffer.set(header ?? [], 0);
    const offset = end + headerBytes;
    const place = { sequence: this.sequence, salt: this.#salt, offset, seed, syncedTo };
    const group = encodeGroup(this.#buffer, headerBytes, pieces, place);
    const next = { end: offset + group.bytes, seed: group.seed, syncedTo };
    const complete = (synced: boolean): void => {
      this.#header = undefined;
      this.#state = synced ? { ...next, syncedTo: next.end } : next;
      this.#vouched = synced && syncedTo === end && group.bytes === syncPointBytes;
      if (this.#buffer.length > keptBufferBytes) this.#buffer = Buffer.allocUnsafeSlow(64 * 1024);
      done(undefined, group);
    };
    this.file.write([this.#buffer.subarray(0, headerBytes + group.bytes)], end, (error) => {
      if (error !== undefined) done({ operation: 'writing', error }, group);
      // The segment before counts as whole because this header exists, and the next is prepared because it is durable.
      else if (!mustSync && header === undefined) complete(false);
      else
        this.file.sync((failed) => {
          if (failed === undefined) complete(true);
          else done({ operation: 'syncing', error: failed }, group);
        });
    });
  }

  /** Makes durable what was written without being synced. */
  sync(done: (error?: Error) => void): void {
    const { end } = this.#state;
    this.file.sync((error) => {
      if (error === undefined) this.#state = { ...this.#state, syncedTo: end };
      done(error);
    });
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.length) return;
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(2 * this.#buffer.length, maxGroupBytes)));
  }
}
