import { describe, expect, test } from '@jest/globals';
import { message, type Message } from '../core/message.ts';
import { FrameError } from './frame-error.ts';
import {
  encodeFrame,
  encodeMessageFrames,
  frameHeadBytes,
  frameKinds,
  FrameParser,
  maxChunkBytes,
  type FrameKind,
} from './frame.ts';
import { decodeMessage, encodeMessage, maxMessageBytes } from './message-codec.ts';
import { RandomMessages } from './random-messages.fixture.ts';

const group = 7;
const allKinds = Object.keys(frameKinds) as FrameKind[];

interface Seen {
  readonly kind: FrameKind;
  readonly payload: Buffer;
}

/** A parser and the frames that came out of it, copied at once as a receiver must. */
const parserOf = (expected: readonly FrameKind[] = allKinds) => {
  const seen: Seen[] = [];
  const parser = new FrameParser(group, expected, (kind, payload) => {
    seen.push({ kind, payload: Buffer.from(payload) });
  });
  return { parser, seen };
};

const head = (length: number, kind: number, flags = 0, ofGroup = group): Buffer => {
  const bytes = Buffer.alloc(frameHeadBytes);
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt8(kind, 4);
  bytes.writeUInt8(flags, 5);
  bytes.writeUInt16LE(ofGroup, 6);
  return bytes;
};

/** Pieces of random lengths; each in memory of its own, which is overwritten once it was read, as a pool would. */
const feed = (parser: FrameParser, bytes: Buffer, random: RandomMessages, longest: number): void => {
  for (let at = 0; at < bytes.length;) {
    const chunk = Buffer.from(bytes.subarray(at, at + 1 + random.below(longest)));
    at += chunk.length;
    parser.push(chunk);
    chunk.fill(0xee);
  }
};

describe('frames', () => {
  test('are these bytes', () => {
    expect(encodeFrame('refusal', 0x0102, Buffer.of(9)).toString('hex')).toBe(
      '01000000' + '03' + '00' + '0201' + '09',
    );
  });

  test.each([1, 3, 8, 100, 5000, 1_000_000])('come out whole of pieces of up to %i bytes', (longest) => {
    const random = new RandomMessages(longest);
    const sent: Seen[] = Array.from({ length: 60 }, () => ({
      kind: random.below(3) === 0 ? 'alive' : 'message',
      payload: Buffer.alloc(0),
    })).map(({ kind, payload }) => ({
      kind: kind as FrameKind,
      payload: kind === 'alive' ? payload : Buffer.from(random.bytes(random.below(3000))),
    }));
    const { parser, seen } = parserOf();
    feed(
      parser,
      Buffer.concat(sent.map(({ kind, payload }) => encodeFrame(kind, group, payload))),
      random,
      longest,
    );
    expect(seen).toEqual(sent);
    expect([parser.partial, parser.heldBytes]).toEqual([false, 0]);
  });

  test('of messages come out as messages, with memory of their own', () => {
    const random = new RandomMessages(11);
    const sent = Array.from({ length: 300 }, () => random.message());
    const received: Message[] = [];
    const parser = new FrameParser(group, ['message'], (_kind, payload, owned) => {
      received.push(decodeMessage(payload, owned));
    });
    for (let from = 0; from < sent.length; from += 30)
      feed(parser, encodeMessageFrames(sent.slice(from, from + 30), group), random, 2000);
    expect(received).toEqual(sent);
  });

  test('of all messages of a turn are one piece, frame after frame', () => {
    const random = new RandomMessages(12);
    const sent = Array.from({ length: 20 }, () => random.message());
    const single = sent.map((one) => encodeFrame('message', group, encodeMessage(one)));
    expect(encodeMessageFrames(sent, group).equals(Buffer.concat(single))).toBe(true);
  });

  test('may be as long as their kind allows and no longer', () => {
    expect(encodeFrame('snapshotChunk', group, Buffer.alloc(12), Buffer.alloc(maxChunkBytes)).length).toBe(
      8 + 12 + 256 * 1024,
    );
    expect(() => encodeFrame('snapshotChunk', group, Buffer.alloc(13), Buffer.alloc(maxChunkBytes))).toThrow(
      FrameError,
    );
    const tooLong = message('append', 1, {
      entries: [{ index: 1, term: 1, type: 'normal', data: new Uint8Array(maxMessageBytes) }],
    });
    expect(() => encodeMessageFrames([tooLong], group)).toThrow(
      expect.objectContaining({ problem: 'length' }),
    );
  });
});

describe('a parser', () => {
  test('takes the longest message, and holds no more than its length', () => {
    const { parser, seen } = parserOf();
    const payload = Buffer.alloc(maxMessageBytes, 3);
    const bytes = encodeFrame('message', group, payload);
    let most = 0;
    for (let at = 0; at < bytes.length; at += 16_384) {
      parser.push(bytes.subarray(at, at + 16_384));
      most = Math.max(most, parser.heldBytes);
    }
    expect(most).toBe(maxMessageBytes);
    expect(seen[0]!.payload.equals(payload)).toBe(true);
    expect(parser.heldBytes).toBe(0);
  });

  test('sets little memory aside for what is only announced', () => {
    const { parser } = parserOf();
    parser.push(head(maxMessageBytes, frameKinds.message));
    parser.push(Buffer.alloc(100));
    expect(parser.partial).toBe(true);
    expect(parser.heldBytes).toBeLessThanOrEqual(256 * 1024);
  });

  test.each<[string, Buffer, string]>([
    ['an unknown kind', head(0, 99), 'kind'],
    ['kind 0', head(0, 0), 'kind'],
    ['a kind that is not expected', head(0, frameKinds.hello), 'kind'],
    ['a flag', head(0, frameKinds.alive, 1), 'reserved'],
    ['another group', head(0, frameKinds.alive, 0, group + 1), 'group'],
    ['a byte too many for its kind', head(1, frameKinds.alive), 'length'],
    ['a byte too many for a message', head(maxMessageBytes + 1, frameKinds.message), 'length'],
    ['the greatest length', head(0xffff_ffff, frameKinds.message), 'length'],
  ])('refuses %s, and reads nothing after it', (_what, bytes, problem) => {
    for (const step of [1, bytes.length]) {
      const { parser, seen } = parserOf(['alive', 'message']);
      parser.push(encodeFrame('alive', group));
      expect(() => {
        for (let at = 0; at < bytes.length; at += step) parser.push(bytes.subarray(at, at + step));
      }).toThrow(expect.objectContaining({ name: 'FrameError', problem }));
      parser.push(encodeFrame('alive', group));
      expect(seen).toHaveLength(1);
      expect(parser.heldBytes).toBe(0);
    }
  });

  test('expects other kinds from the next frame on, within one chunk', () => {
    const seen: FrameKind[] = [];
    const parser = new FrameParser(group, ['hello'], (kind) => {
      seen.push(kind);
      parser.expect(['alive']);
    });
    const hello = encodeFrame('hello', group, Buffer.alloc(5));
    expect(() => parser.push(Buffer.concat([hello, encodeFrame('alive', group), hello]))).toThrow(
      expect.objectContaining({ problem: 'kind' }),
    );
    expect(seen).toEqual(['hello', 'alive']);
  });

  test('hands nothing on once it was stopped, not even the rest of a chunk', () => {
    let seen = 0;
    const parser = new FrameParser(group, ['alive'], () => {
      seen++;
      parser.stop();
    });
    parser.push(Buffer.concat([encodeFrame('alive', group), encodeFrame('alive', group)]));
    parser.push(encodeFrame('alive', group));
    expect(seen).toBe(1);
  });

  test('tells any bytes by a FrameError and nothing else', () => {
    const random = new RandomMessages(13);
    let refused = 0;
    for (let round = 0; round < 5000; round++) {
      const sent = Array.from({ length: 1 + random.below(3) }, () => random.message());
      const bytes =
        round % 4 === 0 ? Buffer.from(random.bytes(60)) : Buffer.from(encodeMessageFrames(sent, group));
      bytes[random.below(bytes.length)] = random.below(256);
      const parser = new FrameParser(group, ['message'], (_kind, payload, owned) => {
        decodeMessage(payload, owned);
      });
      try {
        feed(parser, bytes, random, 400);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        refused++;
      }
      expect(parser.heldBytes).toBeLessThanOrEqual(256 * 1024);
    }
    expect(refused).toBeGreaterThan(1000);
  });
});
