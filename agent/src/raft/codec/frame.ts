import type { Message } from '../core/message.ts';
import { FrameError } from './frame-error.ts';
import { maxMessageBytes, messageSize, writeMessage } from './message-codec.ts';
import { receivedBytes, Slab } from './slab.ts';

/*
 * A frame, little-endian: u32 bytes of payload, u8 kind, u8 flags (none yet: 0), u16 group, payload.
 */

/** Kinds with the numbers that stand for them on the wire. Numbers are never used again. */
export const frameKinds = {
  hello: 1,
  welcome: 2,
  refusal: 3,
  alive: 4,
  message: 5,
  snapshotBegin: 6,
  snapshotResume: 7,
  snapshotChunk: 8,
  snapshotAck: 9,
  snapshotDone: 10,
} as const;

export type FrameKind = keyof typeof frameKinds;

/** Of the data in one chunk of a snapshot. */
export const maxChunkBytes = 256 * 1024;
/** Offset and checksum before the data of a chunk. */
export const chunkHeadBytes = 12;

const maxPayload: Readonly<Record<FrameKind, number>> = {
  hello: 4096,
  welcome: 4096,
  refusal: 16,
  alive: 0,
  message: maxMessageBytes,
  snapshotBegin: 1024 * 1024,
  snapshotResume: 8,
  snapshotChunk: chunkHeadBytes + maxChunkBytes,
  snapshotAck: 8,
  snapshotDone: 1,
};

export const frameHeadBytes = 8;

const kinds: (FrameKind | undefined)[] = [];
for (const [kind, number] of Object.entries(frameKinds)) kinds[number] = kind as FrameKind;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

const writeFrameHead = (view: DataView, at: number, kind: FrameKind, length: number, group: number): void => {
  if (length > maxPayload[kind])
    throw new FrameError('length', `A ${kind} frame of ${length} bytes is too long.`);
  view.setUint32(at, length, true);
  view.setUint8(at + 4, frameKinds[kind]);
  view.setUint8(at + 5, 0);
  view.setUint16(at + 6, group, true);
};

/** @throws FrameError when the payload, in pieces, is too long for a frame of this kind */
export const encodeFrame = (kind: FrameKind, group: number, ...payload: readonly Uint8Array[]): Buffer => {
  const length = payload.reduce((sum, piece) => sum + piece.length, 0);
  const bytes = Buffer.allocUnsafe(frameHeadBytes + length);
  writeFrameHead(viewOf(bytes), 0, kind, length, group);
  let at = frameHeadBytes;
  for (const piece of payload) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
};

const sentBytes = new Slab();

/**
 * A frame for each message, all in one piece of memory: one write, one pass of encryption.
 * @throws FrameError when a message is too long or a number is no safe integer from 0
 */
export const encodeMessageFrames = (messages: readonly Message[], group: number): Buffer => {
  let size = frameHeadBytes * messages.length;
  for (const message of messages) size += messageSize(message);
  const bytes = sentBytes.take(size);
  const view = viewOf(bytes);
  let at = 0;
  for (const message of messages) {
    const end = writeMessage(message, bytes, view, at + frameHeadBytes);
    writeFrameHead(view, at, 'message', end - at - frameHeadBytes, group);
    at = end;
  }
  return bytes;
};

/**
 * Takes one frame.
 * @param payload only until it returns, unless `owned`: then the receiver may keep it as its own
 */
export type FrameSink = (kind: FrameKind, payload: Uint8Array, owned: boolean) => void;

/** A frame that comes in pieces gets so much memory at first; all of it only once this much has arrived. */
const firstPieceBytes = 256 * 1024;

/**
 * Cuts a stream of bytes into frames. A frame that lies in one chunk is handed on where it is; one that comes in pieces
 * is gathered in memory of its own, a copy per byte. It holds no chunk, and no more than the longest frame expected.
 */
export class FrameParser {
  readonly #group: number;
  readonly #sink: FrameSink;
  /** Longest payload by number of kind; none for kinds that may not come now. */
  readonly #longest = new Array<number | undefined>(kinds.length).fill(undefined);
  readonly #head = Buffer.alloc(frameHeadBytes);
  #headFilled = 0;
  #kind: FrameKind = 'alive';
  #length = 0;
  /** Of a frame that began and is not whole; as long as the frame once it is. */
  #body: Buffer | undefined;
  #bodyFilled = 0;
  #stopped = false;

  constructor(group: number, expected: readonly FrameKind[], sink: FrameSink) {
    this.#group = group;
    this.#sink = sink;
    this.expect(expected);
  }

  /** Which kinds may come from the next frame on; all others are an error. */
  expect(expected: readonly FrameKind[]): void {
    this.#longest.fill(undefined);
    for (const kind of expected) this.#longest[frameKinds[kind]] = maxPayload[kind];
  }

  /** Nothing more is handed on, not even from the chunk that is being read. */
  stop(): void {
    this.#stopped = true;
    this.#body = undefined;
  }

  /** Whether the stream would break off within a frame if it ended now. */
  get partial(): boolean {
    return this.#headFilled > 0 || this.#body !== undefined;
  }

  /** Bytes of memory held for a frame that is not whole. */
  get heldBytes(): number {
    return this.#body?.length ?? 0;
  }

  /** @throws FrameError at the first byte that cannot be right; nothing is read after it */
  push(chunk: Uint8Array): void {
    try {
      let at = 0;
      while (at < chunk.length && !this.#stopped)
        at = this.#body === undefined ? this.#begin(chunk, at) : this.#gather(this.#body, chunk, at);
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  #begin(chunk: Uint8Array, from: number): number {
    let at = from;
    if (this.#headFilled > 0 || chunk.length - at < frameHeadBytes) {
      const taken = Math.min(frameHeadBytes - this.#headFilled, chunk.length - at);
      this.#head.set(chunk.subarray(at, at + taken), this.#headFilled);
      this.#headFilled += taken;
      at += taken;
      if (this.#headFilled < frameHeadBytes) return at;
      this.#headFilled = 0;
      this.#readHead(this.#head, 0);
    } else {
      this.#readHead(chunk, at);
      at += frameHeadBytes;
    }
    const end = at + this.#length;
    if (end <= chunk.length) {
      this.#sink(this.#kind, chunk.subarray(at, end), false);
      return end;
    }
    this.#body = receivedBytes.take(Math.min(this.#length, firstPieceBytes));
    this.#bodyFilled = 0;
    return this.#gather(this.#body, chunk, at);
  }

  #readHead(bytes: Uint8Array, at: number): void {
    const byte = (offset: number): number => bytes[at + offset] ?? 0;
    const length = (byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24)) >>> 0;
    const kind = kinds[byte(4)];
    const longest = this.#longest[byte(4)];
    if (kind === undefined || longest === undefined)
      throw new FrameError('kind', `A frame of kind ${byte(4)} is not expected now.`);
    if (byte(5) !== 0) throw new FrameError('reserved', 'Reserved flags of a frame are set.');
    const group = byte(6) | (byte(7) << 8);
    if (group !== this.#group) throw new FrameError('group', `A frame is for group ${group}.`);
    if (length > longest) throw new FrameError('length', `A ${kind} frame of ${length} bytes is too long.`);
    this.#kind = kind;
    this.#length = length;
  }

  #gather(body: Buffer, chunk: Uint8Array, from: number): number {
    const taken = Math.min(this.#length - this.#bodyFilled, chunk.length - from);
    let target = body;
    if (this.#bodyFilled + taken > body.length) {
      target = receivedBytes.take(Math.min(this.#length, 4 * (this.#bodyFilled + taken)));
      target.set(body.subarray(0, this.#bodyFilled));
      this.#body = target;
    }
    target.set(chunk.subarray(from, from + taken), this.#bodyFilled);
    this.#bodyFilled += taken;
    if (this.#bodyFilled === this.#length) {
      this.#body = undefined;
      this.#sink(this.#kind, target, true);
    }
    return from + taken;
  }
}
