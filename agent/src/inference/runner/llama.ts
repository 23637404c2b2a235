import {
  getLlama,
  getLlamaGpuTypes,
  InsufficientMemoryError,
  LlamaGrammarEvaluationState,
  LlamaLogLevel,
  type Llama,
  type LlamaContext,
  type LlamaGrammar,
  type LlamaModel,
  type LlamaModelOptions,
  type LlamaRankingContext,
  type Token,
} from 'node-llama-cpp';
import type { LoadedBackend } from '../devices/loaded-backend.ts';
import { RunnerFailure } from './failure.ts';
import {
  checkRawContext,
  createLlamaBackend,
  type OwnContext,
  type RawContext,
  type RawSampler,
} from './llama-backend.ts';
import { Draft } from './draft.ts';
import { createEmbedder } from './llama-embeddings.ts';
import { greedySampling } from './greedy-sampling.ts';
import type { InfillTokens, LoadedModel } from './loaded-model.ts';
import { findNativeBuild, openNativeLlama } from './native-build.ts';
import type { LoadSpec } from './protocol.ts';
import { PublicScheduler } from './public-scheduler.ts';
import type { Grammar, StepBackend, TokenSampling } from './step-backend.ts';
import { Speculation } from './speculation.ts';
import { createSpilledStates } from './spilled-states.ts';
import { StepScheduler } from './step-scheduler.ts';
import type { TokenScheduler } from './token-scheduler.ts';
import { tokenBytes } from './token-bytes.ts';

/** Tokens of a batch at most: what llama.cpp computes at once, and what its buffers are made for. */
const batchSize = 512;

/** How actively compute threads wait for the next step; more burns processors and is no faster. */
const threadPoolPoll = 10;

/** What llama.cpp warns of for every matrix of an adapter where the model's weights are stored for this processor. */
const usualOfAdapters = /lora for .* fallback to CPU/;

/** Lines of llama.cpp's own log. */
export type LlamaLog = (level: 'error' | 'warn' | 'debug', message: string) => void;

/** What node-llama-cpp keeps to itself and this agent stands on; see llama-backend.ts. */
interface Inside {
  readonly _ctx?: RawContext;
}
interface LlamaInside {
  readonly _bindings?: { readonly AddonSampler?: new (model: unknown) => RawSampler };
}

/** Loads the model with llama.cpp and makes room for `parallel` requests. Fails with a RunnerFailure. */
export const loadModel = async (
  spec: LoadSpec,
  log: LlamaLog,
  onLoading: (share: number) => void = () => undefined,
): Promise<LoadedModel> => {
  const complaints: string[] = [];
  try {
    const { llama, isOwnBuild } = await openLlama(spec, log, (level, message) => {
      const failed = level === LlamaLogLevel.error || level === LlamaLogLevel.fatal;
      if (failed && complaints.length < 8) complaints.push(message.trim());
      const isNews = level === LlamaLogLevel.warn && !usualOfAdapters.test(message);
      log(failed ? 'error' : isNews ? 'warn' : 'debug', message.trim());
    });
    const model = await llama.loadModel({
      modelPath: spec.path,
      ...layersOption(spec),
      onLoadProgress: inSteps(onLoading),
    });
    const context = await model.createContext({
      contextSize: spec.contextSize,
      sequences: spec.parallel,
      batchSize: Math.min(batchSize, Math.max(spec.contextSize, spec.parallel)),
      threads: spec.threads,
      ...loraOptions(spec),
    });
    return await describe({ llama, isOwnBuild, model, context, spec, log });
  } catch (error) {
    const reason = [error instanceof Error ? error.message : String(error), ...complaints]
      .filter((line, index, all) => line !== '' && all.indexOf(line) === index)
      .join('; ');
    throw new RunnerFailure(
      error instanceof InsufficientMemoryError ? 'insufficient_memory' : 'model_load_failed',
      reason,
    );
  }
};

/** How node-llama-cpp is told of adapters: it applies them to all sequences of one context. */
const loraOptions = ({ adapters }: LoadSpec): { lora?: { adapters: LoraAdapter[] } } =>
  adapters.length === 0
    ? {}
    : { lora: { adapters: adapters.map(({ path, scale }) => ({ filePath: path, scale })) } };

interface LoraAdapter {
  readonly filePath: string;
  readonly scale: number;
}

/** Hundredths are enough: each is a message. */
const inSteps = (tell: (share: number) => void): ((share: number) => void) => {
  let last = 0;
  return (share) => {
    const now = Math.floor(share * 100) / 100;
    if (now > last) tell(now);
    last = Math.max(last, now);
  };
};

const layersOption = ({ gpu, gpuLayers }: LoadSpec): { gpuLayers?: number } =>
  gpu === false || gpuLayers === undefined ? {} : { gpuLayers };

/** Loads the best backend that is installed and works here, and tells of its devices. */
export const readBackend = async (): Promise<LoadedBackend> => {
  const llama = await getLlama({ build: 'never', progressLogs: false, logLevel: LlamaLogLevel.disabled });
  if (llama.gpu === false) return { gpu: false, names: [], memory: { total: 0, free: 0, unifiedSize: 0 } };
  const { total, free, unifiedSize } = await llama.getVramState();
  return { gpu: llama.gpu, names: await llama.getGpuDeviceNames(), memory: { total, free, unifiedSize } };
};

interface Opened {
  readonly llama: Llama;
  /** Whether the native part is our own build, which can do more. */
  readonly isOwnBuild: boolean;
}

/** Our own build where it is there and no GPU is wanted, else the prebuilt package. */
const openLlama = async (
  spec: LoadSpec,
  log: LlamaLog,
  logger: (level: LlamaLogLevel, message: string) => void,
): Promise<Opened> => {
  const options = {
    maxThreads: Math.max(spec.threads, spec.batchThreads),
    logLevel: LlamaLogLevel.warn,
    logger,
  };
  const build = (await usesGpu(spec)) ? undefined : findNativeBuild((reason) => log('debug', reason));
  if (build !== undefined) {
    try {
      const contextOptions = { threadPool: { poll: threadPoolPoll } };
      return { llama: await openNativeLlama(build, { ...options, contextOptions }), isOwnBuild: true };
    } catch (error) {
      log('warn', `The prebuilt native addon is used, our own one cannot be: ${String(error)}`);
    }
  }
  return {
    llama: await getLlama({ ...options, gpu: spec.gpu, build: 'never', progressLogs: false }),
    isOwnBuild: false,
  };
};

const usesGpu = async ({ gpu }: LoadSpec): Promise<boolean> =>
  gpu !== false && (await getLlamaGpuTypes('supported')).some((type) => type !== false);

interface Loaded extends Opened {
  readonly model: LlamaModel;
  readonly context: LlamaContext;
  readonly spec: LoadSpec;
  readonly log: LlamaLog;
}

const describe = async (loaded: Loaded): Promise<LoadedModel> => {
  const { llama, model, context, spec, isOwnBuild } = loaded;
  const { tokens } = model;
  const { metadata } = model.fileInfo;
  const contextSize = Math.min(spec.contextSize, context.contextSize);
  // Some files leave the types out, so the library's declaration is not taken at its word.
  const ggml: { readonly tokens: readonly string[]; readonly token_type: readonly number[] | undefined } =
    metadata.tokenizer.ggml;
  return {
    contextSize,
    chatTemplate: metadata.tokenizer.chat_template,
    bosText: tokens.bosString ?? '',
    eosText: tokens.eosString ?? '',
    controlTexts: ggml.tokens.filter((_text, id) => ggml.token_type?.[id] === controlTokenType),
    longestToken: ggml.tokens.reduce((longest, text) => Math.max(longest, text.length), 1),
    infill: infillOf(model),
    vocabularySize: ggml.tokens.length,
    scheduler: await schedulerOf(loaded, contextSize),
    tokenize: (pieces, { addSpecial = true, parseSpecial = true } = {}) => {
      const ids: number[] = pieces.flatMap((piece) => model.tokenize(piece, parseSpecial));
      return addSpecial && tokens.bos !== null && tokens.shouldPrependBosToken && ids[0] !== tokens.bos
        ? [tokens.bos, ...ids]
        : ids;
    },
    detokenize: (ids, before, special) => model.detokenize(ids as Token[], special, before as Token[]),
    bytesOf: (token) =>
      tokenBytes(ggml.tokens[token] ?? '', ggml.token_type?.[token], metadata.tokenizer.ggml.model),
    createGrammar: async (gbnf) => (await llama.createGrammar({ grammar: gbnf })) as unknown as Grammar,
    embed: createEmbedder({
      model,
      contextSize,
      threads: spec.batchThreads,
      isOwnBuild,
      contextOptions: loraOptions(spec),
    }),
    rank: createRanker(model, contextSize, spec),
  };
};

/** GGUF's number for a token that only the chat template may write. */
const controlTokenType = 3;

const infillOf = ({ tokens: { infill } }: LlamaModel): InfillTokens | undefined =>
  infill.prefix === null || infill.suffix === null || infill.middle === null
    ? undefined
    : { prefix: infill.prefix, suffix: infill.suffix, middle: infill.middle };

/** Whether the model keeps a state of each token, so that some can be taken out and the rest moved. */
const canShift = ({ fileInsights }: LlamaModel): boolean =>
  !fileInsights.isRecurrent && !fileInsights.isHybrid;

const isEndOf =
  (model: LlamaModel) =>
  (token: number): boolean =>
    model.isEogToken(token as Token);

/** The native context as the scheduler wants it, once all that stands on it has been tried. */
const backendOf = async (
  { llama, isOwnBuild, model, context }: Omit<Loaded, 'spec' | 'log'>,
  contextSize: number,
): Promise<StepBackend> => {
  const raw = (context as unknown as Inside)._ctx;
  const Sampler = (llama as unknown as LlamaInside)._bindings?.AddonSampler;
  const nativeModel = (model as unknown as { readonly _model?: unknown })._model;
  if (raw === undefined || Sampler === undefined || nativeModel === undefined)
    throw new Error('node-llama-cpp keeps its native parts elsewhere');
  const backend = createLlamaBackend({
    raw,
    own: isOwnBuild ? (raw as unknown as OwnContext) : undefined,
    sequences: context.totalSequences,
    contextSize,
    batchSize: context.batchSize,
    canShift: canShift(model),
    newSampler: () => new Sampler(nativeModel),
    grammarState: (grammar) =>
      (evaluationOf(model, grammar) as unknown as { readonly _state: unknown })._state,
    isEnd: isEndOf(model),
  });
  const token = model.tokens.bos ?? model.tokens.eos ?? (0 as Token);
  await checkRawContext(raw, backend, { settings: greedySampling, grammar: undefined, prompt: [] }, token);
  return backend;
};

/** The model that guesses; without it answers are the same and slower, so what keeps it away is only told. */
const draftOf = async (loaded: Loaded): Promise<Draft | undefined> => {
  const { spec, log } = loaded;
  if (spec.draft === undefined) return undefined;
  const tell = (error: unknown): void => log('warn', `The draft model guesses nothing: ${String(error)}`);
  if (!canShift(loaded.model)) {
    tell(new Error('guesses cannot be taken back from the model that it is for'));
    return undefined;
  }
  if (spec.gpu !== false && spec.gpuLayers !== 0) {
    const fitContext = { contextSize: spec.contextSize * spec.parallel };
    try {
      return await loadDraft(loaded, spec.draft, { gpuLayers: { fitContext } });
    } catch (error) {
      log('warn', `The draft model is loaded without a GPU: ${String(error)}`);
    }
  }
  try {
    return await loadDraft(loaded, spec.draft, { gpuLayers: 0 });
  } catch (error) {
    tell(error);
    return undefined;
  }
};

const loadDraft = async (
  { llama, isOwnBuild, model, spec }: Loaded,
  { path, threads }: NonNullable<LoadSpec['draft']>,
  layers: Pick<LlamaModelOptions, 'gpuLayers'>,
): Promise<Draft> => {
  const smaller = await llama.loadModel({ modelPath: path, ...layers });
  try {
    if (!canShift(smaller)) throw new Error('guesses cannot be taken back from it');
    const contextSize = Math.min(spec.contextSize, smaller.trainContextSize);
    const context = await smaller.createContext({
      contextSize,
      sequences: spec.parallel,
      batchSize: Math.min(batchSize, Math.max(contextSize, spec.parallel)),
      threads,
      // Else what is behind a sliding window could not be taken back.
      swaFullCache: true,
    });
    const backend = await backendOf({ llama, isOwnBuild, model: smaller, context }, contextSize);
    return new Draft(backend, { answering: vocabularySizeOf(model), own: vocabularySizeOf(smaller) });
  } catch (error) {
    await smaller.dispose();
    throw error;
  }
};

const vocabularySizeOf = ({ fileInfo }: LlamaModel): number => fileInfo.metadata.tokenizer.ggml.tokens.length;

const schedulerOf = async (loaded: Loaded, contextSize: number): Promise<TokenScheduler> => {
  const { model, context, spec, log } = loaded;
  try {
    const backend = await backendOf(loaded, contextSize);
    const spilled = createSpilledStates(backend.states, spec.states, (message) => log('warn', message));
    const speculation = spec.speculation
      ? new Speculation(contextSize, await draftOf(loaded), (error) =>
          log('warn', `The draft model guesses no more: ${String(error)}`),
        )
      : undefined;
    return new StepScheduler(backend, { spilled, speculation });
  } catch (error) {
    log('warn', `Requests are computed one by one, by the public API of node-llama-cpp: ${String(error)}`);
    return new PublicScheduler({
      sequences: Array.from({ length: context.totalSequences }, () => context.getSequence()),
      contextSize,
      isEnd: isEndOf(model),
      evaluateOptions: (sampling, recent) => evaluateOptions(model, contextSize, sampling, recent),
    });
  }
};

const evaluationOf = (model: LlamaModel, grammar: Grammar): LlamaGrammarEvaluationState =>
  new LlamaGrammarEvaluationState({ model, grammar: grammar as unknown as LlamaGrammar });

const evaluateOptions = (
  model: LlamaModel,
  contextSize: number,
  { settings, grammar }: TokenSampling,
  recent: (count: number) => readonly number[],
): object => {
  const lookBack = settings.repeatLastN < 0 ? contextSize : settings.repeatLastN;
  const { temperature, topK, topP, minP, seed } = settings;
  return {
    temperature,
    topK,
    topP,
    minP,
    seed,
    ...(grammar === undefined
      ? {}
      : {
          grammarEvaluationState: evaluationOf(model, grammar),
        }),
    ...(lookBack === 0
      ? {}
      : {
          repeatPenalty: {
            punishTokens: () => recent(lookBack) as Token[],
            maxPunishTokens: lookBack,
            penalty: settings.repeatPenalty,
            presencePenalty: settings.presencePenalty,
            frequencyPenalty: settings.frequencyPenalty,
          },
        }),
  };
};

/** Ranks in a context of its own, which is made when the first request asks for it. */
const createRanker = (
  model: LlamaModel,
  contextSize: number,
  { adapters, batchThreads: threads }: LoadSpec,
): LoadedModel['rank'] => {
  let ranking: Promise<LlamaRankingContext> | undefined;
  return async (query, document) => {
    if (!model.fileInsights.supportsRanking)
      throw new RunnerFailure(
        'capability_missing',
        'The model does not rank documents; use one that is made for reranking.',
      );
    // node-llama-cpp makes this context itself and takes no adapters for it: scores without them would be wrong.
    if (adapters.length > 0)
      throw new RunnerFailure(
        'capability_missing',
        'A model with adapters cannot rank documents; use one without, or merge them into its file.',
      );
    ranking ??= model.createRankingContext({ contextSize, batchSize: contextSize, threads });
    return (await ranking).rank(query, document);
  };
};
