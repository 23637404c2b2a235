import { BenchRefused, type Row } from '../harness/bench.ts';
import { residentBytes } from '../harness/process-cost.ts';
import { randomModel, randomModels } from '../../harness/random-model.ts';
import { assertSameWork, compare, pick, type Figures } from './comparison.ts';
import { canEmbed, embed, embeddingModel } from './embeddings.ts';
import { inRounds, withEngines, type Surroundings } from './engines.ts';
import type { Engine } from './engine.ts';
import { split, startLlamaServer, unified } from './llama-server.ts';
import {
  aggregate,
  arrivals,
  leavingEarly,
  longPromptArrives,
  sharedPrefix,
  type RequestSize,
  type Work,
} from './loads.ts';
import { byDefault, inParallel } from './ollama.ts';
import { ours, startOurs } from './ours.ts';

/** Rows of one part of the bench, and what a reader must know about them. */
export interface Part {
  readonly rows: readonly Row[];
  readonly notes?: readonly string[];
}

const higher = { unit: '1/s', better: 'higher' } as const;
const lower = { unit: 'ms', better: 'lower' } as const;
const speed = ({ tokensPerSecond }: { readonly tokensPerSecond: number }): number => tokensPerSecond;

const isOurs = ({ candidate }: Row): boolean => candidate === ours;

/** Context of an ordinary request, and of one with a long prompt. */
const contexts = { ordinary: 512, long: 3072 } as const;
const longPrompt = 2000;

const measured = async <M extends Work>(
  measure: string,
  engines: readonly Engine[],
  around: Surroundings,
  load: Parameters<typeof inRounds<M>>[3],
): Promise<Figures<M>> => {
  const figures = await inRounds(measure, engines, around, load);
  assertSameWork(measure, figures);
  return figures;
};

const aggregateRows = async (
  engines: readonly Engine[],
  around: Surroundings,
  model: string,
  clients: number,
  size: RequestSize,
  bounds: { readonly floor?: number; readonly aim?: number } = {},
): Promise<readonly Row[]> => {
  const measure = `tokens per second, ${clients} clients (${model})`;
  const figures = await measured(measure, engines, around, (engine, context) =>
    aggregate(engine, context, clients, size),
  );
  return compare({ ...higher, ...bounds, measure, values: pick(figures, speed) });
};

const properties = Array.from({ length: 12 }, (_unused, index) => `p${index}`);
/** More than an answer has room for, and mostly free text in strings. */
const jsonSchema = {
  type: 'object',
  properties: Object.fromEntries(properties.map((name) => [name, { type: 'string' }])),
  required: properties,
  additionalProperties: false,
};

/** Tokens per second of loads that came one after the other. */
const together = (loads: readonly { readonly tokens: number; readonly tokensPerSecond: number }[]): number =>
  loads.reduce((sum, { tokens }) => sum + tokens, 0) /
  loads.reduce((sum, { tokens, tokensPerSecond }) => sum + tokens / tokensPerSecond, 0);

/** Free and constrained answers in turn. */
const jsonRows = async (
  engines: readonly Engine[],
  around: Surroundings,
  clients: number,
  size: RequestSize,
): Promise<readonly Row[]> => {
  const figures = await measured('constrained JSON', engines, around, async (engine, context) => {
    const answers = (what: string, schema?: object): ReturnType<typeof aggregate> =>
      aggregate(engine, { ...context, seed: `${context.seed} ${what}` }, clients, size, schema);
    // Each of them first and last once: a machine that slows down meanwhile slows both.
    const before = await answers('free, before');
    const constrained = [
      await answers('constrained', jsonSchema),
      await answers('constrained again', jsonSchema),
    ];
    const free = [before, await answers('free, after')];
    const all = [...free, ...constrained];
    return {
      tokens: all.reduce((sum, { tokens }) => sum + tokens, 0),
      promptTokens: all.reduce((sum, { promptTokens }) => sum + promptTokens, 0),
      free: together(free),
      constrained: together(constrained),
    };
  });
  return [...figures].map(([candidate, rounds]): Row => ({
    ...higher,
    measure: `tokens per second, ${clients} clients (medium), constrained JSON`,
    candidate,
    values: rounds.map(({ constrained }) => constrained),
    ratio: { to: 'free', values: rounds.map(({ free, constrained }) => constrained / free) },
    ...(candidate === ours ? { floor: { of: 'ratio', value: 0.9 } as const } : {}),
  }));
};

const memoryRows = async (engines: readonly Engine[], around: Surroundings): Promise<readonly Row[]> => {
  const figures = await inRounds('memory', engines, around, async (engine) => ({
    holderMB: residentBytes([engine.holder()]) / 1e6,
    allMB: residentBytes(engine.processes()) / 1e6,
  }));
  return [
    ...compare({
      measure: 'resident memory of the process with the model (base)',
      unit: 'MB',
      better: 'lower',
      floor: 1.2,
      values: pick(figures, ({ holderMB }) => holderMB),
    }),
    {
      measure: 'resident memory of the agent and its runner (base)',
      candidate: ours,
      unit: 'MB',
      better: 'lower',
      values: (figures.get(ours) ?? []).map(({ allMB }) => allMB),
    },
  ];
};

const leavingRows = async (
  engines: readonly Engine[],
  around: Surroundings,
  size: RequestSize,
): Promise<readonly Row[]> => {
  const measure = 'tokens per second of 4 clients after 4 others left';
  const figures = await measured(measure, engines, around, (engine, context) =>
    leavingEarly(engine, context, 8, size),
  );
  const values = pick(figures, speed);
  return [
    ...compare({ ...higher, measure, values, peer: split, floor: 1.2, aim: 1.8 }),
    ...compare({ ...higher, measure, values, peer: unified }).filter(isOurs),
  ];
};

/** Ordinary requests at the model that takes longest, where the computation decides. */
export const throughputPart = async (around: Surroundings, size: RequestSize): Promise<Part> => {
  const file = await randomModel(randomModels.base);
  const loads = [
    { clients: 1, floor: 0.95, aim: 1 },
    { clients: 4, floor: 1, aim: 1.05 },
    { clients: 8, floor: 1, aim: 1.1 },
    { clients: 16, floor: 1, aim: 1.1 },
  ];
  const rows: Row[] = [];
  for (const { clients, ...bounds } of loads)
    await withEngines(
      // One request has the whole context either way.
      clients === 1 ? ['ours', 'split'] : ['ours', 'split', 'unified'],
      { file, parallel: clients, contextSize: contexts.ordinary },
      around,
      async (engines) => {
        rows.push(...(await aggregateRows(engines, around, 'base', clients, size, bounds)));
        if (clients === 4) rows.push(...(await memoryRows(engines, around)));
        if (clients === 8) rows.push(...(await leavingRows(engines, around, size)));
      },
    );
  return { rows };
};

/** The same requests at a model whose steps take a millisecond, as on a fast GPU: what is around them decides. */
export const fastStepsPart = async (around: Surroundings, size: RequestSize): Promise<Part> => {
  const file = await randomModel(randomModels.small);
  const rows: Row[] = [];
  for (const clients of [1, 8])
    await withEngines(
      clients === 1 ? ['ours', 'split'] : ['ours', 'split', 'unified'],
      { file, parallel: clients, contextSize: contexts.ordinary },
      around,
      async (engines) => {
        rows.push(...(await aggregateRows(engines, around, 'small', clients, size)));
      },
    );
  return { rows };
};

/** @throws BenchRefused when it has loaded none: it would compute with what every processor can do */
const kernelsOf = ({ name, kernels }: Engine): string => {
  const loaded = kernels?.();
  if (loaded === undefined) throw new BenchRefused(`${name} has loaded no CPU kernels`);
  return loaded;
};

/** Ours beside Ollama as it is installed, and as it is told to work on as many requests at a time. */
export const ollamaPart = async (around: Surroundings, size: RequestSize): Promise<Part> => {
  const file = await randomModel(randomModels.base);
  const rows: Row[] = [];
  const kernels = new Set<string>();
  for (const clients of [1, 4, 8])
    await withEngines(
      clients === 1 ? ['ours', 'ollama'] : ['ours', 'ollama', 'ollama parallel'],
      { file, parallel: clients, contextSize: contexts.ordinary },
      around,
      async (engines) => {
        for (const engine of engines) if (engine.name !== ours) kernels.add(kernelsOf(engine));
        const measure = `tokens per second, ${clients} clients (base), beside Ollama`;
        const figures = await measured(measure, engines, around, (engine, context) =>
          aggregate(engine, context, clients, size),
        );
        const values = pick(figures, speed);
        rows.push(...compare({ ...higher, measure, values, peer: byDefault }));
        if (values.has(inParallel))
          rows.push(...compare({ ...higher, measure, values, peer: inParallel }).filter(isOurs));
      },
    );
  return {
    rows,
    notes: [
      'Ollama works on one request at a time by default and lets the others wait; with OLLAMA_NUM_PARALLEL it works on as many as there are clients. These rows have no floor.',
      `Ollama computes with its own ${[...kernels].join(', ')}, which ${around.ollama?.built === true ? 'was built on this machine as its CMake preset says' : 'came with its command'}; ours with the kernels that it has beside llama-server.`,
    ],
  };
};

/** Times to the first token, and gaps, with long prompts and with clients that come one by one; JSON. */
export const latencyPart = async (around: Surroundings, ordinary: RequestSize): Promise<Part> => {
  const file = await randomModel(randomModels.medium);
  const setup = { file, parallel: 8, contextSize: contexts.long };
  const { options, prompts } = around;
  return withEngines(['ours', 'split', 'unified'], setup, around, async (engines) => {
    const reference = engines[1];
    if (reference === undefined) throw new RangeError('llama-server is not among the engines');
    const size = { prompt: 128, tokens: 64 };
    const calibration = { prompts, seed: 'capacity', signal: options.signal };
    const { tokensPerSecond } = await aggregate(reference, calibration, setup.parallel, size);
    const perSecond = tokensPerSecond / size.tokens / 2;
    const staggered = await measured('staggered arrivals', engines, around, (engine, context) =>
      arrivals(engine, context, perSecond, options.seconds, size),
    );
    const stalls = await measured('a long prompt arrives', engines, around, (engine, context) =>
      longPromptArrives(engine, context, 3, longPrompt, 2000),
    );
    const shared = await measured('shared system prompt', engines, around, (engine, context) =>
      sharedPrefix(engine, context, 8, longPrompt, { prompt: 16, tokens: 16 }, engine.name === ours),
    );
    const firstToken = { ...lower, floor: 1, aim: 0.8 };
    const own = shared.get(ours) ?? [];
    return {
      rows: [
        ...(await jsonRows(engines, around, 4, ordinary)),
        ...compare({
          ...firstToken,
          measure: 'time to first token, staggered, P50',
          values: pick(staggered, ({ p50 }) => p50),
        }),
        ...compare({
          ...firstToken,
          measure: 'time to first token, staggered, P95',
          values: pick(staggered, ({ p95 }) => p95),
        }),
        ...compare({
          ...lower,
          measure: 'longest gap of 3 streams while a 2,000-token prompt arrives',
          values: pick(stalls, ({ gapMs }) => gapMs),
          floor: 0.5,
          aim: 0.2,
        }),
        ...compare({
          ...lower,
          measure: 'time to first token of that prompt',
          values: pick(stalls, ({ newcomerMs }) => newcomerMs),
        }),
        ...compare({
          ...lower,
          measure: 'time to first token, 8 clients with a known 2,000-token system prompt',
          values: pick(shared, ({ warmMs }) => warmMs),
          floor: 1,
        }),
        {
          measure: 'times faster than 8 clients whose system prompts nobody knows',
          candidate: ours,
          unit: '',
          better: 'higher',
          values: own.map(({ coldMs, warmMs }) => coldMs / warmMs),
          floor: { of: 'median', value: 5 },
          aim: { of: 'median', value: 10 },
        },
      ],
      notes: [
        `Staggered: ${perSecond.toFixed(2)} requests per second for ${options.seconds} s a round, half of what llama-server answered with 8 clients at once; 128 + 64 tokens, times count from when a client was to come.`,
      ],
    };
  });
};

/** Many short inputs to embed, once the agent can do that. */
export const embeddingsPart = async (around: Surroundings): Promise<Part> => {
  const { options, llamaServer, threads } = around;
  const setup = { file: embeddingModel, parallel: 16, contextSize: contexts.ordinary, threads };
  const engines: Engine[] = [];
  try {
    const agent = await startOurs(setup);
    engines.push(agent);
    if (!(await canEmbed(agent, options.signal)))
      return { rows: [], notes: ['Embeddings are not measured: the agent has no /v1/embeddings yet.'] };
    engines.push(await startLlamaServer(llamaServer, setup, split, ['--embeddings']));
    engines.push(await startLlamaServer(llamaServer, setup, unified, ['--embeddings']));
    const measure = 'embeddings per second, 256 short inputs in a request';
    const values = await inRounds(measure, engines, around, (engine, context) =>
      embed(engine, context, 256, 16),
    );
    return { rows: compare({ ...higher, measure, values, floor: 1, aim: 1.5 }) };
  } finally {
    for (const engine of engines) await engine.stop();
  }
};
