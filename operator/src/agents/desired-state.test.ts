import { describe, expect, test } from '@jest/globals';
import { compileValidator, DesiredState, modelConditions, type OllamaModel } from '@ollamamax/api';
import { clusterOf } from '../cluster/cluster.fixture.ts';
import { modelOf } from '../model/model.fixture.ts';
import {
  claimsOf,
  contentHash,
  desiredContent,
  planModels,
  sourceKindOf,
  type AgentPlace,
} from './desired-state.ts';

const cluster = clusterOf();
const agents = ['demo-0', 'demo-1', 'demo-2'];
const nowhere: readonly AgentPlace[] = [];

const planOf = (model: OllamaModel, places: readonly AgentPlace[] = nowhere, of = cluster) => {
  const [plan] = planModels(of, [model], places);
  return plan!;
};
/** Written when adapters were but a path; the API server has taken that out. */
const asBefore = {
  ...modelOf('m'),
  spec: { ...modelOf('m').spec, adapters: [{}] },
} as unknown as OllamaModel;
const specOf = (spec: object, of = cluster) => planOf(modelOf('m', spec), nowhere, of).spec;

describe('what agents are told of a model', () => {
  test('with nothing but a source', () => {
    expect(specOf({})).toEqual({
      name: 'm:latest',
      source: { file: '/models/m.gguf' },
      replicas: 2,
      agents,
      preload: false,
      priority: 0,
      keepFiles: false,
    });
  });

  test.each<[object, object]>([
    [{ file: { path: '/a/b.gguf' } }, { file: '/a/b.gguf' }],
    [{ pvc: { claimName: 'library', path: 'dir/b.gguf' } }, { file: '/models/library/dir/b.gguf' }],
    [{ http: { url: 'https://a.example/b.gguf' } }, { http: 'https://a.example/b.gguf' }],
  ])('source %j', (source, expected) => {
    expect(specOf({ source, sha256: 'a'.repeat(64) })).toMatchObject({
      source: expected,
      sha256: 'a'.repeat(64),
    });
  });

  test.each<[object, object]>([
    [{ model: 'Llama3.2:3B' }, { name: 'llama3.2:3b' }],
    [{ model: 'mine/llama' }, { name: 'mine/llama:latest' }],
    [{ replicas: 100 }, { replicas: 3 }],
    [{ replicas: 1 }, { replicas: 1 }],
    [{ deletionPolicy: 'Retain' }, { keepFiles: true }],
    [{ deletionPolicy: 'Delete' }, { keepFiles: false }],
    [
      { preload: true, priority: -5 },
      { preload: true, priority: -5 },
    ],
    [{ keepAliveSeconds: 600 }, { keepAliveSeconds: 600 }],
    [{ keepAliveSeconds: 0 }, { keepAliveSeconds: 0 }],
    [{ keepAliveSeconds: -1 }, { keepAliveSeconds: -1 }],
    [
      { system: 'Be kind.', template: '{{ x }}' },
      { system: 'Be kind.', template: '{{ x }}' },
    ],
  ])('%j', (spec, expected) => {
    expect(specOf(spec)).toMatchObject(expected);
  });

  test('adapters have sources as models do, and their claims are mounted, too', () => {
    const adapters = [
      { source: { file: { path: '/a.gguf' } } },
      { source: { pvc: { claimName: 'styles', path: 'b.gguf' } }, scale: 0.5 },
      { source: { http: { url: 'https://a.example/c.gguf' } }, sha256: 'a'.repeat(64) },
    ];
    const source = { pvc: { claimName: 'library', path: 'm.gguf' } };
    expect(specOf({ source, adapters })?.adapters).toEqual([
      { source: { file: '/a.gguf' } },
      { source: { file: '/models/styles/b.gguf' }, scale: 0.5 },
      { source: { http: 'https://a.example/c.gguf' }, sha256: 'a'.repeat(64) },
    ]);
    expect(claimsOf(modelOf('m', { source, adapters }))).toEqual(['library', 'styles']);
  });

  test.each<[object, object]>([
    [{ source: { file: { path: '/p.gguf' } } }, { source: { file: '/p.gguf' } }],
    [
      { source: { pvc: { claimName: 'eyes', path: 'p.gguf' } }, sha256: 'b'.repeat(64) },
      { source: { file: '/models/eyes/p.gguf' }, sha256: 'b'.repeat(64) },
    ],
    [
      { source: { http: { url: 'https://a.example/p.gguf' } }, sha256: 'a'.repeat(64) },
      { source: { http: 'https://a.example/p.gguf' }, sha256: 'a'.repeat(64) },
    ],
  ])('projector or draft model %j', (file, expected) => {
    expect(specOf({ projector: file })?.projector).toEqual(expected);
    expect(specOf({ draft: file })?.draft).toEqual(expected);
  });

  test.each(['projector', 'draft'])(
    'a %s on a claim has that mounted, beside those of the model and its adapters',
    (file) => {
      const on = (claimName: string) => ({ pvc: { claimName, path: 'm.gguf' } });
      const model = { source: on('library'), [file]: { source: on('more') } };
      expect(claimsOf(modelOf('m', model))).toEqual(['library', 'more']);
      const adapters = [{ source: on('styles') }];
      expect(claimsOf(modelOf('m', { ...model, adapters }))).toEqual(['library', 'styles', 'more']);
      expect(claimsOf(modelOf('m', { [file]: { source: { file: { path: '/p.gguf' } } } }))).toEqual([]);
    },
  );

  test('parameters have the names of Ollama', () => {
    const parameters = {
      contextSize: 8192,
      maxTokens: -1,
      temperature: 0,
      topK: 40,
      topP: 0.9,
      minP: 0.05,
      seed: 42,
      repeatPenalty: 1.1,
      repeatLastN: 64,
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
      stop: ['a', 'b'],
    };
    expect(specOf({ parameters })?.parameters).toEqual({
      num_ctx: 8192,
      num_predict: -1,
      temperature: 0,
      top_k: 40,
      top_p: 0.9,
      min_p: 0.05,
      seed: 42,
      repeat_penalty: 1.1,
      repeat_last_n: 64,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      stop: ['a', 'b'],
    });
    expect(specOf({ parameters: { seed: 0 } })?.parameters).toEqual({ seed: 0 });
    expect(specOf({ parameters: {} })?.parameters).toEqual({});
    expect(specOf({})).not.toHaveProperty('parameters');
  });

  test('agents that a scale-down removes are not told to hold it', () => {
    const places = [...agents, 'demo-3', 'demo-4'].map((name) => ({ name, nodeLabels: {} }));
    const { spec } = planOf(modelOf('m', { replicas: 5 }), places);
    expect(spec).toMatchObject({ agents, replicas: 3 });
  });

  test('is what agents take', () => {
    const models = [
      modelOf('a', {
        parameters: { stop: ['x'], temperature: 0.5 },
        system: 's',
        template: 't',
        priority: 1,
        keepAliveSeconds: 0,
        adapters: [{ source: { file: { path: '/a.gguf' } }, scale: 0.5 }],
        projector: { source: { pvc: { claimName: 'eyes', path: 'p.gguf' } } },
        draft: { source: { pvc: { claimName: 'library', path: 'd.gguf' } }, sha256: 'd'.repeat(64) },
      }),
      modelOf('b', { source: { http: { url: 'https://a.example/b' } }, sha256: 'b'.repeat(64), replicas: 1 }),
    ];
    const of = clusterOf({ inference: { keepAliveSeconds: -1, maxQueue: 0 } });
    const { models: told, settings } = desiredContent(of, planModels(of, models, nowhere));
    const state = structuredClone({ revision: 2, models: told, settings });
    expect(compileValidator(DesiredState)(state)).toMatchObject({ ok: true });
    expect(settings).toEqual({
      contextSize: 4096,
      parallel: 4,
      keepAliveSeconds: -1,
      maxLoadedModels: 3,
      maxQueue: 0,
      speculation: true,
    });
  });
});

describe('what agents are not told of', () => {
  test.each<[string, OllamaModel, string, string]>([
    [
      'a registry',
      modelOf('m', { source: { ollama: { name: 'llama' } } }),
      'SourceNotSupportedYet',
      'This version cannot get models from a source of kind ollama.',
    ],
    [
      'Hugging Face',
      modelOf('m', { source: { huggingFace: { repository: 'a/b', file: 'c' } } }),
      'SourceNotSupportedYet',
      'This version cannot get models from a source of kind huggingFace.',
    ],
    [
      'OCI',
      modelOf('m', { source: { oci: { reference: 'a/b:c' } } }),
      'SourceNotSupportedYet',
      'This version cannot get models from a source of kind oci.',
    ],
    [
      'a source that only a newer version knows',
      modelOf('m', { source: {} }),
      'SourceNotSupportedYet',
      'This version cannot get models from a source of kind unknown.',
    ],
    [
      'an adapter from where only a newer version gets it',
      modelOf('m', { adapters: [{ source: {} }] }),
      'SourceNotSupportedYet',
      'This version cannot get adapters from such a source.',
    ],
    [
      'an adapter as an earlier version wrote it',
      asBefore,
      'SourceNotSupportedYet',
      'This version cannot get adapters from such a source.',
    ],
    [
      'a projector from where only a newer version gets it',
      modelOf('m', { projector: { source: {} } }),
      'SourceNotSupportedYet',
      'This version cannot get a projector from such a source.',
    ],
    [
      'a draft model from where only a newer version gets it',
      modelOf('m', { draft: { source: {} } }),
      'SourceNotSupportedYet',
      'This version cannot get a draft model from such a source.',
    ],
    [
      'a name that is none',
      modelOf('m', { model: 'a/b/c/d/e' }),
      'InvalidName',
      '"a/b/c/d/e" is not a valid model name.',
    ],
    [
      'a name of an object that is none for a model',
      modelOf('x'.repeat(100)),
      'InvalidName',
      `"${'x'.repeat(80)}…" is not a valid model name.`,
    ],
  ])('%s', (_what, model, reason, message) => {
    const plan = planOf(model);
    expect(plan).toEqual({ model, refusal: { reason, message }, spec: undefined });
    expect(Object.keys(modelConditions.Resolved.reasons)).toContain(reason);
  });

  test('an empty list of adapters is none; neither is what was not said', () => {
    expect(specOf({ adapters: [] })).not.toHaveProperty('adapters');
    expect(Object.keys(specOf({}) ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/projector|draft|keepAlive/)]),
    );
  });
});

describe('a name that two models want', () => {
  const old = modelOf('z', { model: 'Llama' }, { created: '2026-01-01T00:00:00Z' });
  const young = modelOf('a', { model: 'llama:latest' }, { created: '2026-01-01T00:00:01Z' });
  const winners = (models: readonly OllamaModel[]) =>
    planModels(cluster, models, nowhere).flatMap(({ model, spec }) =>
      spec === undefined ? [] : [model.metadata.name],
    );

  test('belongs to the older one, in whatever order they come', () => {
    for (const models of [
      [old, young],
      [young, old],
    ]) {
      expect(winners(models)).toEqual(['z']);
      expect(planModels(cluster, models, nowhere).at(-1)?.refusal).toEqual({
        reason: 'NameTaken',
        message: 'OllamaModel z already serves llama:latest in this cluster.',
      });
    }
  });

  test('of two of the same second to the first by name', () => {
    const same = ['c', 'a', 'b'].map((name) => modelOf(name, { model: 'llama' }));
    expect(winners(same)).toEqual(['a']);
    expect(winners(same.toReversed())).toEqual(['a']);
  });

  test('is not taken by one that is refused itself', () => {
    const refused = modelOf('z', { model: 'llama', source: { ollama: { name: 'x' } } });
    expect(winners([refused, young])).toEqual(['a']);
  });
});

describe('nodeSelector', () => {
  const selecting = modelOf('m', { nodeSelector: { disk: 'ssd', zone: 'a' }, replicas: 3 });
  const place = (name: string, nodeLabels?: Readonly<Record<string, string>>): AgentPlace => ({
    name,
    nodeLabels,
  });
  const fits = { disk: 'ssd', zone: 'a', more: 'x' };

  test('only agents on such nodes hold the model', () => {
    const places = [place('demo-2', fits), place('demo-0', { disk: 'ssd' }), place('demo-1', fits)];
    expect(planOf(selecting, places).spec).toMatchObject({ agents: ['demo-1', 'demo-2'], replicas: 2 });
  });

  test.each<[string, readonly AgentPlace[], string, string]>([
    [
      'there is none',
      agents.map((name) => place(name, { disk: 'hdd' })),
      'NoMatchingNode',
      'No agent runs on a node with the labels {"disk":"ssd","zone":"a"}.',
    ],
    [
      'there is none yet',
      [place('demo-0', {}), place('demo-1', {}), place('demo-2')],
      'WaitingForCluster',
      'No agent runs on a node with the labels {"disk":"ssd","zone":"a"} yet.',
    ],
    [
      'there are no agents yet',
      [],
      'WaitingForCluster',
      'No agent runs on a node with the labels {"disk":"ssd","zone":"a"} yet.',
    ],
    [
      'only one that goes',
      [...agents.map((name) => place(name, {})), place('demo-3', fits)],
      'NoMatchingNode',
      'No agent runs on a node with the labels {"disk":"ssd","zone":"a"}.',
    ],
  ])('%s', (_what, places, reason, message) => {
    expect(planOf(selecting, places).refusal).toEqual({ reason, message });
  });

  test('an empty one is none', () => {
    expect(specOf({ nodeSelector: {} })?.agents).toEqual(agents);
  });
});

describe('contentHash', () => {
  const models = [modelOf('a', { parameters: { topK: 1, seed: 2 } }), modelOf('b'), modelOf('c')];
  const hashOf = (list: readonly OllamaModel[], of = cluster): string =>
    contentHash(desiredContent(of, planModels(of, list, nowhere)));

  test('is that of AgentStatus.catalogHash, whatever the order of models and fields', () => {
    const hash = hashOf(models);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(hashOf(models.toReversed())).toBe(hash);
    expect(hashOf([modelOf('a', { parameters: { seed: 2, topK: 1 } }), models[1]!, models[2]!])).toBe(hash);
    // Objects made anew, of another generation, with another status.
    expect(
      hashOf(models.map((model) => ({ ...model, metadata: { ...model.metadata, uid: 'x', generation: 9 } }))),
    ).toBe(hash);
  });

  test.each<[string, string]>([
    ['another parameter', hashOf([modelOf('a', { parameters: { topK: 2, seed: 2 } }), ...models.slice(1)])],
    ['a keep-alive', hashOf([modelOf('b', { keepAliveSeconds: 300 }), models[0]!, models[2]!])],
    [
      'a projector',
      hashOf([modelOf('b', { projector: { source: { file: { path: '/p' } } } }), models[0]!, models[2]!]),
    ],
    [
      'a draft model',
      hashOf([modelOf('b', { draft: { source: { file: { path: '/p' } } } }), models[0]!, models[2]!]),
    ],
    ['a model more', hashOf([...models, modelOf('d')])],
    ['a model less', hashOf(models.slice(1))],
    ['a setting', hashOf(models, clusterOf({ inference: { parallel: 1 } }))],
    ['more agents', hashOf(models, clusterOf({ replicas: 4 }))],
  ])('differs by %s', (_what, hash) => {
    expect(hash).not.toBe(hashOf(models));
  });

  test('does not differ by what agents are not told of', () => {
    const refused = modelOf('d', { source: { oci: { reference: 'a/b' } } });
    expect(hashOf([...models, refused])).toBe(hashOf(models));
    expect(hashOf(models, clusterOf({ logging: { level: 'debug' }, image: 'x' }))).toBe(hashOf(models));
  });
});

test.each([
  [{ file: { path: '/a' } }, 'file'],
  [{ oci: { reference: 'abc' } }, 'oci'],
  [{}, undefined],
])('sourceKindOf(%j) is %s', (source, kind) => {
  expect(sourceKindOf(source)).toBe(kind);
});
