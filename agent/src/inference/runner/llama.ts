import {
  getLlama,
  InsufficientMemoryError,
  LlamaGrammarEvaluationState,
  LlamaLogLevel,
  type LlamaContextSequence,
  type LlamaGrammar,
  type LlamaModel,
  type Token,
} from 'node-llama-cpp';
import { RunnerFailure } from './failure.ts';
import type { JobFormat, LoadSpec, ResolvedSampling } from './protocol.ts';

/** Prompt tokens computed at a time: bounds how long other requests and a cancellation wait. */
const promptChunk = 256;

/** One place in the context where a request runs. */
export interface Slot {
  /** The tokens whose state is held now. */
  tokens(): readonly number[];
  /** Keeps the first `length` tokens; the state may get shorter where the model cannot be cut there. */
  truncate(length: number): Promise<void>;
  /** Computes tokens without sampling. At most `promptChunk` at a time. */
  prefill(tokens: readonly number[]): Promise<void>;
  /** Computes the tokens and samples until the model ends its turn. Ends cleanly when the caller leaves. */
  generate(tokens: readonly number[], sampling: SlotSampling): AsyncGenerator<number, void>;
}

export interface SlotSampling {
  readonly settings: ResolvedSampling;
  readonly grammar: LlamaGrammar | undefined;
  /** The last `count` tokens of prompt and answer, for penalties. */
  readonly recentTokens: (count: number) => readonly number[];
}

export interface LoadedModel {
  readonly contextSize: number;
  readonly chatTemplate: string | undefined;
  readonly bosText: string;
  readonly eosText: string;
  /** Texts of the control tokens. */
  readonly controlTexts: readonly string[];
  /** UTF-16 units of the longest text one token stands for; no prompt has fewer tokens than its length by this. */
  readonly longestToken: number;
  readonly slots: readonly Slot[];
  readonly promptChunk: number;
  /** Tokens of the pieces, one after the other, with the beginning-of-sequence token where the model wants one. */
  tokenize(pieces: readonly string[]): readonly number[];
  /** @param special whether control tokens show as text. */
  detokenize(tokens: readonly number[], before: readonly number[], special: boolean): string;
  createGrammar(format: JobFormat): Promise<LlamaGrammar>;
}

/** Lines of llama.cpp's own log. */
export type LlamaLog = (level: 'error' | 'warn' | 'debug', message: string) => void;

/** Loads the model with llama.cpp and makes room for `parallel` requests. Fails with a RunnerFailure. */
export const loadModel = async (spec: LoadSpec, log: LlamaLog): Promise<LoadedModel> => {
  const complaints: string[] = [];
  try {
    const llama = await getLlama({
      gpu: spec.gpu,
      build: 'never',
      progressLogs: false,
      maxThreads: spec.threads,
      logLevel: LlamaLogLevel.warn,
      logger: (level, message) => {
        const failed = level === LlamaLogLevel.error || level === LlamaLogLevel.fatal;
        if (failed && complaints.length < 8) complaints.push(message.trim());
        log(failed ? 'error' : level === LlamaLogLevel.warn ? 'warn' : 'debug', message.trim());
      },
    });
    const model = await llama.loadModel({ modelPath: spec.path });
    const context = await model.createContext({
      contextSize: spec.contextSize,
      sequences: spec.parallel,
      batchSize: Math.min(promptChunk, spec.contextSize),
      threads: spec.threads,
    });
    const slots = Array.from({ length: spec.parallel }, () => createSlot(context.getSequence()));
    const { tokens } = model;
    return {
      contextSize: Math.min(spec.contextSize, context.contextSize),
      chatTemplate: model.fileInfo.metadata.tokenizer.chat_template,
      bosText: tokens.bosString ?? '',
      eosText: tokens.eosString ?? '',
      controlTexts: controlTextsOf(model),
      longestToken: longestTokenOf(model),
      slots,
      promptChunk,
      tokenize: (pieces) => {
        const ids = pieces.flatMap((piece) => model.tokenize(piece, true));
        return tokens.bos !== null && tokens.shouldPrependBosToken && ids[0] !== tokens.bos
          ? [tokens.bos, ...ids]
          : ids;
      },
      detokenize: (ids, before, special) => model.detokenize(ids as Token[], special, before as Token[]),
      createGrammar: async (format) =>
        format.type === 'json'
          ? llama.getGrammarFor('json')
          : llama.createGrammarForJsonSchema(format.schema as never),
    };
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

/** GGUF's number for a token that only the chat template may write. */
const controlTokenType = 3;

const controlTextsOf = (model: LlamaModel): readonly string[] => {
  // Some files leave the types out, so the library's declaration is not taken at its word.
  const ggml: { readonly tokens: readonly string[]; readonly token_type: readonly number[] | undefined } =
    model.fileInfo.metadata.tokenizer.ggml;
  return ggml.tokens.filter((_text, id) => ggml.token_type?.[id] === controlTokenType);
};

const longestTokenOf = (model: LlamaModel): number =>
  model.fileInfo.metadata.tokenizer.ggml.tokens.reduce((longest, text) => Math.max(longest, text.length), 1);

const createSlot = (sequence: LlamaContextSequence): Slot => ({
  tokens: () => sequence.contextTokens,
  truncate: async (length) => {
    if (length < sequence.nextTokenIndex) {
      await sequence.eraseContextTokenRanges([{ start: length, end: sequence.nextTokenIndex }]);
    }
  },
  prefill: (tokens) => sequence.evaluateWithoutGeneratingNewTokens(tokens as Token[]),
  generate: (tokens, { settings, grammar, recentTokens }) => {
    const penalised =
      settings.repeatLastN !== 0 &&
      (settings.repeatPenalty !== 1 || settings.presencePenalty !== 0 || settings.frequencyPenalty !== 0);
    const lookBack = settings.repeatLastN < 0 ? sequence.context.contextSize : settings.repeatLastN;
    return sequence.evaluate(tokens as Token[], {
      temperature: settings.temperature,
      topK: settings.topK,
      topP: settings.topP,
      minP: settings.minP,
      seed: settings.seed,
      ...(grammar === undefined
        ? {}
        : {
            grammarEvaluationState: new LlamaGrammarEvaluationState({
              model: sequence.model,
              grammar,
            }),
          }),
      ...(penalised
        ? {
            repeatPenalty: {
              punishTokens: () => recentTokens(lookBack) as Token[],
              maxPunishTokens: lookBack,
              penalty: settings.repeatPenalty,
              presencePenalty: settings.presencePenalty,
              frequencyPenalty: settings.frequencyPenalty,
            },
          }
        : {}),
    });
  },
});
