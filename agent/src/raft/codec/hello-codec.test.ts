import { describe, expect, test } from '@jest/globals';
import { FrameError } from './frame-error.ts';
import {
  decodeHello,
  decodeRefusal,
  encodeHello,
  encodeRefusal,
  refusals,
  type Hello,
  type Refusal,
} from './hello-codec.ts';
import { RandomMessages } from './random-messages.fixture.ts';

const hello: Hello = {
  minVersion: 1,
  maxVersion: 3,
  features: 0x8000_0001,
  channel: 'snapshot',
  node: 9_007_199_254_740_991,
  to: 2,
  clusterId: 'c-1',
  incarnation: 'life-1',
  address: '[::1]:7000',
};

describe('a hello', () => {
  test('comes back as it was', () => {
    expect(decodeHello(encodeHello(hello))).toEqual(hello);
    const other: Hello = { ...hello, channel: 'messages', address: 'x'.repeat(255) };
    expect(decodeHello(encodeHello(other))).toEqual(other);
  });

  test('is the bytes that it always was: all versions must be able to read it', () => {
    expect(encodeHello(hello).toString('hex')).toBe(
      '0100' +
        '0300' +
        '01000080' +
        '02000000' +
        'ffffffffffff1f00' +
        '0200000000000000' +
        '0300632d31' +
        '06006c6966652d31' +
        '0a005b3a3a315d3a37303030',
    );
  });

  test('may say more at its end, as later versions will', () => {
    expect(decodeHello(Buffer.concat([encodeHello(hello), Buffer.from('more')]))).toEqual(hello);
  });

  test.each(['', 'a b', 'a\n', 'ä', 'x'.repeat(256)])('has no name like %j', (text) => {
    expect(() => encodeHello({ ...hello, incarnation: text })).toThrow(
      expect.objectContaining({ problem: 'text' }),
    );
  });

  test('is refused when it is cut short', () => {
    const bytes = encodeHello(hello);
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeHello(bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ problem: 'length' }),
      );
  });

  test('is told by a FrameError and nothing else, whatever the bytes are', () => {
    const random = new RandomMessages(21);
    for (let round = 0; round < 5000; round++) {
      const bytes = round % 3 === 0 ? random.bytes(random.below(80)) : encodeHello(hello);
      if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
      try {
        decodeHello(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(FrameError);
      }
    }
  });
});

test('a refusal comes back as it was, and one of a later version as unknown', () => {
  for (const refusal of Object.keys(refusals) as Refusal[])
    expect(decodeRefusal(encodeRefusal(refusal))).toBe(refusal);
  expect(decodeRefusal(Buffer.of(200))).toBeUndefined();
  expect(decodeRefusal(Buffer.alloc(0))).toBeUndefined();
});
