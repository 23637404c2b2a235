import { expect, test } from '@jest/globals';
import { readIdentity } from './identity.ts';

test.each([
  ['spiffe://c1/agent/a-0', { kind: 'agent', id: 'a-0' }],
  ['spiffe://c1/operator', { kind: 'operator' }],
  ['spiffe://c2/agent/a-0', undefined],
  ['spiffe://c2/operator', undefined],
  ['spiffe://c1/agent/', undefined],
  ['spiffe://c1/agent/a/b', undefined],
  ['spiffe://c1/agent/../operator', undefined],
  ['spiffe://c1/agent/A', undefined],
  ['spiffe://c1/operator/', undefined],
  ['https://c1/agent/a-0', undefined],
  ['', undefined],
  [undefined, undefined],
])('%s', (uri, expected) => {
  expect(readIdentity('c1', uri)).toEqual(expected);
});
