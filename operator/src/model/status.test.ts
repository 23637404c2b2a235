import { describe, expect, test } from '@jest/globals';
import {
  compileValidator,
  errorCatalogue,
  modelConditions,
  OllamaModelStatus as statusSchema,
  type AgentStatus,
  type ErrorCode,
  type OllamaModel,
  type OllamaModelStatus,
} from '@ollamamax/api';
import { planModels, type AgentPlace } from '../agents/desired-state.ts';
import type { AgentReport } from '../agents/report.ts';
import { byName, reportedModel, reportOf } from '../cluster/agents.fixture.ts';
import { clusterOf, nowMs, schemaWithoutExtensions } from '../cluster/cluster.fixture.ts';
import { failing, holding, mute } from './holding.fixture.ts';
import { modelOf } from './model.fixture.ts';
import { modelStatus, type ModelFacts } from './status.ts';

type Reported = AgentStatus['models'][number];

const validate = compileValidator(schemaWithoutExtensions(statusSchema));

/** A cluster of three whose agents are all ready, unless said otherwise. */
const factsOf = (more: Partial<ModelFacts> = {}, places: readonly AgentPlace[] = []): ModelFacts => {
  const model = more.model ?? modelOf('m');
  const cluster = clusterOf();
  return {
    model,
    plan: planModels(cluster, [model], places)[0],
    cluster: 'present',
    reports: new Map(),
    readyAgents: new Set(['demo-0', 'demo-1', 'demo-2']),
    nowMs,
    ...more,
  };
};

const statusOf = (more: Partial<ModelFacts> = {}, places?: readonly AgentPlace[]): OllamaModelStatus => {
  const status = modelStatus(factsOf(more, places));
  expect(validate(structuredClone(status))).toMatchObject({ ok: true });
  expect(status.conditions?.map(({ type }) => type)).toEqual(Object.keys(modelConditions));
  for (const { type, reason } of status.conditions ?? [])
    expect(Object.keys(modelConditions[type as keyof typeof modelConditions].reasons)).toContain(reason);
  return status;
};

const conditionOf = (status: OllamaModelStatus, type: string): readonly string[] => {
  const { status: is, reason, message } = status.conditions!.find((condition) => condition.type === type)!;
  return [is, reason, message];
};

const reasonsOf = (status: OllamaModelStatus): readonly string[] =>
  status.conditions!.map(({ status: is, reason }) => `${is} ${reason}`);

describe('mixtures of what agents say', () => {
  test.each<[string, readonly AgentReport[], OllamaModelStatus['phase'], readonly string[]]>([
    [
      'nobody has heard of it',
      [reportOf('demo-0')],
      'Pending',
      ['False NotDownloaded', 'True Accepted', 'False Waiting', 'False TooFewReplicas'],
    ],
    [
      'one has not begun',
      [holding(0, 'pending')],
      'Pending',
      ['False NotDownloaded', 'True Accepted', 'False Waiting', 'False TooFewReplicas'],
    ],
    [
      'one downloads',
      [holding(0, 'downloading'), holding(1, 'pending')],
      'Downloading',
      ['False NotDownloaded', 'True Accepted', 'False Downloading', 'False TooFewReplicas'],
    ],
    [
      'one downloads, another one verifies',
      [holding(0, 'verifying'), holding(1, 'downloading')],
      'Downloading',
      ['False NotDownloaded', 'True Accepted', 'False Downloading', 'False TooFewReplicas'],
    ],
    [
      'both verify',
      [holding(0, 'verifying'), holding(1, 'verifying')],
      'Verifying',
      ['False NotDownloaded', 'True Accepted', 'False Verifying', 'False TooFewReplicas'],
    ],
    [
      'one of two has it',
      [holding(0, 'ready')],
      'Degraded',
      ['True Serving', 'True Accepted', 'False Waiting', 'False TooFewReplicas'],
    ],
    [
      'one has it, the other downloads',
      [holding(0, 'downloading'), holding(2, 'ready')],
      'Degraded',
      ['True Serving', 'True Accepted', 'False Downloading', 'False TooFewReplicas'],
    ],
    [
      'both have it',
      [holding(0, 'ready'), holding(2, 'ready')],
      'Ready',
      ['True Serving', 'True Accepted', 'True AllVerified', 'True EnoughReplicas'],
    ],
    [
      'all have it, more than asked for',
      [holding(0, 'ready'), holding(1, 'ready'), holding(2, 'ready')],
      'Ready',
      ['True Serving', 'True Accepted', 'True AllVerified', 'True EnoughReplicas'],
    ],
    [
      'one has it, the other failed',
      [failing(0, 'disk_full'), holding(1, 'ready')],
      'Degraded',
      ['True Serving', 'True Accepted', 'False StorageFull', 'False TooFewReplicas'],
    ],
    [
      'both failed',
      [failing(0, 'disk_full'), failing(1, 'digest_mismatch')],
      'Failed',
      ['False Failed', 'True Accepted', 'False StorageFull', 'False TooFewReplicas'],
    ],
    [
      'the one that has it has been silent for half a minute: it is believed',
      [holding(0, 'ready'), mute(1, 'ready', 30_000)],
      'Ready',
      ['True Serving', 'True Accepted', 'True AllVerified', 'True EnoughReplicas'],
    ],
    [
      'one of two has been silent for longer',
      [holding(0, 'ready'), mute(1, 'ready')],
      'Degraded',
      ['True Serving', 'True Accepted', 'Unknown Unknown', 'Unknown Unknown'],
    ],
    [
      'both have been silent for longer: nobody knows',
      [mute(0, 'ready'), mute(1, 'ready')],
      'Degraded',
      ['Unknown Unknown', 'True Accepted', 'Unknown Unknown', 'Unknown Unknown'],
    ],
    [
      'the only one that had it is silent, the other one downloads',
      [mute(0, 'ready'), holding(1, 'downloading')],
      'Degraded',
      ['Unknown Unknown', 'True Accepted', 'False Downloading', 'False TooFewReplicas'],
    ],
    [
      'one that never had it is silent',
      [mute(0, 'downloading')],
      'Downloading',
      ['False NotDownloaded', 'True Accepted', 'False Downloading', 'False TooFewReplicas'],
    ],
    [
      'one that refuses something else still has it',
      [
        reportOf('demo-0', {
          status: { models: [reportedModel('m:latest')] },
          problem: { kind: 'refused', message: 'no' },
          silentMs: 90_000,
        }),
        holding(1, 'ready'),
      ],
      'Ready',
      ['True Serving', 'True Accepted', 'True AllVerified', 'True EnoughReplicas'],
    ],
    [
      'another model of the same agents',
      [reportOf('demo-0', { status: { models: [reportedModel('other:latest')] } })],
      'Pending',
      ['False NotDownloaded', 'True Accepted', 'False Waiting', 'False TooFewReplicas'],
    ],
    [
      'an agent that is not to hold it has it',
      [reportOf('demo-9', { status: { models: [reportedModel('m:latest')] } })],
      'Pending',
      ['False NotDownloaded', 'True Accepted', 'False Waiting', 'False TooFewReplicas'],
    ],
  ])('%s', (_what, reports, phase, reasons) => {
    const status = statusOf({ reports: byName(...reports) });
    expect([status.phase, ...reasonsOf(status)]).toEqual([phase, ...reasons]);
    expect(statusOf({ reports: byName(...reports.toReversed()) })).toEqual(status);
  });

  test('an agent whose pod is not ready serves nothing, and that is known', () => {
    for (const report of [holding(0, 'ready'), mute(0, 'ready')]) {
      const readyAgents = new Set(['demo-1']);
      const status = statusOf({ reports: byName(report), readyAgents });
      expect(conditionOf(status, 'Ready').slice(0, 2)).toEqual(['False', 'NotDownloaded']);
      expect(status.readyReplicas).toBe(0);
    }
  });

  test('no agent is ready at all', () => {
    const status = statusOf({ reports: byName(holding(0, 'ready')), readyAgents: new Set() });
    expect(conditionOf(status, 'Ready')).toEqual([
      'False',
      'WaitingForAgents',
      'No agent of the cluster is ready.',
    ]);
  });

  test('the messages say how many and who', () => {
    const status = statusOf({ reports: byName(holding(0, 'ready'), mute(1, 'ready'), mute(2, 'ready')) });
    expect(conditionOf(status, 'Ready')[2]).toBe('1 agent can serve it.');
    expect(conditionOf(status, 'Downloaded')[2]).toBe('demo-1, demo-2 do not answer.');
    expect(conditionOf(status, 'Replicated')[2]).toBe('demo-1, demo-2 do not answer.');
    const one = statusOf({ reports: byName(holding(0, 'ready'), holding(1, 'ready')) });
    expect(conditionOf(one, 'Ready')[2]).toBe('2 agents can serve it.');
    expect(conditionOf(one, 'Replicated')[2]).toBe('2 of 2 agents can serve it.');
  });
});

describe('errors of agents', () => {
  const codes: Readonly<Partial<Record<ErrorCode, string>>> = {
    source_file_missing: 'FileNotFound',
    digest_mismatch: 'DigestMismatch',
    model_file_invalid: 'FileInvalid',
    disk_full: 'StorageFull',
    source_unreachable: 'DownloadFailed',
    source_refused: 'DownloadFailed',
  };

  test.each(Object.entries(codes))('%s is %s', (code, reason) => {
    expect(Object.keys(errorCatalogue)).toContain(code);
    const status = statusOf({ reports: byName(failing(1, code, 'that is why')) });
    expect(conditionOf(status, 'Downloaded')).toEqual(['False', reason, 'demo-1: that is why']);
    expect(status).toMatchObject({ phase: 'Failed', lastError: 'demo-1: that is why' });
    expect(status.agents).toEqual([{ name: 'demo-1', state: 'Failed', message: 'that is why' }]);
  });

  test('a code that only a newer agent knows, or none, is a download that failed', () => {
    const unexplained = holding(0, 'failed');
    for (const report of [failing(0, 'brand_new'), unexplained])
      expect(conditionOf(statusOf({ reports: byName(report) }), 'Downloaded')[1]).toBe('DownloadFailed');
    expect(conditionOf(statusOf({ reports: byName(unexplained) }), 'Downloaded')[2]).toBe(
      'demo-0: no reason given',
    );
  });

  test('one that is tried again by itself is told of, and is no failure', () => {
    const error = { code: 'source_unreachable', message: 'no route' };
    const status = statusOf({ reports: byName(holding(0, 'downloading', { error })) });
    expect(status).toMatchObject({ phase: 'Downloading', lastError: 'demo-0: no route' });
    expect(conditionOf(status, 'Downloaded')[1]).toBe('Downloading');
  });

  test('is gone with its cause', () => {
    expect(statusOf({ reports: byName(holding(0, 'ready'), holding(1, 'ready')) })).not.toHaveProperty(
      'lastError',
    );
  });
});

describe('a model that is not resolved', () => {
  const placed = ['demo-0', 'demo-1', 'demo-2'].map((name) => ({ name, nodeLabels: {} }));
  test.each<[string, Partial<ModelFacts>, readonly AgentPlace[], string, string, OllamaModelStatus['phase']]>(
    [
      [
        'no cluster',
        { cluster: 'missing', plan: undefined },
        [],
        'ClusterNotFound',
        'There is no OllamaCluster demo in namespace team.',
        'Failed',
      ],
      [
        'a cluster that goes',
        { cluster: 'deleting' },
        [],
        'ClusterDeleting',
        'OllamaCluster demo is being deleted.',
        'Failed',
      ],
      [
        'a source that is not supported',
        { model: modelOf('m', { source: { ollama: { name: 'x' } } }) },
        [],
        'SourceNotSupportedYet',
        'This version cannot get models from a source of kind ollama.',
        'Failed',
      ],
      [
        'no node',
        { model: modelOf('m', { nodeSelector: { a: 'b' } }) },
        placed,
        'NoMatchingNode',
        'No agent runs on a node with the labels {"a":"b"}.',
        'Failed',
      ],
      [
        'no node yet',
        { model: modelOf('m', { nodeSelector: { a: 'b' } }) },
        [],
        'WaitingForCluster',
        'No agent runs on a node with the labels {"a":"b"} yet.',
        'Pending',
      ],
    ],
  )('%s', (_what, more, places, reason, message, phase) => {
    const status = statusOf({ reports: byName(holding(0, 'ready')), ...more }, places);
    expect(conditionOf(status, 'Resolved')).toEqual(['False', reason, message]);
    expect(conditionOf(status, 'Ready')).toEqual(['False', 'NotResolved', message]);
    expect(status).toMatchObject({ phase, lastError: message });
    if (reason !== 'ClusterDeleting')
      expect(status).toMatchObject({ desiredReplicas: 0, readyReplicas: 0, agents: [] });
  });
});

test('one that is being deleted says so before all else', () => {
  const model = modelOf('m', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' });
  for (const more of [
    { reports: byName(holding(0, 'ready')) },
    { cluster: 'missing', plan: undefined } as const,
  ]) {
    const status = statusOf({ model, ...more });
    expect(conditionOf(status, 'Ready')).toEqual(['False', 'Deleting', 'The model is being deleted.']);
    expect(status.phase).toBe('Deleting');
  }
});

describe('progress', () => {
  const part = (ordinal: number, completedBytes: number, sizeBytes: number) =>
    holding(ordinal, 'downloading', { completedBytes, sizeBytes });
  test.each<[string, readonly AgentReport[], number | undefined]>([
    ['nobody has begun', [], undefined],
    ['the size is not known yet', [part(0, 0, 0)], undefined],
    ['half of one', [part(0, 500, 1000)], 50],
    ['one has all, one half', [holding(0, 'ready'), part(1, 500, 1000)], 75],
    ['rounded down: not 100 before the last byte', [part(0, 9999, 10_000)], 99],
    ['all', [holding(0, 'ready'), holding(1, 'ready')], 100],
    ['a file in place that counts no bytes', [holding(0, 'ready', { completedBytes: 0 })], 100],
    ['more than there should be', [part(0, 1500, 1000)], 100],
  ])('%s', (_what, reports, percent) => {
    expect(statusOf({ reports: byName(...reports) }).progressPercent).toBe(percent);
  });

  test('of each agent only while it downloads', () => {
    const reports = byName(
      part(0, 250, 1000),
      holding(1, 'ready', { resident: { state: 'ready' } as NonNullable<Reported['resident']> }),
      holding(2, 'pending', {
        sizeBytes: 0,
        resident: { state: 'loading' } as NonNullable<Reported['resident']>,
      }),
    );
    expect(statusOf({ reports }).agents).toEqual([
      { name: 'demo-0', state: 'Downloading', progressPercent: 25 },
      { name: 'demo-1', state: 'Ready', loaded: true },
      { name: 'demo-2', state: 'Pending', loaded: false },
    ]);
  });

  test('an agent that has been silent for too long is in no state that is known', () => {
    expect(statusOf({ reports: byName(mute(0, 'ready')) }).agents).toEqual([
      { name: 'demo-0', state: 'Unknown' },
    ]);
    expect(statusOf({ reports: byName(mute(0, 'ready', 10)) }).agents).toEqual([
      { name: 'demo-0', state: 'Ready' },
    ]);
  });
});

describe('figures', () => {
  test('are those of the file and of the agents', () => {
    const digest = 'd'.repeat(64);
    const adapters = ['a'.repeat(64)];
    const reports = byName(
      holding(0, 'ready', { digest, adapters, sizeBytes: 7, completedBytes: 7 }),
      holding(1, 'pending'),
    );
    expect(statusOf({ model: modelOf('m', {}, { generation: 4 }), reports })).toMatchObject({
      observedGeneration: 4,
      model: 'm:latest',
      sha256: digest,
      adapters,
      desiredReplicas: 2,
      readyReplicas: 1,
    });
  });

  test('a condition keeps its time until its status flips', () => {
    const before = statusOf({ reports: byName(holding(0, 'ready')) });
    const model: OllamaModel = { ...modelOf('m'), status: before };
    const after = statusOf({
      model,
      reports: byName(holding(0, 'ready'), holding(1, 'ready')),
      nowMs: nowMs + 60_000,
    });
    const times = after.conditions!.map(({ type, lastTransitionTime }) => [type, lastTransitionTime]);
    expect(times).toEqual([
      ['Ready', '2026-01-02T03:04:05Z'],
      ['Resolved', '2026-01-02T03:04:05Z'],
      ['Downloaded', '2026-01-02T03:05:05Z'],
      ['Replicated', '2026-01-02T03:05:05Z'],
    ]);
  });
});
