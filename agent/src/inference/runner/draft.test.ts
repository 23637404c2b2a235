import { describe, expect, test } from '@jest/globals';
import { ask } from './asked.fixture.ts';
import { Draft, type Drafted } from './draft.ts';
import { LettersBackend, lettersOf, says, textOf, type LettersOptions } from './letters-backend.fixture.ts';
import { Speculation } from './speculation.ts';
import { StepScheduler } from './step-scheduler.ts';

const vocabulary = { answering: 256, own: 256 };
const story =
  'Once upon a time there was a fox who found a lantern under an old oak, and nobody knew whose it was.';

const drafted = (text: string, sequence = 0): Drafted => ({
  sequence,
  held: lettersOf(text.slice(0, -1)),
  next: text.charCodeAt(text.length - 1),
});

const draftWith = (options: LettersOptions): { readonly backend: LettersBackend; readonly draft: Draft } => {
  const backend = new LettersBackend(options);
  return { backend, draft: new Draft(backend, vocabulary) };
};
const guessed = async (draft: Draft, answers: readonly Drafted[], length: number): Promise<string[]> =>
  (await draft.guess(answers, length)).map(textOf);

describe('a draft model', () => {
  test('goes on with what was said, and forgets what was not', async () => {
    const { backend, draft } = draftWith({ next: says('hello') });
    expect(await guessed(draft, [drafted('Say?h')], 3)).toEqual(['ell']);
    // It said "e" instead.
    expect(await guessed(draft, [drafted('Say?he')], 2)).toEqual(['ll']);
    expect(textOf(backend.held[0]!)).toBe('Say?hel');
    expect(await guessed(draft, [drafted('Who?h')], 9)).toEqual(['ello']);
    expect(textOf(backend.held[0]!)).toBe('Who?hello');
  });

  test('guesses for several at once, each as far as it knows', async () => {
    const { backend, draft } = draftWith({
      next: (held) => (held[0] === 65 ? says('yes')(held) : says('no')(held)),
    });
    expect(await guessed(draft, [drafted('Bob?', 2), drafted('Ann?', 0)], 3)).toEqual(['no', 'yes']);
    expect(backend.steps.map((parts) => parts.length)).toEqual([2, 2, 2]);
  });

  test('reads what it is behind with in pieces', async () => {
    const { backend, draft } = draftWith({ next: says('yes'), batchSize: 40, contextSize: 300 });
    const long = [drafted(`${'a'.repeat(120)}?`), drafted(`${'b'.repeat(20)}?`, 1)];
    expect(long.map((answer) => draft.isReady(answer))).toEqual([false, false]);
    let rounds = 0;
    while (!long.every((answer) => draft.isReady(answer))) {
      await draft.read(long, 1000);
      rounds += 1;
      expect(rounds).toBeLessThan(10);
    }
    expect(
      Math.max(...backend.steps.map((parts) => parts.reduce((sum, { tokens }) => sum + tokens.length, 0))),
    ).toBe(40);
    expect(await guessed(draft, long, 3)).toEqual(['yes', 'yes']);
    const computed = backend.steps.length;
    await draft.read(long, 1000);
    expect(backend.steps.length).toBe(computed);
  });

  test('guesses nothing for a text with tokens that it does not know', async () => {
    const backend = new LettersBackend({ next: says('yes') });
    const draft = new Draft(backend, { answering: 256, own: 100 });
    expect(draft.isReady(drafted('aha'))).toBe(false);
    expect(draft.isReady(drafted('abc?'))).toBe(true);
    await draft.read([drafted(`${'x'.repeat(60)}?`)], 1000);
    expect(backend.steps).toEqual([]);
  });

  test('knows nothing of a request whose place another user has taken', async () => {
    const { backend, draft } = draftWith({ next: says('yes') });
    const long = drafted(`${'a'.repeat(40)}?`);
    await draft.read([long], 1000);
    expect(draft.isReady(long)).toBe(true);
    draft.forget(0);
    expect([draft.isReady(long), backend.held[0]]).toEqual([false, []]);
  });

  test('catches up however slow it was once', async () => {
    const { draft } = draftWith({ next: says('yes'), contextSize: 600, batchSize: 500 });
    const long = drafted(`${'a'.repeat(300)}?`);
    let reads = 0;
    for (; !draft.isReady(long); reads += 1) {
      await draft.read([long], 0);
      expect(reads).toBeLessThan(12);
    }
    expect(reads).toBeGreaterThan(5);
  });

  test('guesses no token that the other model does not know, and none behind its own context', async () => {
    const { draft } = draftWith({ next: (held) => (held.length < 6 ? 97 : 300), contextSize: 40 });
    expect(await guessed(draft, [drafted('Say?')], 5)).toEqual(['aa']);
    expect(draft.isReady(drafted('a'.repeat(30)))).toBe(false);
    await draft.read([drafted('a'.repeat(30))], 1000);
  });
});

test('what guessing took is forgotten when a draft model is not asked for long', async () => {
  const { draft } = draftWith({ next: says('hello') });
  expect(draft.guessMs(1)).toBeUndefined();
  await guessed(draft, [drafted('Say?')], 2);
  expect(draft.guessMs(1)).toBeGreaterThan(0);
  for (let step = 0; step < 99; step += 1) draft.unasked();
  expect(draft.guessMs(1)).toBeGreaterThan(0);
  draft.unasked();
  expect(draft.guessMs(1)).toBeUndefined();
});

describe('an answer with a draft model', () => {
  /** Answers with a model whose steps take so long that guesses pay. */
  const answered = async (
    draftOptions: LettersOptions,
    prompt = 'Tell?',
  ): Promise<{
    readonly text: string;
    readonly steps: number;
    readonly right: number;
    readonly failures: unknown[];
    readonly draftSteps: number;
  }> => {
    const backend = new LettersBackend({
      next: says(story),
      contextSize: 600,
      onDecode: () => new Promise((resolve) => setTimeout(resolve, 10)),
    });
    const failures: unknown[] = [];
    const { draft, backend: drafting } = draftWith(draftOptions);
    const speculation = new Speculation(600, draft, (error) => failures.push(error));
    let right = 0;
    const asked = ask(new StepScheduler(backend, { speculation }), prompt, {
      onGuesses: (came) => {
        right += came;
      },
    });
    await asked.outcome;
    return {
      text: asked.text(),
      steps: backend.steps.length,
      right,
      failures,
      draftSteps: drafting.steps.length,
    };
  };

  test('takes fewer steps and is the same', async () => {
    const { text, steps, right } = await answered({ next: says(story), contextSize: 600 });
    expect(text).toBe(story);
    expect(right).toBeGreaterThan(0);
    expect(steps).toBeLessThan(story.length - right / 2);
  });

  test('also behind a prompt that the draft model has to read first', async () => {
    const { text, right } = await answered({ next: says(story), contextSize: 600 }, `${'q'.repeat(300)}?`);
    expect(text).toBe(story);
    expect(right).toBeGreaterThan(0);
  });

  test('is the same when all guesses are wrong', async () => {
    const { text, draftSteps } = await answered({ next: () => 64, contextSize: 600 });
    expect(text).toBe(story);
    expect(draftSteps).toBeGreaterThan(0);
  });

  test('is the same when the draft model fails, which is told once', async () => {
    const { text, failures } = await answered({
      next: says(story),
      contextSize: 600,
      onDecode: () => {
        throw new Error('no memory');
      },
    });
    expect(text).toBe(story);
    expect(failures).toEqual([new Error('no memory')]);
  });
});
