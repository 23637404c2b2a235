import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { pbkdf2 } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Llama, LlamaModel } from 'node-llama-cpp';
import { missingMethods } from './native-addon.ts';
import {
  modelPath,
  openNativeModel,
  type NativeBindings,
  type NativeContext,
  type NativeSampler,
} from './native-model.fixture.ts';
import { selfTestBinding } from './native-self-test.ts';

const script = fileURLToPath(new URL('../../../../scripts/build-addon.mjs', import.meta.url));

let llama: Llama;
let model: LlamaModel;
let bindings: NativeBindings;
let context: NativeContext;
let nativeModel: unknown;

beforeAll(async () => {
  ({ llama, model, bindings, nativeModel } = await openNativeModel());
  context = new bindings.AddonContext(nativeModel, {
    contextSize: 512,
    batchSize: 256,
    sequences: 2,
    threads: 2,
    unifiedKvCache: true,
  });
  await context.init();
});

afterAll(async () => {
  await context.dispose();
  await llama.dispose();
});

/** Computes so many tokens in a sequence that was empty. @returns the index of the last one in the batch. */
const decode = async (sequence: number, count: number): Promise<number> => {
  context.disposeSequence(sequence);
  context.initBatch(count);
  const tokens = Uint32Array.from({ length: count }, (_, index) => 300 + index);
  const [at = 0] = context.addToBatch(sequence, 0, tokens, Uint32Array.of(count - 1));
  await context.decodeBatch();
  return at;
};

const samplerWith = (config: Readonly<Record<string, unknown>>): NativeSampler => {
  const sampler = new bindings.AddonSampler(nativeModel);
  sampler.applyConfig(config);
  return sampler;
};

describe('our own build of the native addon', () => {
  test('passes its self-test', async () => {
    await selfTestBinding(llama, modelPath);
  });

  test('has all that the patches add', () => {
    expect(missingMethods(bindings)).toEqual([]);
  });

  test('generates through the public interface of node-llama-cpp', async () => {
    const ordinary = await model.createContext({ contextSize: 64, sequences: 2, threads: 2 });
    const tokens = [];
    for await (const token of ordinary.getSequence().evaluate(model.tokenize('Hello'), { temperature: 0 })) {
      tokens.push(token);
      if (tokens.length === 4) break;
    }
    expect(tokens).toHaveLength(4);
    await ordinary.dispose();
  });

  test('a decode that is told to stop before it begins is rejected, and its tokens are taken back', async () => {
    // Every thread of the pool is busy, so that the decode waits and cannot end before it is told to stop.
    const busy = Array.from({ length: 8 }, () => promisify(pbkdf2)('password', 'salt', 20_000, 64, 'sha512'));
    const decoding = decode(1, 256);
    expect(context.abortDecode()).toBe(true);
    await expect(decoding).rejects.toMatchObject({ code: 'DECODE_ABORTED' });
    expect(context.getSequenceKvCacheMaxPosition(1)).toBe(-1);
    await Promise.all(busy);
    await decode(1, 8);
    expect(context.getSequenceKvCacheMaxPosition(1)).toBe(7);
    context.disposeSequence(1);
  });

  test('log probabilities of the whole vocabulary are those of a distribution', async () => {
    const at = await decode(0, 8);
    const size = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
    const sampler = samplerWith({ temperature: 0.01, topK: 1 });
    const [token, , , , , tokens, logprobs] = await context.sampleToken(
      at,
      sampler,
      false,
      false,
      false,
      false,
      size,
    );
    const all = Array.from(logprobs!).slice(1);
    expect(tokens).toHaveLength(size + 1);
    expect(new Set(tokens!.slice(1)).size).toBe(size);
    expect(tokens![0]).toBe(token);
    expect(all).toEqual(all.toSorted((a, b) => b - a));
    expect(all.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 4);
  });

  test.each([
    ['typicalP', { typicalP: 1e-6, topK: 0 }],
    ['topNSigma', { topNSigma: 1e-6 }],
    ['mirostat', { mirostat: 2, mirostatTau: 1e-6, mirostatEta: 0.1 }],
    ['mirostat of the first version', { mirostat: 1, mirostatTau: 1e-6, mirostatEta: 0.1 }],
  ])('%s near its limit leaves one token', async (_name, config) => {
    const at = await decode(0, 8);
    const chosen = new Set<number>();
    for (let seed = 1; seed <= 16; seed++) {
      const sampler = samplerWith({ temperature: 5, seed, ...config });
      const [token] = await context.sampleToken(at, sampler, false, false, false, false, 0);
      chosen.add(token);
    }
    expect(chosen.size).toBe(1);
  });

  test('a choice with a guess is made only where the one before it is that token', async () => {
    const sampler = samplerWith({ temperature: 0 });
    const prompt = [300, 301, 302];
    const choose = async (tokens: readonly number[], guessed: number): Promise<readonly number[]> => {
      context.disposeSequence(0);
      context.initBatch(tokens.length);
      const wanted = Uint32Array.from({ length: guessed + 1 }, (_, at) => tokens.length - 1 - guessed + at);
      const at = context.addToBatch(0, 0, Uint32Array.from(tokens), wanted);
      const guesses = Int32Array.from([-1, ...tokens.slice(tokens.length - guessed)]);
      const samplers = Array.from(at, () => sampler);
      const [chosen, errors] = await context.decodeBatchAndSample(at, samplers, guesses.slice(0, at.length));
      expect(errors).toEqual({});
      return [...chosen];
    };
    const answer: number[] = [];
    for (let count = 0; count < 4; count += 1) answer.push(...(await choose([...prompt, ...answer], 0)));
    const [first = 0, second = 0, third = 0, fourth = 0] = answer;
    expect(await choose([...prompt, first, second, third], 3)).toEqual(answer);
    expect(await choose([...prompt, first, second, third + 1, fourth], 4)).toEqual([
      first,
      second,
      third,
      -2,
      -2,
    ]);
    expect(await choose([...prompt, first + 1, second], 2)).toEqual([first, -2, -2]);
    context.initBatch(1);
    const at = context.addToBatch(0, 6, Uint32Array.of(1), Uint32Array.of(0));
    expect(() => context.decodeBatchAndSample(at, [sampler], Int32Array.of(1, 2))).toThrow('as many guesses');
  });

  test('a batch that finds no room says so', async () => {
    await decode(0, 256);
    await expect(decode(1, 257)).rejects.toThrow('Invalid batch size');
    context.initBatch(256);
    context.addToBatch(
      0,
      256,
      Uint32Array.from({ length: 256 }, () => 300),
      new Uint32Array(0),
    );
    await context.decodeBatch();
    await expect(decode(1, 8)).rejects.toMatchObject({ code: 'NO_KV_SLOT' });
  });

  test('sequences that do not exist are refused', () => {
    expect(() => context.copySequencePrefix(0, 2, 1)).toThrow('No such sequence');
    expect(() => context.copySequencePrefix(-1, 1, 1)).toThrow('No such sequence');
    expect(() => context.copySequencePrefix(0, 0, 1)).toThrow('cannot be copied to itself');
  });

  test('a device that does not exist is refused by name', () => {
    const create = () => new bindings.AddonModel(modelPath, { devices: ['Abacus0'] });
    expect(create).toThrow(/No device named "Abacus0"/);
  });
});

describe('the script that builds it', () => {
  test('does nothing when nothing changed', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [script]);
    expect(stdout).toContain('is up to date');
  });

  test('leaves the prebuilt package in use on a machine without a compiler', async () => {
    const env = { CXX: join(modelPath, 'no-compiler') };
    const { stdout } = await promisify(execFile)(process.execPath, [script], { env });
    expect(stdout).toMatch(/^The prebuilt package is used: .*no-compiler compiles no C\+\+17/);
  });
});
