import { expect, test } from '@jest/globals';
import { runNode } from './repository.ts';

test('the generated files are what the contract says now', () => {
  const { status, output } = runNode(['api/src/generate/main.ts', '--check']);
  expect({ status, output }).toEqual({ status: 0, output: expect.any(String) });
});
