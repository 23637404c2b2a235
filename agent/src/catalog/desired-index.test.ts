import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { canonicalDesiredState, type DesiredState } from '@ollamamax/api';
import { createDesiredIndex } from './desired-index.ts';

test('follows the state: the hash of what it asks for, and priorities', () => {
  const source = { file: '/a.gguf' };
  const first: DesiredState = { revision: 4, models: [{ name: 'A', source, priority: -3 }], settings: {} };
  let state = first;
  const index = createDesiredIndex(() => state);
  const before = index();
  expect(before.hash).toBe(createHash('sha256').update(canonicalDesiredState(first)).digest('hex'));
  expect([...before.priorities]).toEqual([['a:latest', -3]]);
  expect(index()).toBe(before);
  // The same revision with other content, as two writers may push it.
  state = { ...first, models: [{ name: 'b', source }] };
  expect(index().hash).not.toBe(before.hash);
  expect([...index().priorities]).toEqual([['b:latest', 0]]);
  state = { ...first, revision: 9 };
  expect(index().hash).toBe(before.hash);
});
