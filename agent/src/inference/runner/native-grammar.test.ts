import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { LlamaGrammarEvaluationState, type Llama, type LlamaGrammar, type LlamaModel } from 'node-llama-cpp';
import { openNativeModel, type NativeBindings, type NativeContext } from './native-model.fixture.ts';

/*
 * Our own build of the native addon does not ask a grammar about every token: what it chooses must be what asking about
 * each of them gives.
 */

const steps = 12;

let llama: Llama;
let model: LlamaModel;
let bindings: NativeBindings;
let context: NativeContext;
let nativeModel: unknown;

beforeAll(async () => {
  ({ llama, model, bindings, nativeModel } = await openNativeModel());
  context = new bindings.AddonContext(nativeModel, { contextSize: 256, batchSize: 64, threads: 2 });
  await context.init();
});

afterAll(async () => {
  await context.dispose();
  await llama.dispose();
});

/** Logits that differ with `first`. @returns their index */
const decode = async (first: number): Promise<number> => {
  context.disposeSequence(0);
  context.initBatch(4);
  const [at = 0] = context.addToBatch(0, 0, Uint32Array.of(300, first, 301, first + 1), Uint32Array.of(3));
  await context.decodeBatch();
  return at;
};

const choose = async (
  at: number,
  config: Readonly<Record<string, unknown>>,
  topCount: number,
): Promise<readonly [token: number, mostLikely: readonly number[]]> => {
  const sampler = new bindings.AddonSampler(nativeModel);
  sampler.applyConfig(config);
  const [token, , , , , tokens] = await context.sampleToken(
    at,
    sampler,
    false,
    false,
    false,
    false,
    topCount,
  );
  return [token, [...(tokens ?? [])].slice(1)];
};

const stateOf = (grammar: LlamaGrammar): unknown =>
  (new LlamaGrammarEvaluationState({ model, grammar }) as unknown as { _state: unknown })._state;

test.each([
  ['words that are written out', 'root ::= "{\\"name\\": \\"" [a-z]+ "\\", \\"size\\": " [0-9]{1,3} "}"'],
  [
    'white space as one likes',
    'root ::= ws "[" ws item (ws "," ws item)* ws "]"\nitem ::= [0-9]+\nws ::= [ \\t\\n]*',
  ],
  ['free text', 'root ::= "\\"" ([^"\\\\] | "\\\\" ["n])* "\\""'],
  ['characters of several bytes', 'root ::= ("é" | "漢字" | "😀" | [α-ω])+'],
  ['one of some', 'root ::= "yes" | "yesterday" | "no" | " no"'],
  ['tokens by their number', 'root ::= <[310]> "a" [^<]* <[311]>'],
])('of a grammar for %s the most likely allowed token is chosen', async (_name, code) => {
  const size = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
  const grammar = await llama.createGrammar({ grammar: code });
  /** What is chosen takes one on, what is asked about every token stays with it. */
  const [own, other, asked] = [stateOf(grammar), stateOf(grammar), stateOf(grammar)];
  for (let step = 0; step < steps; step += 1) {
    const at = await decode(320 + 7 * step);
    const [, mostLikely] = await choose(at, { temperature: 0 }, size);
    const allowed = mostLikely.filter((token) =>
      bindings.AddonSampler.canBeNextTokenForGrammarEvaluationState(asked, token),
    );
    expect(allowed.length).toBeGreaterThan(0);
    const [greedy] = await choose(at, { temperature: 0, grammarEvaluationState: own }, 0);
    const config = { temperature: 0.7, topK: 1, seed: step, grammarEvaluationState: other };
    const [sampled] = await choose(at, config, 0);
    expect([step, greedy, sampled]).toEqual([step, allowed[0], allowed[0]]);
    if (model.isEogToken(greedy as never)) break;
    bindings.AddonSampler.acceptGrammarEvaluationStateToken(asked, greedy);
  }
});
