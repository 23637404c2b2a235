import type { Llama, LlamaModel } from 'node-llama-cpp';
import { missingMethods } from './native-addon.ts';
import type { NativeAddon, NativeContextMethods, NativeContextOptions } from './native-addon.ts';

interface Sampler {
  applyConfig(config: Readonly<Record<string, unknown>>): void;
  dispose(): void;
}

/** The native context of our own build, as far as it is tried here. */
interface Context extends NativeContextMethods<Sampler> {
  init(): Promise<boolean>;
  dispose(): Promise<void>;
  initBatch(size: number): void;
  addToBatch(sequence: number, position: number, tokens: Uint32Array, logitIndexes: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  disposeSequence(sequence: number): void;
  getSequenceKvCacheMaxPosition(sequence: number): number;
  setThreads(threads: number): void;
}

interface ContextSettings extends NativeContextOptions {
  readonly embeddings?: boolean;
}

interface Bindings extends NativeAddon {
  readonly AddonContext: new (model: unknown, options: Readonly<Record<string, unknown>>) => Context;
  readonly AddonSampler: new (model: unknown) => Sampler;
}

interface Part {
  readonly sequence: number;
  readonly position: number;
  readonly tokens: readonly number[];
}

const contextSize = 256;
const topCount = 5;
/** Kernels differ with the size of a batch: log probabilities and embeddings are equal but for rounding. */
const tolerance = 0.05;
/** Tokens that are compared, fewer than are reported: the last of these may change places with the next. */
const compared = 3;

/**
 * Tries every patch on a small model that generates text: two sequences in one batch, a copied prefix, a restored
 * state, log probabilities, samplers, embeddings, a decode that is told to stop.
 * @throws Error naming what is not as expected; the prebuilt addon is to be used then
 */
export const selfTestBinding = async (llama: Llama, modelPath: string): Promise<void> => {
  const { _bindings: bindings } = llama as unknown as { readonly _bindings: Bindings };
  const missing = missingMethods(bindings);
  if (missing.length > 0) throw new Error(`the native addon has no ${missing.join(', ')}`);
  const model = await llama.loadModel({ modelPath });
  try {
    const bench = new Bench(bindings, model);
    for (const unifiedKvCache of [false, true]) {
      const settings = { unifiedKvCache, threadPool: { poll: 10 } };
      await bench.with(settings, (context) => bench.checkGeneration(context));
    }
    await bench.with({ embeddings: true, poolingType: 'mean' }, (context) => bench.checkPooled(context));
    await bench.with({ embeddings: true, poolingType: 'none' }, (context) => bench.checkTokens(context));
  } finally {
    await model.dispose();
  }
};

class Bench {
  readonly #bindings: Bindings;
  readonly #model: unknown;
  readonly #tokens: readonly number[];

  constructor(bindings: Bindings, model: LlamaModel) {
    this.#bindings = bindings;
    this.#model = (model as unknown as { readonly _model: unknown })._model;
    this.#tokens = model.tokenize('One thing that is good to know about the sea and the land is this');
    expectThat(this.#tokens.length > 3, 'a sentence is several tokens');
  }

  async with(settings: ContextSettings, work: (context: Context) => Promise<void>): Promise<void> {
    const context = new this.#bindings.AddonContext(this.#model, {
      contextSize: contextSize * 3,
      batchSize: contextSize,
      sequences: 3,
      threads: 2,
      ...settings,
    });
    expectThat(await context.init(), 'a context is made');
    try {
      await work(context);
    } finally {
      await context.dispose();
    }
  }

  async checkGeneration(context: Context): Promise<void> {
    const tokens = this.#tokens;
    const length = tokens.length;
    const half = length >> 1;
    const start = { position: 0, tokens };
    const [alone] = await this.#logprobs(context, [{ sequence: 0, ...start }]);
    context.disposeSequence(0);
    const together = await this.#logprobs(context, [
      { sequence: 0, ...start },
      { sequence: 1, ...start },
    ]);
    expectAlike(together[0], alone, 'a sequence in a batch of two is answered as alone');
    expectAlike(together[1], alone, 'two equal sequences of a batch are answered alike');

    expectThat(context.copySequencePrefix(0, 2, half), 'a prefix is copied');
    expectThat(context.getSequenceKvCacheMaxPosition(2) === half - 1, 'a copied prefix has its length');
    const rest = { sequence: 2, position: half, tokens: tokens.slice(half) };
    const [continued] = await this.#logprobs(context, [rest]);
    expectAlike(continued, alone, 'a copied prefix is continued as its source');
    expectThat(!context.copySequencePrefix(0, 2, length + 1), 'no more than there is can be copied');

    const state = await context.getSequenceState(0);
    await context.setSequenceState(2, state);
    const next = { position: length, tokens: tokens.slice(0, 1) };
    const [ofSource] = await this.#logprobs(context, [{ sequence: 0, ...next }]);
    const [ofRestored] = await this.#logprobs(context, [{ sequence: 2, ...next }]);
    expectAlike(ofRestored, ofSource, 'a restored state is continued as its source');
    const isTaken = await context.setSequenceState(2, state.subarray(0, 16)).then(
      () => true,
      () => false,
    );
    expectThat(!isTaken, 'a state that was cut off is refused');

    context.setThreads(1);
    context.disposeSequence(1);
    const [again] = await this.#logprobs(context, [{ sequence: 1, ...start }]);
    expectAlike(again, alone, 'a context whose number of threads was changed answers the same');
    await this.#checkSamplers(context);
    await this.#checkChoices(context);
    await this.#checkAbort(context);
  }

  async #checkSamplers(context: Context): Promise<void> {
    const part = { sequence: 0, position: context.getSequenceKvCacheMaxPosition(0) + 1, tokens: [0] };
    const at = (await this.#decode(context, [part]))[0];
    const kinds = [
      { typicalP: 0.5 },
      { topNSigma: 1 },
      { mirostat: 1 },
      { mirostat: 2, mirostatTau: 3 },
      { dynamicTemperatureRange: 0.5 },
    ];
    for (const kind of kinds) {
      const [token] = await this.#sample(context, at, { temperature: 0.8, seed: 1, ...kind });
      expectThat(token >= 0, `${Object.keys(kind)[0] ?? ''} chooses a token`);
    }
  }

  /** Tokens chosen with the batch are those chosen after it; one sampler's error is its own. */
  async #checkChoices(context: Context): Promise<void> {
    const whole = [0, 1].map((sequence) => ({ sequence, position: 0, tokens: this.#tokens }));
    const forget = (): void => {
      for (const { sequence } of whole) context.disposeSequence(sequence);
    };
    forget();
    // One takes the shorter way for the most likely token alone, the other does not.
    const settings = [{ temperature: 0 }, { temperature: 0.8, seed: 1, topK: 20 }];
    const afterwards: number[] = [];
    for (const [index, at] of (await this.#decode(context, whole)).entries())
      afterwards.push((await this.#sample(context, at, settings[index] ?? {}))[0]);
    forget();
    const samplers = [...settings, {}].map((config) => {
      const sampler = new this.#bindings.AddonSampler(this.#model);
      sampler.applyConfig(config);
      return sampler;
    });
    samplers[2]?.dispose();
    try {
      const at = this.#addToBatch(context, whole);
      const indexes = Uint32Array.from([...at, at[0]]);
      const [tokens, errors] = await context.decodeBatchAndSample(indexes, samplers);
      const isSame = afterwards.every((token, index) => tokens[index] === token);
      expectThat(isSame, 'tokens chosen with a batch are those chosen after it');
      const failed = Object.keys(errors).join();
      expectThat(failed === '2' && tokens[2] === -1, 'a sampler that fails fails alone');
      const refused = await tryTo(() => context.decodeBatchAndSample(indexes, samplers.slice(0, 1)));
      expectThat(
        (refused as Error | undefined)?.name === 'TypeError',
        'fewer samplers than indexes are refused',
      );
    } finally {
      for (const sampler of samplers.slice(0, 2)) sampler.dispose();
    }
  }

  /** A decode may end before it hears of the request: then it succeeds. */
  async #checkAbort(context: Context): Promise<void> {
    expectThat(!context.abortDecode(), 'there is nothing to stop between batches');
    context.disposeSequence(1);
    const batch = this.#decode(context, [{ sequence: 1, position: 0, tokens: this.#tokens }]);
    expectThat(context.abortDecode(), 'a decode can be told to stop');
    const code = await batch.then(
      () => undefined,
      (error: unknown) => (error as NodeJS.ErrnoException).code,
    );
    expectThat(code === undefined || code === 'DECODE_ABORTED', 'a stopped decode says so');
    context.disposeSequence(1);
    await this.#decode(context, [{ sequence: 1, position: 0, tokens: this.#tokens }]);
  }

  async checkPooled(context: Context): Promise<void> {
    expectThat(context.getPoolingType() === 'mean', 'the kind of pooling is as asked');
    const short = { position: 0, tokens: this.#tokens.slice(0, 2) };
    const long = { position: 0, tokens: this.#tokens };
    await this.#decode(context, [{ sequence: 0, ...long }]);
    const alone = context.getSequenceEmbedding(0);
    context.disposeSequence(0);
    await this.#decode(context, [
      { sequence: 0, ...short },
      { sequence: 1, ...long },
    ]);
    const similarity = cosine(context.getSequenceEmbedding(1), alone);
    expectThat(similarity > 1 - tolerance, 'a sequence has the same embedding in a batch of two');
    const other = cosine(context.getSequenceEmbedding(0), alone);
    expectThat(other < similarity, 'sequences of a batch have embeddings of their own');
  }

  async checkTokens(context: Context): Promise<void> {
    const batch = await this.#decode(context, [{ sequence: 1, position: 0, tokens: this.#tokens }]);
    const embedding = context.getTokenEmbedding(batch[0]);
    expectThat(embedding.length > 0 && embedding.every(Number.isFinite), 'a token has an embedding');
  }

  /** Log probabilities of the most likely tokens after each part, by token. */
  async #logprobs(context: Context, parts: readonly Part[]): Promise<ReadonlyMap<number, number>[]> {
    const answers = [];
    for (const at of await this.#decode(context, parts)) {
      const [token, , , , , tokens, logprobs] = await this.#sample(context, at, { temperature: 0 });
      expectThat(tokens?.length === topCount + 1 && logprobs?.length === topCount + 1, 'all are reported');
      expectThat(tokens[1] === token, 'the greedy choice is the most likely token');
      const values = Array.from(logprobs);
      const sum = values.slice(1).reduce((total, value) => total + Math.exp(value), 0);
      expectThat(sum > 0 && sum <= 1 + tolerance, 'probabilities add up to 1 at most');
      answers.push(new Map(Array.from(tokens, (id, index) => [id, values[index] ?? Number.NaN])));
    }
    return answers;
  }

  async #sample(context: Context, at: number, config: Readonly<Record<string, unknown>>) {
    const sampler = new this.#bindings.AddonSampler(this.#model);
    try {
      sampler.applyConfig(config);
      return await context.sampleToken(at, sampler, false, false, false, false, topCount);
    } finally {
      sampler.dispose();
    }
  }

  /** @returns the index in the batch of the last token of each part */
  async #decode(context: Context, parts: readonly Part[]): Promise<[number, ...number[]]> {
    const indexes = this.#addToBatch(context, parts);
    await context.decodeBatch();
    return indexes;
  }

  #addToBatch(context: Context, parts: readonly Part[]): [number, ...number[]] {
    context.initBatch(contextSize);
    const indexes = parts.map(({ sequence, position, tokens }) => {
      const wanted = Uint32Array.of(tokens.length - 1);
      const [at = 0] = context.addToBatch(sequence, position, Uint32Array.from(tokens), wanted);
      return at;
    });
    return indexes as [number, ...number[]];
  }
}

/** @returns what it fails with */
const tryTo = async (work: () => Promise<unknown>): Promise<unknown> => {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
};

function expectThat(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`our own build of the native addon fails its self-test: expected that ${what}`);
}

const expectAlike = (
  found: ReadonlyMap<number, number> | undefined,
  expected: ReadonlyMap<number, number> | undefined,
  what: string,
): void => {
  const values = [...(expected ?? [])].slice(0, compared);
  const isAlike = values.every(
    ([token, value]) => Math.abs((found?.get(token) ?? Number.NaN) - value) < tolerance,
  );
  expectThat(values.length > 0 && isAlike, what);
};

const cosine = (a: Float32Array, b: Float32Array): number => {
  const dot = (x: Float32Array, y: Float32Array): number =>
    x.reduce((sum, value, index) => sum + value * (y[index] ?? Number.NaN), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};
