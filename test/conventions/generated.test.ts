import { expect, test } from '@jest/globals';
import { runNode } from './repository.ts';

test.each(['api', 'agent', 'operator'])(
  'the generated files of %s are what its sources say now',
  (workspace) => {
    const { status, output } = runNode([`${workspace}/src/generate/main.ts`, '--check']);
    expect({ status, output }).toEqual({ status: 0, output: expect.any(String) });
  },
);
