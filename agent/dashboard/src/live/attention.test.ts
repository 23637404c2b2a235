import { describe, expect, test } from '@jest/globals';
import type { ClusterEventValue, MetricsEventValue, ModelEventValue } from '@ollamamax/api';
import { attentionItems, firstSeen, healthSentence, type ClusterFacts } from './attention.ts';

const agent = (id: string, change: Partial<ClusterEventValue> = {}): ClusterEventValue => ({
  id,
  phase: 'ready',
  version: '1',
  apiUrl: '',
  startedAt: '2026-01-01T00:00:00.000Z',
  lastSeen: '2026-01-01T00:10:00.000Z',
  cpuCores: 2,
  memoryTotalBytes: 1000,
  memoryAvailableBytes: 500,
  residentBytes: 0,
  catalogRevision: 1,
  ...change,
});
const copy = (id: string, change: Partial<ModelEventValue['agents'][number]> = {}) => ({
  id,
  state: 'ready' as const,
  completedBytes: 100,
  sizeBytes: 100,
  ...change,
});
const model = (name: string, change: Partial<ModelEventValue> = {}): ModelEventValue => ({
  name,
  sizeBytes: 100,
  replicasDesired: 1,
  replicasReady: 1,
  agents: [copy('a')],
  ...change,
});
const facts = (change: Partial<ClusterFacts>): ClusterFacts => ({
  agents: [agent('a')],
  models: [model('m')],
  metrics: {},
  ...change,
});
const metrics = (queued: number): MetricsEventValue => ({
  at: '',
  inFlight: 0,
  queued,
  openStreams: 0,
  requestsPerSecond: 0,
  tokensPerSecond: 0,
  requestsTotal: 0,
  errorsTotal: 0,
  tokensTotal: 0,
});

const ids = (change: Partial<ClusterFacts>): string[] => attentionItems(facts(change)).map(({ id }) => id);

describe('attentionItems', () => {
  test('a healthy cluster needs none', () => expect(ids({})).toEqual([]));

  test('worst first: what cannot answer, then what is thin, then what passes by itself', () => {
    expect(
      ids({
        agents: [agent('a', { phase: 'draining' }), agent('b', { phase: 'offline' })],
        models: [
          model('thin', { replicasDesired: 2 }),
          model('none', { replicasReady: 0, agents: [copy('a', { state: 'pending' })] }),
        ],
      }),
    ).toEqual(['offline:b', 'replicas:none', 'replicas:thin', 'draining:a']);
  });

  test('an offline agent is dated by when it was last seen and has no second line', () => {
    const [item, ...more] = attentionItems(
      facts({ agents: [agent('a', { phase: 'offline', memoryAvailableBytes: 1 })], models: [] }),
    );
    expect(more).toEqual([]);
    expect(item).toMatchObject({ severity: 'critical', since: Date.parse('2026-01-01T00:10:00.000Z') });
  });

  test('an agent that was never seen has no date', () => {
    const [item] = attentionItems(facts({ agents: [agent('a', { phase: 'offline', lastSeen: '' })] }));
    expect(item).not.toHaveProperty('since');
  });

  test('a failed model says why, and is a warning while others serve it', () => {
    const failed = copy('a', { state: 'failed', error: { code: 'disk_full', message: 'No space.' } });
    const [alone] = attentionItems(facts({ models: [model('m', { replicasReady: 0, agents: [failed] })] }));
    expect(alone).toMatchObject({ severity: 'critical', cause: 'No space.' });
    const [helped] = attentionItems(facts({ models: [model('m', { agents: [failed, copy('b')] })] }));
    expect(helped).toMatchObject({ severity: 'warning', id: 'failed:m:a' });
  });

  test('a download is a note with its progress, not a missing copy', () => {
    const [item, ...more] = attentionItems(
      facts({
        models: [
          model('m', {
            replicasReady: 0,
            agents: [
              copy('a', { state: 'downloading', completedBytes: 25 }),
              copy('b', { state: 'downloading', completedBytes: 75 }),
            ],
          }),
        ],
      }),
    );
    expect(more).toEqual([]);
    expect(item).toMatchObject({ severity: 'info', id: 'busy:m' });
    expect(item!.cause).toContain('50 %');
  });

  test('low memory, long queues and crash loops', () => {
    const resident = {
      contextSize: 1,
      slots: 1,
      busySlots: 0,
      queued: 0,
      memoryBytes: 1,
      loadedAt: '',
      restarts: 3,
      state: 'ready' as const,
    };
    expect(
      ids({
        agents: [agent('a', { memoryAvailableBytes: 99 })],
        metrics: { a: metrics(8) },
        models: [model('m', { agents: [copy('a', { resident })] })],
      }),
    ).toEqual(['memory:a', 'queue:a', 'restarts:m:a']);
    expect(ids({ agents: [agent('a', { memoryAvailableBytes: 100 })], metrics: { a: metrics(7) } })).toEqual(
      [],
    );
  });
});

test('firstSeen keeps the start while a condition lasts and forgets it afterwards', () => {
  const [draining] = attentionItems(facts({ agents: [agent('a', { phase: 'draining' })] }));
  const first = firstSeen(new Map(), [draining!], 100);
  expect(firstSeen(first, [draining!], 200).get('draining:a')).toBe(100);
  expect(firstSeen(first, [], 200).size).toBe(0);
});

describe('healthSentence', () => {
  test.each([
    [{}, 'good', 'The agent is ready and the model answers.'],
    [{ agents: [agent('a'), agent('b')] }, 'good', 'All 2 agents are ready and the model answers.'],
    [{ agents: [] }, 'critical', 'No agent has reported yet.'],
    [{ models: [] }, 'good', 'The agent is ready; there are no models yet.'],
    [
      { agents: [agent('a'), agent('b', { phase: 'offline' as const })] },
      'warning',
      '1 of 2 agents are ready and the model answers.',
    ],
    [
      { models: [model('m', { replicasReady: 0 }), model('n')] },
      'critical',
      'The agent is ready; 1 model has no copy that can answer.',
    ],
    [
      { models: [model('m', { replicasDesired: 3 })] },
      'warning',
      'The agent is ready; 1 model has fewer copies than wanted.',
    ],
  ] as const)('%#', (change, severity, text) => {
    expect(healthSentence(facts(change))).toEqual({ severity, text });
  });
});
