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
    const active = new ActiveSegment(segment, identity, { end: 0, seed: crc });
    active.#header = bytes;
    return active;
  }

  get state(): ActiveSegmentState {
    return this.#state;
  }

  /** Whether its header is not written yet. */
  get isNew(): boolean {
    return this.#header !== undefined;
  }

  /** Whether a group of these fits. A piece too large for any segment is taken by a new one, which grows. */
  hasRoomFor(pieces: readonly Piece[]): boolean {
    return this.isNew || this.#state.end + groupBytes(pieces) <= this.#bytes;
  }

  /** Share of it that is used. */
  get fill(): number {
    return this.#state.end / this.#bytes;
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

  /** Writes the pieces as one group, and says when it is durable. All before it is. */
  write(pieces: readonly Piece[], done: (error: Error | undefined, group: Group) => void): void {
    const headerBytes = this.#header?.length ?? 0;
    const { end, seed } = this.#state;
    this.#reserve(headerBytes + groupBytes(pieces));
    this.#buffer.set(this.#header ?? [], 0);
    const offset = end + headerBytes;
    const place = { sequence: this.sequence, salt: this.#salt, offset, seed, syncedTo: end };
    const group = encodeGroup(this.#buffer, headerBytes, pieces, place);
    this.file.writeDurably([this.#buffer.subarray(0, headerBytes + group.bytes)], end, (error) => {
      if (error === undefined) {
        this.#header = undefined;
        this.#state = { end: offset + group.bytes, seed: group.seed };
        this.#vouched = group.bytes === syncPointBytes;
        if (this.#buffer.length > keptBufferBytes) this.#buffer = Buffer.allocUnsafeSlow(64 * 1024);
      }
      done(error, group);
    });
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.length) return;
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(2 * this.#buffer.length, maxGroupBytes)));
  }
}
