/*
 * What our own build of node-llama-cpp's addon has more than the prebuilt one. Each part comes from one patch in
 * `agent/native/patches`; the README there says why.
 */

/** Settings of a native context that the patches add. */
export interface NativeContextOptions {
  /**
   * Keeps the compute threads between steps. `poll` (0 to 100, default 50) is how long a thread without work waits
   * actively before it sleeps.
   */
  readonly threadPool?: boolean | { readonly poll?: number };
  /** One buffer for all sequences: any set of them is computed in one pass, and a prefix is copied by marking it. */
  readonly unifiedKvCache?: boolean;
  /** How the embeddings of a sequence become one; without it as the model's file says. */
  readonly poolingType?: NativePooling;
}

export type NativePooling = 'none' | 'mean' | 'cls' | 'last' | 'rank';

/** Settings of a native model that the patches add. */
export interface NativeModelOptions {
  /** Names of the devices that may hold layers, for instance `CUDA0`; all of them without it. */
  readonly devices?: readonly string[];
  readonly splitMode?: 'none' | 'layer' | 'row' | 'tensor';
  /** Index into the devices; holds the whole model when it is not split. */
  readonly mainGpu?: number;
  /** The share of each device, in any unit. */
  readonly tensorSplit?: readonly number[];
}

/** Settings of a native sampler that the patches add to those of node-llama-cpp. */
export interface NativeSamplerOptions {
  /** Locally typical sampling; 1 switches it off. */
  readonly typicalP?: number;
  /** Keeps tokens within so many standard deviations of the best logit; 0 switches it off. */
  readonly topNSigma?: number;
  /** Version of mirostat, which then replaces all other filters. Needs a temperature above 0. */
  readonly mirostat?: number;
  /** The surprise that mirostat aims at, in bits; default 5. */
  readonly mirostatTau?: number;
  /** How fast mirostat learns; default 0.1. */
  readonly mirostatEta?: number;
  /** The temperature varies by so much around its value with the entropy of the choice; 0 switches it off. */
  readonly dynamicTemperatureRange?: number;
  readonly dynamicTemperatureExponent?: number;
}

/**
 * The token, what node-llama-cpp itself may report, and at 5 and 6 token ids and their log probabilities: the sampled
 * token first, then the most likely ones in order. They are the log-softmax of the logits as the model has them,
 * before any sampler, grammar or bias. A token of -1 means that none could be chosen; 5 and 6 are left out then.
 */
export type SampledWithLogprobs = readonly [
  token: number,
  probabilities: unknown,
  confidence: unknown,
  logits: unknown,
  totalLogitWeight: unknown,
  tokens: Uint32Array | undefined,
  logprobs: Float32Array | undefined,
];

/**
 * Methods of a native context that the patches add. Like those of node-llama-cpp that touch the state, none but
 * `abortDecode` may be called while a batch is decoded.
 */
export interface NativeContextMethods<Sampler> {
  /** @param topCount of the most likely tokens to report, 0 for the sampled one alone. */
  sampleToken(
    batchIndex: number,
    sampler: Sampler,
    probabilities: boolean,
    confidence: boolean,
    logits: boolean,
    totalLogitWeight: boolean,
    topCount: number,
  ): Promise<SampledWithLogprobs>;
  /**
   * Decodes the batch and chooses tokens on the same thread: one way to it and back for all.
   * @param batchIndexes as `addToBatch` gave them
   * @param samplers one for each, not to be changed or disposed of before it is done
   * @param guesses one for each: where it is not -1, this choice is made only if the one before it was and is this token
   * @returns the tokens, -1 where none could be chosen and -2 where the choice was not made, and by their place what
   *   failed for one of them alone
   */
  decodeBatchAndSample(
    batchIndexes: Uint32Array,
    samplers: readonly Sampler[],
    guesses?: Int32Array,
  ): Promise<readonly [tokens: Int32Array, errors: Readonly<Partial<Record<number, string>>>]>;
  /**
   * Makes the target hold the first `length` tokens of the source, and nothing else. At once where the buffer is
   * unified; otherwise the source's whole buffer is copied before the next decode, and a state that is saved or copied
   * on before that is not yet the right one.
   * @returns false, with an empty target, where the source is shorter or the model's memory cannot be cut there.
   * @throws RangeError for an id that does not exist, for twice the same id, and for a length below 1.
   */
  copySequencePrefix(source: number, target: number, length: number): boolean;
  getPoolingType(): NativePooling;
  /** The pooled embedding of a sequence of the last batch, not normalised. @throws Error where there is none. */
  getSequenceEmbedding(sequence: number): Float32Array;
  /** The embedding of a token by its index in the batch, without pooling only. @throws Error where there is none. */
  getTokenEmbedding(batchIndex: number): Float32Array;
  /**
   * Asks the running decode to stop, which then rejects with DECODE_ABORTED; what it computed is taken out of the
   * state. Heard by the CPU only. Not for the decode after `shiftSequenceTokenCells`, which first moves the cache.
   * @returns whether a decode is running.
   */
  abortDecode(): boolean;
  /** The state of a sequence, without its tokens. Valid for the same model and types of cache. */
  getSequenceState(sequence: number): Promise<Buffer>;
  /** The bytes must not change meanwhile. Rejects, and leaves the sequence empty, where the state does not fit. */
  setSequenceState(sequence: number, state: Uint8Array): Promise<void>;
}

/** The native module, as far as this agent asks. */
export interface NativeAddon {
  readonly AddonContext: NativeClass;
  readonly AddonModel: NativeClass;
}

export type NativeClass = new (...args: never[]) => object;

const addedMethods: readonly (keyof NativeContextMethods<never>)[] = [
  'sampleToken',
  'decodeBatchAndSample',
  'copySequencePrefix',
  'getPoolingType',
  'getSequenceEmbedding',
  'getTokenEmbedding',
  'abortDecode',
  'getSequenceState',
  'setSequenceState',
];

/** @returns the names of the methods that a native module lacks: all are there in our own build. */
export const missingMethods = (addon: Partial<NativeAddon>): readonly string[] => {
  const methods: object = (addon.AddonContext?.prototype as object | undefined) ?? {};
  return addedMethods.filter((name) => !(name in methods));
};
