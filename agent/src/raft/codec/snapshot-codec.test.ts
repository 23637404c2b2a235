import { describe, expect, test } from '@jest/globals';
import { message } from '../core/message.ts';
import { emptyConfState } from '../core/types.ts';
import { FrameError } from './frame-error.ts';
import { frameHeadBytes } from './frame.ts';
import { RandomMessages } from './random-messages.fixture.ts';
import {
  decodeChunk,
  decodeOffset,
  decodeOutcome,
  decodeSnapshotBegin,
  encodeChunk,
  encodeOffset,
  encodeOutcome,
  encodeSnapshotBegin,
  snapshotOutcomes,
  type SnapshotMeta,
  type SnapshotOutcome,
} from './snapshot-codec.ts';

const snapshot = {
  index: 9,
  term: 3,
  config: { ...emptyConfState, voters: [1, 2] },
  data: Uint8Array.of(1, 2),
};
const meta: SnapshotMeta = {
  message: { ...message('snapshot', 2, { from: 1, term: 4 }), snapshot },
  size: 5_000_000_000,
  sha256: new Uint8Array(32).map((_zero, at) => at),
};

/** Without the head of its frame. */
const payloadOf = (frame: Buffer): Buffer => Buffer.from(frame.subarray(frameHeadBytes));

describe('the begin of a snapshot', () => {
  test('comes back as it was, with memory of its own', () => {
    const payload = payloadOf(encodeSnapshotBegin(meta, 0));
    const received = decodeSnapshotBegin(payload);
    payload.fill(0);
    expect(received).toEqual(meta);
  });

  test('brings a snapshot and nothing else', () => {
    const other = { ...meta, message: { ...meta.message, type: 'append' as const } };
    expect(() => decodeSnapshotBegin(payloadOf(encodeSnapshotBegin(other, 0)))).toThrow(
      expect.objectContaining({ problem: 'kind' }),
    );
    const without = { ...meta, message: { ...message('snapshot', 2), snapshot: undefined as never } };
    expect(() => decodeSnapshotBegin(payloadOf(encodeSnapshotBegin(without, 0)))).toThrow(
      expect.objectContaining({ problem: 'kind' }),
    );
  });

  test('has a whole checksum', () => {
    expect(() => encodeSnapshotBegin({ ...meta, sha256: new Uint8Array(31) }, 0)).toThrow(FrameError);
    const payload = payloadOf(encodeSnapshotBegin(meta, 0));
    for (let length = 0; length < payload.length; length++)
      expect(() => decodeSnapshotBegin(payload.subarray(0, length))).toThrow(FrameError);
  });
});

describe('a chunk', () => {
  const data = new RandomMessages(31).bytes(300);
  const payload = payloadOf(encodeChunk(2 ** 40, data, 0));

  test('comes back as it was', () => {
    expect(decodeChunk(payload)).toEqual({ offset: 2 ** 40, data: Buffer.from(data) });
    expect(decodeChunk(payloadOf(encodeChunk(0, new Uint8Array(0), 0))).data.length).toBe(0);
  });

  test('is refused when any bit changed, of its offset also', () => {
    for (let at = 0; at < payload.length; at++) {
      const damaged = Buffer.from(payload);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      expect(() => decodeChunk(damaged)).toThrow(expect.objectContaining({ problem: 'checksum' }));
    }
  });

  test('is refused when it is cut short', () => {
    for (let length = 0; length < payload.length; length++)
      expect(() => decodeChunk(payload.subarray(0, length))).toThrow(FrameError);
  });
});

test('offsets and outcomes come back as they were', () => {
  for (const offset of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER])
    expect(decodeOffset(encodeOffset(offset))).toBe(offset);
  expect(() => decodeOffset(Buffer.alloc(7))).toThrow(FrameError);
  expect(() => decodeOffset(Buffer.alloc(8, 0xff))).toThrow(FrameError);
  for (const outcome of Object.keys(snapshotOutcomes) as SnapshotOutcome[])
    expect(decodeOutcome(encodeOutcome(outcome))).toBe(outcome);
  expect(decodeOutcome(Buffer.of(99))).toBe('failed');
});
