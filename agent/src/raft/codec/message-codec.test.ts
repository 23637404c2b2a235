import { describe, expect, test } from '@jest/globals';
import { message, wireTypes, type Message, type MessageType } from '../core/message.ts';
import { FrameError, type FrameProblem } from './frame-error.ts';
import { goldenMessages } from './golden-messages.fixture.ts';
import { decodeMessage, encodeMessage, maxMessageBytes, messageSize, writeMessage } from './message-codec.ts';
import { RandomMessages } from './random-messages.fixture.ts';

const config = { voters: [1, 2, 3], outgoing: [], learners: [], learnersNext: [], autoLeave: false };
const entry = (data: Uint8Array) => ({ index: 1, term: 1, type: 'normal' as const, data });

/** The problem that decoding finds; anything but a FrameError is thrown on. */
const problemOf = (bytes: Uint8Array): FrameProblem | undefined => {
  try {
    decodeMessage(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof FrameError) return error.problem;
    throw error;
  }
};

const changed = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  copy[at] = value;
  return copy;
};

describe('a message on the wire', () => {
  test('comes back as it was, whatever it is', () => {
    const random = new RandomMessages(1);
    const kinds = new Set<MessageType>();
    for (let round = 0; round < 1000; round++) {
      const sent = random.message();
      kinds.add(sent.type);
      const bytes = encodeMessage(sent);
      expect(bytes.length).toBe(messageSize(sent));
      expect(decodeMessage(bytes, round % 2 === 0)).toEqual(sent);
    }
    expect(kinds.size).toBe(Object.keys(wireTypes).length);
  });

  test.each(goldenMessages.map((golden) => [golden.message.type, golden] as const))(
    'is the bytes that it always was: %s',
    (_type, golden) => {
      expect(encodeMessage(golden.message).toString('hex')).toBe(golden.hex);
      expect(decodeMessage(Buffer.from(golden.hex, 'hex'))).toEqual(golden.message);
    },
  );

  test('is among those whose bytes are held fast, whatever its kind', () => {
    const held = new Set(goldenMessages.map(({ message: { type } }) => type));
    expect([...held].sort()).toEqual(Object.keys(wireTypes).sort());
  });

  test('says all of its bytes itself: nothing that lay in memory before leaves', () => {
    const random = new RandomMessages(2);
    for (let round = 0; round < 200; round++) {
      const sent = random.message();
      const dirty = Buffer.alloc(messageSize(sent), 0xff);
      writeMessage(sent, dirty, new DataView(dirty.buffer, dirty.byteOffset, dirty.length), 0);
      expect(dirty.equals(encodeMessage(sent))).toBe(true);
    }
  });

  test('shares no memory with what came from the socket', () => {
    const sent = message('append', 2, {
      entries: [1, 2, 3].map((value) => entry(new Uint8Array(300).fill(value))),
      snapshot: { index: 1, term: 1, config, data: new Uint8Array(100).fill(4) },
    });
    const socket = Buffer.concat([Buffer.alloc(10), encodeMessage(sent)]).subarray(10);
    const received = decodeMessage(socket);
    socket.fill(0xff);
    expect(received).toEqual(sent);
    const memory = [...received.entries.map(({ data }) => data), received.snapshot!.data];
    for (const data of memory) expect(data.buffer).not.toBe(socket.buffer);
    expect(new Set(memory.map(({ buffer }) => buffer)).size).toBe(1);
  });

  test('refers to memory that is its own already instead of copying it', () => {
    const bytes = Buffer.from(encodeMessage(message('append', 2, { entries: [entry(new Uint8Array(300))] })));
    expect(decodeMessage(bytes, true).entries[0]!.data.buffer).toBe(bytes.buffer);
  });

  test('leaves those that came before it as they were', () => {
    const random = new RandomMessages(3);
    const sent = Array.from({ length: 300 }, () => random.message());
    const received = sent.map((one) => decodeMessage(encodeMessage(one)));
    expect(received).toEqual(sent);
  });
});

describe('numbers', () => {
  test.each<[string, Partial<Message>]>([
    ['too large', { term: 2 ** 53 }],
    ['negative', { index: -1 }],
    ['broken', { commit: 1.5 }],
    ['none', { context: Number.NaN }],
    ['endless', { rejectHint: Number.POSITIVE_INFINITY }],
    ['too large in an entry', { entries: [{ ...entry(new Uint8Array(0)), index: 2 ** 53 }] }],
    [
      'too large in a list',
      { snapshot: { index: 1, term: 1, config: { ...config, voters: [2 ** 53] }, data: new Uint8Array(0) } },
    ],
  ])('that are %s are not sent', (_what, fields) => {
    expect(() => encodeMessage(message('append', 1, fields))).toThrow(
      expect.objectContaining({ problem: 'number' }),
    );
  });

  test.each(Array.from({ length: 8 }, (_, position) => position))(
    'above the largest safe integer are not taken: number %i',
    (position) => {
      const bytes = encodeMessage(message('vote', 1));
      const at = 4 + 8 * position;
      expect(problemOf(changed(changed(bytes, at + 6, 0x1f), at, 0xff))).toBeUndefined();
      expect(problemOf(changed(bytes, at + 6, 0x20))).toBe('number');
      expect(problemOf(changed(bytes, at + 7, 1))).toBe('number');
    },
  );
});

describe('members of a snapshot', () => {
  test.each([[[2, 1]], [[1, 1]], [[0, 1]]])('that are %j are neither sent nor taken', (voters) => {
    const withVoters = (list: number[]): Message =>
      message('snapshot', 1, {
        snapshot: { index: 1, term: 1, config: { ...config, voters: list }, data: new Uint8Array(0) },
      });
    expect(() => encodeMessage(withVoters(voters))).toThrow(expect.objectContaining({ problem: 'order' }));
    const bytes = encodeMessage(withVoters([1, 2]));
    const listAt = bytes.length - 16;
    const wrong = changed(changed(bytes, listAt, voters[0]!), listAt + 8, voters[1]!);
    expect(problemOf(wrong)).toBe('order');
  });
});

describe('bytes that are no message', () => {
  const plain = encodeMessage(message('heartbeat', 1));
  const full = encodeMessage(
    message('append', 1, {
      entries: [entry(Uint8Array.of(1)), entry(Uint8Array.of(2))],
      snapshot: { index: 1, term: 1, config, data: Uint8Array.of(3) },
    }),
  );

  test.each<[string, Uint8Array, FrameProblem]>([
    ['of another version', changed(plain, 0, 2), 'version'],
    ['of an unknown kind', changed(plain, 1, 99), 'kind'],
    ['of no kind', changed(plain, 1, 0), 'kind'],
    ['with a reserved flag', changed(plain, 2, 4), 'reserved'],
    ['with a reserved byte', changed(plain, 3, 1), 'reserved'],
    ['with an entry of an unknown kind', changed(full, 72 + 20, 2), 'kind'],
    ['with a reserved byte in an entry', changed(full, 72 + 21, 1), 'kind'],
    ['with a reserved flag in a snapshot', changed(full, 72 + 48 + 16, 2), 'reserved'],
    ['with a byte more', Buffer.concat([plain, Buffer.of(0)]), 'length'],
    ['that say of far more entries', changed(plain, 71, 0xff), 'length'],
    ['that say of far more members', changed(full, 72 + 48 + 23, 0xff), 'length'],
    ['that say of far more data', changed(full, 72 + 19, 0xff), 'length'],
    ['that say of a snapshot without one', changed(plain, 2, 2), 'length'],
  ])('%s', (_what, bytes, problem) => {
    expect(problemOf(bytes)).toBe(problem);
  });

  test('when any of them are missing at the end', () => {
    for (let length = 0; length < full.length; length++)
      expect(problemOf(full.subarray(0, length))).toBe('length');
  });

  test('are told by a FrameError and nothing else, however they come about', () => {
    const random = new RandomMessages(4);
    let taken = 0;
    for (let round = 0; round < 10_000; round++) {
      const bytes = round % 4 === 0 ? random.bytes(random.below(200)) : encodeMessage(random.message());
      for (let times = 1 + random.below(3); times > 0; times--)
        bytes[random.below(Math.min(bytes.length, 160))] = random.below(4) === 0 ? 0xff : random.below(256);
      const cut = random.below(5) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes;
      if (problemOf(cut) !== undefined) continue;
      // Taken for a message: then it is one, and says the same bytes again.
      taken++;
      expect(encodeMessage(decodeMessage(cut)).equals(cut)).toBe(true);
    }
    expect(taken).toBeGreaterThan(100);
  });

  test('are not sent when they are too many', () => {
    const data = new Uint8Array(maxMessageBytes - 72 - 24);
    expect(encodeMessage(message('append', 1, { entries: [entry(data)] })).length).toBe(maxMessageBytes);
    expect(() =>
      encodeMessage(message('append', 1, { entries: [entry(data), entry(new Uint8Array(0))] })),
    ).toThrow(expect.objectContaining({ problem: 'length' }));
  });
});
