import { describe, expect, test } from '@jest/globals';
import { nestsDeeperThan } from './nesting.ts';

const deeper = (json: string, limit = 3): boolean => nestsDeeperThan(limit, Buffer.from(json));

describe('nestsDeeperThan', () => {
  test.each([
    '',
    '{}',
    '[[[1]]]',
    '{"a":{"b":[1]}}',
    '[[[]],[[]],[[]]]',
    '"[[[[["',
    '{"a":"\\"[[[[","b":[]}',
    '{"[[[[":1}',
    '"\\\\"',
    ']]]]',
  ])('no: %s', (json) => {
    expect(deeper(json)).toBe(false);
  });

  test.each(['[[[[', '[[[[]]]]', '{"a":{"b":{"c":{}}}}', '["\\\\",[[[1]]]]', '{"a":"x","b":[[[1]]]}'])(
    'yes: %s',
    (json) => {
      expect(deeper(json)).toBe(true);
    },
  );
});
