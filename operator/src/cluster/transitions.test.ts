import { describe, expect, test } from '@jest/globals';
import type { OllamaClusterStatus } from '@ollamamax/api';
import { factsOf, podsOf, servedBefore, servingCluster } from './facts.fixture.ts';
import { groupView } from './group-view.ts';
import { clusterStatus, type ClusterFacts } from './status.ts';
import { clusterTransitions, type Transition } from './transitions.ts';

const statusOf = (more: Partial<ClusterFacts> = {}): OllamaClusterStatus => clusterStatus(factsOf(more));

/** What is told on the way from one status to the next. */
const told = (...statuses: readonly OllamaClusterStatus[]): readonly Transition[] =>
  statuses.slice(1).flatMap((status, index) => clusterTransitions(statuses[index], status));

const reasons = (transitions: readonly Transition[]) => transitions.map(({ reason }) => reason);

describe('a roll', () => {
  const rolling = statusOf({ pods: podsOf('ooR'), rollout: { kind: 'rolling', partition: 1, updated: 1 } });
  const blocked = statusOf({
    pods: podsOf('oRR'),
    rollout: { kind: 'blocked', partition: 1, updated: 2, why: 'w' },
  });

  test('has come to its end when all agents have the new template', () => {
    expect(told(rolling, blocked, statusOf())).toEqual([
      { type: 'Normal', reason: 'RolledOut', note: 'All agents run the new template.' },
    ]);
    expect(reasons(told(blocked, statusOf({ pods: podsOf('rRR') })))).toEqual(['RolledOut']);
  });

  test('has not when something else has come over it', () => {
    const scalingDown = statusOf({ pods: podsOf('ooRR'), replicasNow: 3 });
    expect(told(rolling, scalingDown)).toEqual([]);
    expect(told(statusOf(), statusOf({ pods: podsOf('RRr') }), statusOf())).toEqual([]);
  });
});

describe('what needs attention', () => {
  const oomed = { reason: 'OutOfMemory', message: 'demo-1: out of memory.' } as const;
  const crashing = { reason: 'CrashLoop', message: 'demo-1: it ends again and again.' } as const;
  const warning = (reason: string, note: string) => [{ type: 'Warning', reason, note }];

  test('is told once, and again when it is something else', () => {
    const first = statusOf({ podProblems: [oomed] });
    expect(told(statusOf(), first)).toEqual(warning('Degraded', `OutOfMemory: ${oomed.message}`));
    expect(clusterTransitions(undefined, first)).toContainEqual(
      warning('Degraded', `OutOfMemory: ${oomed.message}`)[0],
    );
    expect(told(first, statusOf({ podProblems: [oomed, oomed] }))).toEqual([]);
    expect(told(first, statusOf({ podProblems: [crashing] }))).toEqual(
      warning('Degraded', `CrashLoop: ${crashing.message}`),
    );
  });

  test('has a name of its own when it is a name', () => {
    const failure = { reason: 'NameConflict', message: 'Service demo exists.' } as const;
    expect(told(statusOf(), statusOf({ failure }))).toEqual(
      warning('NameConflict', 'NameConflict: Service demo exists.'),
    );
  });

  test('is told of when it is over, and only when there was something', () => {
    expect(told(statusOf({ podProblems: [oomed] }), statusOf(), statusOf())).toEqual([
      { type: 'Normal', reason: 'Recovered', note: 'Nothing needs attention any more.' },
    ]);
    expect(reasons(clusterTransitions(undefined, statusOf()))).toEqual(['Available']);
  });
});

describe('the group of agents', () => {
  const group = (clusterId: string, begun: boolean) => ({ clusterId, begun, voters: [], learners: [] });
  const none = statusOf({ consensus: undefined });
  const drawn = statusOf({ consensus: group('a', false) });
  const begun = statusOf({ consensus: group('a', true) });

  test('begins, once', () => {
    const note = 'The agents agree as group a.';
    expect(told(none, drawn, begun, begun)).toEqual([{ type: 'Normal', reason: 'GroupBegan', note }]);
  });

  test('is lost with all volumes, and begins anew', () => {
    const recorded = group('a', true);
    const cluster = servingCluster({}, { status: { ...servedBefore(), consensus: recorded } });
    const lost = statusOf({
      cluster,
      group: groupView(recorded, new Map()),
      consensus: group('b', false),
      step: { kind: 'draw', why: 'lost' },
    });
    expect(told(begun, lost)).toEqual([
      { type: 'Warning', reason: 'GroupLost', note: expect.stringContaining('begin anew as b.') },
    ]);
    expect(reasons(told(lost, statusOf({ consensus: group('b', true) })))).toEqual(['GroupBegan']);
  });

  test('may be another one than was known', () => {
    expect(told(begun, statusOf({ consensus: group('b', false) }))).toEqual([
      {
        type: 'Warning',
        reason: 'GroupAdopted',
        note: 'The agents belong to group b, not to a any more.',
      },
    ]);
  });
});
