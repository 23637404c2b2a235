import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { LlamaGrammar } from 'node-llama-cpp';
import { LlamaGrammarEvaluationState, type Llama, type LlamaModel, type Token } from 'node-llama-cpp';
import { ask } from './asked.fixture.ts';
import { Draft } from './draft.ts';
import { greedySampling } from './greedy-sampling.ts';
import { createLlamaBackend, type RawContext, type RawSampler } from './llama-backend.ts';
import {
  modelPath,
  openNativeModel,
  type NativeBindings,
  type NativeContext,
} from './native-model.fixture.ts';
import type { ResolvedSampling } from './protocol.ts';
import type { Grammar, StepBackend } from './step-backend.ts';
import { StepScheduler, type StepSchedulerOptions } from './step-scheduler.ts';

let llama: Llama;
let model: LlamaModel;
let bindings: NativeBindings;
let context: NativeContext;
let nativeModel: unknown;

const contextSize = 512;
const sequences = 2;

const contextOf = async (of: unknown): Promise<NativeContext> => {
  const made = new bindings.AddonContext(of, {
    contextSize: contextSize * sequences,
    batchSize: 256,
    sequences,
    // With more they would wait actively for each other, which is slow beside other work.
    threads: 1,
  });
  await made.init();
  return made;
};

/** The second version of the bundled model: it says much that the first one says. */
let other: { readonly context: NativeContext; readonly model: unknown };
let otherModel: LlamaModel;

beforeAll(async () => {
  ({ llama, model, bindings, nativeModel } = await openNativeModel());
  context = await contextOf(nativeModel);
  const path = modelPath.replace('ollamamax-tiny-', 'ollamamax-tiny-v2-');
  otherModel = await llama.loadModel({ modelPath: path });
  const { _model } = otherModel as unknown as { readonly _model: unknown };
  other = { context: await contextOf(_model), model: _model };
});

afterAll(async () => {
  await other.context.dispose();
  await context.dispose();
  await otherModel.dispose();
  await llama.dispose();
});

/** @param isOwnBuild false: as with the prebuilt addon, which chooses tokens one by one */
const backendOf = (
  isOwnBuild: boolean,
  native: { readonly context: NativeContext; readonly model: unknown } = { context, model: nativeModel },
): StepBackend =>
  createLlamaBackend({
    raw: native.context as unknown as RawContext,
    own: isOwnBuild ? native.context : undefined,
    sequences,
    contextSize,
    batchSize: 256,
    canShift: true,
    newSampler: () => new bindings.AddonSampler(native.model) as unknown as RawSampler,
    grammarState: (grammar) =>
      (
        new LlamaGrammarEvaluationState({
          model,
          grammar: grammar as unknown as LlamaGrammar,
        }) as unknown as { readonly _state: unknown }
      )._state,
    isEnd: (token) => model.isEogToken(token as Token),
  });

/** Guesses five tokens of every answer in every step, by what it is known to be; each seventh guess is wrong. */
const guessing = (known: ReadonlyMap<string, readonly number[]>): StepSchedulerOptions['speculation'] => ({
  begin: (prompt) => {
    const answer = known.get(prompt.join()) ?? [];
    let said = 0;
    return {
      chance: 1,
      get next() {
        return Array.from({ length: 5 }, (_unused, index) => {
          const token = answer[said + index] ?? 300;
          return (said + index) % 7 === 6 ? token + 1 : token;
        });
      },
      follow: () => {
        said += 1;
      },
    };
  },
  choose: async (answers) =>
    answers.map(({ guesses, room }) => (guesses?.next ?? []).slice(0, Math.max(0, Math.min(room, 5)))),
  measured: () => undefined,
});

/** Five tokens of every answer in every step, by the other model. */
const drafting = (isOwnBuild: boolean): StepSchedulerOptions['speculation'] => {
  const draft = new Draft(backendOf(isOwnBuild, other), { answering: 4096, own: 4096 });
  return {
    begin: () => ({ chance: 1, next: [], follow: () => undefined }),
    choose: async (answers) => {
      const most = Math.min(5, ...answers.map(({ room }) => room));
      while (!answers.every((answer) => draft.isReady(answer))) await draft.read(answers, 1000);
      const guesses = await draft.guess(answers, most);
      return guesses.map((tokens) => Array.from({ length: most }, (_unused, place) => tokens[place] ?? 0));
    },
    measured: () => undefined,
  };
};

const chat = (text: string): readonly number[] =>
  model.tokenize(`<|im_start|>user\n${text}<|im_end|>\n<|im_start|>assistant\n`, true);

const rows =
  'root ::= "[" row ("," row){11} "]"\nrow ::= "{\\"name\\": \\"" [a-z]+ "\\", \\"is_available\\": " ("true" | "false") "}"';
const prompts = ['Write a short story about a fox and a lantern.', 'Count to 9.'];

interface Case {
  readonly name: string;
  readonly settings?: Partial<ResolvedSampling>;
  readonly gbnf?: string;
}

const cases: readonly Case[] = [
  { name: 'the likeliest tokens' },
  { name: 'tokens by mirostat', settings: { temperature: 0.9, mirostat: 2, mirostatTau: 3, seed: 5 } },
  { name: 'tokens by chance', settings: { temperature: 0.9, topK: 40, topP: 0.95, seed: 7 } },
  {
    name: 'tokens whose repetition is penalised',
    settings: { repeatPenalty: 1.3, repeatLastN: 64, frequencyPenalty: 0.2 },
  },
  { name: 'tokens with their likelihoods', settings: { topLogprobs: 2 } },
  { name: 'rows that a grammar describes', gbnf: rows },
  { name: 'rows of a grammar, by chance', settings: { temperature: 1.2, topK: 0, seed: 3 }, gbnf: rows },
];

const answers = async (
  isOwnBuild: boolean,
  speculation: StepSchedulerOptions['speculation'],
  { settings, gbnf }: Case,
): Promise<{
  readonly known: ReadonlyMap<string, readonly number[]>;
  readonly right: number;
  readonly wrong: number;
}> => {
  for (let sequence = 0; sequence < sequences; sequence += 1) {
    context.disposeSequence(sequence);
    other.context.disposeSequence(sequence);
  }
  const scheduler = new StepScheduler(backendOf(isOwnBuild), { speculation });
  const grammar =
    gbnf === undefined ? undefined : ((await llama.createGrammar({ grammar: gbnf })) as unknown as Grammar);
  const guesses = { right: 0, wrong: 0 };
  const known = new Map<string, readonly number[]>();
  // One that fails must not leave the other on the context of the next test.
  const outcomes = await Promise.allSettled(
    prompts.map(async (prompt) => {
      const tokens = chat(prompt);
      const said: number[] = [];
      await ask(scheduler, '', {
        prompt: tokens,
        sampling: { settings: { ...greedySampling, ...settings }, grammar, prompt: tokens },
        take: ({ token }) => said.push(token) < 150,
        onGuesses: (right, wrong) => {
          guesses.right += right;
          guesses.wrong += wrong;
        },
      }).outcome;
      known.set(tokens.join(), said);
    }),
  );
  expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
  return { known, ...guesses };
};

test.each(cases.flatMap((one) => [true, false].map((isOwnBuild) => ({ ...one, isOwnBuild }))))(
  'guesses do not change answers: $name (own build: $isOwnBuild)',
  async ({ isOwnBuild, ...one }) => {
    const plain = await answers(isOwnBuild, undefined, one);
    expect(plain).toMatchObject({ right: 0, wrong: 0 });
    const guessed = await answers(isOwnBuild, guessing(plain.known), one);
    expect(guessed.known).toEqual(plain.known);
    expect(guessed.right).toBeGreaterThan(0);
    expect(guessed.wrong).toBeGreaterThan(0);
    const drafted = await answers(isOwnBuild, drafting(isOwnBuild), one);
    expect(drafted.known).toEqual(plain.known);
    expect(drafted.right).toBeGreaterThan(0);
  },
  300_000,
);
