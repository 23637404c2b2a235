import { crc32 } from 'node:zlib';
import type { Message } from '../core/message.ts';
import type { Snapshot } from '../core/types.ts';
import { FrameError } from './frame-error.ts';
import { chunkHeadBytes, encodeFrame } from './frame.ts';
import { readU64, writeU64 } from './integers.ts';
import { decodeMessage, encodeMessage } from './message-codec.ts';

/*
 * Payloads of the frames that carry a snapshot, little-endian:
 *
 *   begin   u64 bytes of the snapshot, u8[32] SHA-256 of them, the message that brings it
 *   resume  u64 offset from which on bytes are wanted
 *   chunk   u64 offset, u32 CRC-32 of offset and data, data
 *   ack     u64 offset up to which all is written
 *   done    u8 outcome
 */

/** The message that brings a snapshot, to be handed to the core once its bytes are there. */
export type SnapshotMessage = Message & { readonly snapshot: Snapshot };

/** A snapshot before its bytes. */
export interface SnapshotMeta {
  /** Of the type `snapshot`. The data in it is what the state machine tells about the snapshot, not its bytes. */
  readonly message: SnapshotMessage;
  /** Bytes. */
  readonly size: number;
  /** Of the bytes. Two members may write the same state differently: only with it can a transfer go on. */
  readonly sha256: Uint8Array;
}

const hashBytes = 32;

export const encodeSnapshotBegin = ({ message, size, sha256 }: SnapshotMeta, group: number): Buffer => {
  if (sha256.length !== hashBytes) throw new FrameError('length', 'A SHA-256 has 32 bytes.');
  return encodeFrame('snapshotBegin', group, encodeOffset(size), sha256, encodeMessage(message));
};

/** @throws FrameError and nothing else */
export const decodeSnapshotBegin = (payload: Uint8Array): SnapshotMeta => {
  if (payload.length < 8 + hashBytes) throw new FrameError('length', 'The begin of a snapshot is too short.');
  const message = decodeMessage(payload.subarray(8 + hashBytes));
  const { type, snapshot } = message;
  if (type !== 'snapshot' || snapshot === undefined)
    throw new FrameError('kind', 'The message that brings a snapshot is of another kind.');
  return {
    message: { ...message, snapshot },
    size: decodeOffset(payload.subarray(0, 8)),
    sha256: Uint8Array.from(payload.subarray(8, 8 + hashBytes)),
  };
};

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

export const encodeOffset = (offset: number): Buffer => {
  const bytes = Buffer.alloc(8);
  writeU64(viewOf(bytes), 0, offset);
  return bytes;
};

/** @throws FrameError and nothing else */
export const decodeOffset = (payload: Uint8Array): number => {
  if (payload.length !== 8) throw new FrameError('length', 'An offset has 8 bytes.');
  return readU64(viewOf(payload), 0);
};

export const encodeChunk = (offset: number, data: Uint8Array, group: number): Buffer => {
  const head = Buffer.alloc(chunkHeadBytes);
  const view = viewOf(head);
  writeU64(view, 0, offset);
  view.setUint32(8, crc32(data, crc32(head.subarray(0, 8))), true);
  return encodeFrame('snapshotChunk', group, head, data);
};

/**
 * The data is a part of `payload`.
 * @throws FrameError and nothing else; `checksum` when bytes changed on the way
 */
export const decodeChunk = (payload: Uint8Array): { readonly offset: number; readonly data: Uint8Array } => {
  if (payload.length < chunkHeadBytes) throw new FrameError('length', 'A chunk is too short.');
  const view = viewOf(payload);
  const data = payload.subarray(chunkHeadBytes);
  if (crc32(data, crc32(payload.subarray(0, 8))) !== view.getUint32(8, true))
    throw new FrameError('checksum', 'A chunk is not what was sent.');
  return { offset: readU64(view, 0), data };
};

/** How a transfer ended at the receiver, with the numbers that stand for it on the wire. */
export const snapshotOutcomes = {
  delivered: 0,
  /** Others are being received; later it may go. */
  busy: 1,
  /** The receiver has no use for this snapshot. */
  unwanted: 2,
  /** A chunk came damaged; what came before it is kept. */
  damaged: 3,
  /** It could not be written, or all of it together is not what was announced. */
  failed: 4,
} as const;

export type SnapshotOutcome = keyof typeof snapshotOutcomes;

export const encodeOutcome = (outcome: SnapshotOutcome): Buffer => Buffer.of(snapshotOutcomes[outcome]);

/** `failed` for one that a later version knows. */
export const decodeOutcome = (payload: Uint8Array): SnapshotOutcome =>
  (Object.keys(snapshotOutcomes) as SnapshotOutcome[]).find(
    (outcome) => snapshotOutcomes[outcome] === payload[0],
  ) ?? 'failed';
