import { describe, expect, test } from '@jest/globals';
import { podOf } from './cluster.fixture.ts';
import { templateHashAnnotation } from './desired/stateful-set.ts';
import type { Pod, StatefulSet } from './objects.ts';
import { decideRollout, type Rollout, type RolloutInput } from './rollout.ts';

const setOf = (partition: number | undefined, more: { seen?: boolean; hash?: string } = {}): StatefulSet => {
  const { seen = true, hash = 'wanted' } = more;
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'demo', generation: 7, annotations: { [templateHashAnnotation]: hash } },
    spec: partition === undefined ? {} : { updateStrategy: { rollingUpdate: { partition } } },
    status: { observedGeneration: seen ? 7 : 6, updateRevision: 'new' },
  };
};

/** `N`, `O`: a ready pod of the new, old template; in lower case one that is not ready; `-`: none. */
const podsOf = (text: string): readonly Pod[] =>
  text.split('').flatMap((letter, ordinal) =>
    letter === '-'
      ? []
      : [
          podOf(ordinal, {
            revision: letter.toUpperCase() === 'N' ? 'new' : 'old',
            ready: letter === letter.toUpperCase(),
          }),
        ],
  );

const decide = (
  statefulSet: StatefulSet | undefined,
  pods: string,
  more: Partial<RolloutInput> = {},
): Rollout =>
  decideRollout({
    statefulSet,
    templateHash: 'wanted',
    replicas: pods.length,
    pods: podsOf(pods),
    wouldLose: () => [],
    broken: new Set(),
    unheard: [],
    guard: () => ({ kind: 'go' }),
    ...more,
  });

const notReadyYet = (ordinal: number): string =>
  `the agent with ordinal ${ordinal} is not ready with the new template yet`;

describe('decideRollout', () => {
  test.each<[string, Rollout, Rollout]>([
    ['a new cluster', decide(undefined, '---'), { kind: 'settled', partition: 0 }],
    [
      'a StatefulSet that is made anew for pods that are there',
      decide(undefined, 'NoO'),
      { kind: 'rolling', partition: 3, updated: 0 },
    ],
    ['nothing to do', decide(setOf(0), 'NNN'), { kind: 'settled', partition: 0 }],
    ['all have it, though not all are back', decide(setOf(0), 'nNN'), { kind: 'settled', partition: 0 }],
    [
      'another template: nobody gets it at once',
      decide(setOf(0, { hash: 'other' }), 'NNN'),
      { kind: 'rolling', partition: 3, updated: 0 },
    ],
    [
      'another template in the middle of a roll',
      decide(setOf(1, { hash: 'other' }), 'ONN'),
      { kind: 'rolling', partition: 3, updated: 0 },
    ],
    [
      'the controller has not seen it yet',
      decide(setOf(3, { seen: false }), 'NNN'),
      { kind: 'rolling', partition: 3, updated: 3 },
    ],
    ['the first', decide(setOf(3), 'OOO'), { kind: 'rolling', partition: 2, updated: 0 }],
    ['the next', decide(setOf(2), 'OON'), { kind: 'rolling', partition: 1, updated: 1 }],
    ['the last', decide(setOf(1), 'ONN'), { kind: 'rolling', partition: 0, updated: 2 }],
    ['the last is being replaced', decide(setOf(0), 'oNN'), { kind: 'rolling', partition: 0, updated: 2 }],
    [
      'the one before has not gone yet',
      decide(setOf(2), 'OOO'),
      { kind: 'blocked', partition: 2, updated: 0, why: notReadyYet(2) },
    ],
    [
      'the one before is not there',
      decide(setOf(2), 'OO-'),
      { kind: 'blocked', partition: 2, updated: 0, why: notReadyYet(2) },
    ],
    [
      'the one before is not ready',
      decide(setOf(2), 'OOn'),
      { kind: 'blocked', partition: 2, updated: 1, why: notReadyYet(2) },
    ],
    [
      'one that was replaced long ago is not ready',
      decide(setOf(1), 'ONn'),
      { kind: 'blocked', partition: 1, updated: 2, why: notReadyYet(2) },
    ],
    [
      'another one is not ready',
      decide(setOf(3), 'oOO'),
      { kind: 'blocked', partition: 3, updated: 0, why: 'the agent with ordinal 0 is not ready' },
    ],
    [
      'two others are not ready',
      decide(setOf(3), 'ooO'),
      { kind: 'blocked', partition: 3, updated: 0, why: 'the agent with ordinal 0, 1 is not ready' },
    ],
    [
      'another one is not there',
      decide(setOf(3), '-OO'),
      { kind: 'blocked', partition: 3, updated: 0, why: 'the agent with ordinal 0 is not ready' },
    ],
    [
      'another one is broken, has the old template and waits for its turn',
      decide(setOf(3), 'oOO', { broken: new Set(['demo-0']) }),
      { kind: 'rolling', partition: 2, updated: 0 },
    ],
    [
      'one is broken and another one just starts again',
      decide(setOf(3), 'ooO', { broken: new Set(['demo-0']) }),
      { kind: 'blocked', partition: 3, updated: 0, why: 'the agent with ordinal 1 is not ready' },
    ],
    [
      'a broken one that has the new template already',
      decide(setOf(3), 'nOO', { broken: new Set(['demo-0']) }),
      { kind: 'blocked', partition: 3, updated: 1, why: 'the agent with ordinal 0 is not ready' },
    ],
    [
      'the next is not ready: there is nothing to lose',
      decide(setOf(3), 'Ooo', { wouldLose: () => ['m'] }),
      { kind: 'rolling', partition: 2, updated: 0 },
    ],
    ['the next is not there', decide(setOf(3), 'OO-'), { kind: 'rolling', partition: 2, updated: 0 }],
    ['the next has it already', decide(setOf(2), 'ONN'), { kind: 'rolling', partition: 1, updated: 2 }],
    [
      'nobody else serves a model',
      decide(setOf(3), 'OOO', { wouldLose: (agent) => (agent === 'demo-2' ? ['a:latest', 'b:latest'] : []) }),
      { kind: 'blocked', partition: 3, updated: 0, why: 'nobody else serves a:latest, b:latest yet' },
    ],
    [
      'nobody knows yet what some serve',
      decide(setOf(3), 'OOO', { unheard: ['demo-0', 'demo-1'], wouldLose: () => ['m'] }),
      { kind: 'blocked', partition: 3, updated: 0, why: 'nobody knows yet what demo-0, demo-1 serve' },
    ],
    [
      'nobody knows yet what some serve, but the next is not ready',
      decide(setOf(3), 'OOo', { unheard: ['demo-0'] }),
      { kind: 'rolling', partition: 2, updated: 0 },
    ],
    [
      'nobody knows yet what some serve, but all have it',
      decide(setOf(0), 'NNN', { unheard: ['demo-0'] }),
      { kind: 'settled', partition: 0 },
    ],
    ['a cluster of one', decide(setOf(1), 'O'), { kind: 'rolling', partition: 0, updated: 0 }],
    [
      'fewer agents than before',
      decide(setOf(5), 'OOOOO', { replicas: 3 }),
      { kind: 'rolling', partition: 2, updated: 0 },
    ],
    [
      'more agents than before, made with the new template',
      decide(setOf(3), 'OOO--', { replicas: 5 }),
      { kind: 'blocked', partition: 3, updated: 0, why: notReadyYet(3) },
    ],
    ['no partition is none', decide(setOf(undefined), 'OON'), { kind: 'rolling', partition: 0, updated: 1 }],
    [
      'a pod of another form of name counts for nobody',
      decide(setOf(0), 'NNN', {
        pods: [...podsOf('NNN'), { ...podOf(0), metadata: { name: 'demo-x' } }],
      }),
      { kind: 'settled', partition: 0 },
    ],
  ])('%s', (_what, found, expected) => {
    expect(found).toEqual(expected);
  });

  test('a pod that is being deleted is not ready, whatever its conditions say', () => {
    const pods = [podOf(0, { revision: 'old', deleting: true }), ...podsOf('-OO')];
    expect(decide(setOf(3), 'OOO', { pods }).kind).toBe('blocked');
  });

  test('the order of pods does not matter', () => {
    const pods = podsOf('OON').toReversed();
    expect(decide(setOf(2), 'OON', { pods })).toEqual(decide(setOf(2), 'OON'));
  });
});

describe('an agent that may be needed for a majority', () => {
  const no = { kind: 'wait', why: 'the others need it' } as const;
  const call = { kind: 'transfer', at: 'demo-2', agent: 'demo-0' } as const;

  test.each(['OOO', 'OOo'])('is not started again: %s', (pods) => {
    expect(decide(setOf(3), pods, { guard: () => no })).toEqual({
      kind: 'blocked',
      partition: 3,
      updated: 0,
      why: no.why,
    });
  });

  test('has something done first', () => {
    const guard = () => ({ kind: 'call', call, why: 'it leads' }) as const;
    expect(decide(setOf(3), 'OOO', { guard })).toMatchObject({ kind: 'blocked', why: 'it leads', call });
  });

  test.each([
    ['others are not ready', 'OoO'],
    ['it has gone already', 'OO-'],
    ['it has the new template', 'OON'],
  ])('is not asked about when %s', (_what, pods) => {
    const guard = () => {
      throw new Error('asked');
    };
    expect(decide(setOf(3), pods, { guard }).kind).toBeDefined();
  });
});
