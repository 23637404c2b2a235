import { expect, test } from '@jest/globals';
import { RequestQueue } from './request-queue.ts';

test('is first in, first out and lets go of the middle', () => {
  const queue = new RequestQueue<string>();
  for (const item of ['a', 'b', 'c', 'd']) queue.push(item);
  expect(queue.head).toBe('a');
  expect(queue.remove('b')).toBe(true);
  expect(queue.remove('b')).toBe(false);
  expect(queue.size).toBe(3);
  expect([...queue]).toEqual(['a', 'c', 'd']);
  expect(queue.drain()).toEqual(['a', 'c', 'd']);
  expect(queue.head).toBeUndefined();
});
