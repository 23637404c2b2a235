import { describe, expect, test } from '@jest/globals';
import type { AgentStatus } from '@ollamamax/api';
import { planModels } from '../agents/desired-state.ts';
import type { AgentReport } from '../agents/report.ts';
import { byName, reportedModel, reportOf } from '../cluster/agents.fixture.ts';
import { clusterOf } from '../cluster/cluster.fixture.ts';
import { modelOf } from './model.fixture.ts';
import { modelSummary } from './status.ts';

type Reported = AgentStatus['models'][number];

describe('modelSummary', () => {
  const plans = planModels(
    clusterOf(),
    ['a', 'b', 'c']
      .map((name) => modelOf(name))
      .concat(modelOf('d', { source: { oci: { reference: 'x/y' } } })),
    [],
  );
  const says = (ordinal: number, ...models: readonly Reported[]) =>
    reportOf(`demo-${ordinal}`, { status: { models: [...models] } });

  test.each<[string, readonly AgentReport[], object]>([
    ['nothing is known', [], { total: 4, ready: 0, failed: 1 }],
    ['one is served', [says(0, reportedModel('a:latest'))], { total: 4, ready: 1, failed: 1 }],
    [
      'one failed everywhere',
      [says(0, reportedModel('a:latest', { state: 'failed' }))],
      { total: 4, ready: 0, failed: 2 },
    ],
    [
      'one that failed here is served there',
      [says(0, reportedModel('a:latest', { state: 'failed' })), says(1, reportedModel('a:latest'))],
      { total: 4, ready: 1, failed: 1 },
    ],
    [
      'an agent that is not ready does not count',
      [says(7, reportedModel('a:latest'))],
      { total: 4, ready: 0, failed: 1 },
    ],
  ])('%s', (_what, reports, expected) => {
    expect(modelSummary(plans, byName(...reports), new Set(['demo-0', 'demo-1']))).toEqual(expected);
  });

  test('one that waits for agents to be on nodes has not failed', () => {
    const waiting = planModels(clusterOf(), [modelOf('m', { nodeSelector: { a: 'b' } })], []);
    expect(modelSummary(waiting, new Map(), new Set())).toEqual({ total: 1, ready: 0, failed: 0 });
  });
});
