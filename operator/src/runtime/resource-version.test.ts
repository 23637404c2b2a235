import { expect, test } from '@jest/globals';
import { isOlder } from './resource-version.ts';

test.each<[string | undefined, string | undefined, boolean]>([
  ['1', '2', true],
  ['2', '2', false],
  ['3', '2', false],
  ['9', '10', true],
  ['10', '9', false],
  // Too large for a number.
  ['9007199254740992', '9007199254740993', true],
  ['9007199254740993', '9007199254740992', false],
  ['1', undefined, false],
  [undefined, undefined, false],
  ['1', 'x', false],
  ['x', '1', false],
  ['1.5', '2', false],
])('%j is older than %j: %j', (version, than, expected) => {
  expect(isOlder(version, than)).toBe(expected);
});
