import { expect, test } from '@jest/globals';
import type { AgentReport } from '../agents/report.ts';
import { byName, reportOf, silent } from './agents.fixture.ts';
import { unheardAgents } from './pass.ts';

const unknown = { status: undefined };
const refused = { kind: 'refused', message: 'no' } as const;

test.each<[string, readonly AgentReport[], readonly string[]]>([
  ['one that was never asked', [], ['demo-0']],
  ['one that has said how it is', [reportOf('demo-0')], []],
  ['one that said so, however long ago', [silent('demo-0', 90_000)], []],
  ['one that has not answered yet', [reportOf('demo-0', { ...unknown, silentMs: 29_999 })], ['demo-0']],
  ['one that does not answer yet', [silent('demo-0', 29_999, unknown)], ['demo-0']],
  ['one that has not answered for long', [silent('demo-0', 30_000, unknown)], []],
  ['one that refuses', [reportOf('demo-0', { ...unknown, problem: refused, silentMs: 1 })], []],
  ['not the one that is meant', [reportOf('demo-1')], ['demo-0']],
])('who is yet to be heard: %s', (_what, reports, expected) => {
  expect(unheardAgents({ readyAgents: new Set(['demo-0']), reports: byName(...reports) })).toEqual(expected);
});

test('only agents that are ready are yet to be heard', () => {
  const reports = byName(reportOf('demo-1'), silent('demo-2', 1, unknown), silent('demo-3', 1, unknown));
  expect(unheardAgents({ readyAgents: new Set(['demo-0', 'demo-1', 'demo-2']), reports })).toEqual([
    'demo-0',
    'demo-2',
  ]);
});
