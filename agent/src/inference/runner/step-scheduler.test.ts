import { describe, expect, test } from '@jest/globals';
import { ask, untilTrue } from './asked.fixture.ts';
import { LettersBackend, lettersOf, says, textOf, type LettersOptions } from './letters-backend.fixture.ts';
import { StepScheduler } from './step-scheduler.ts';

const startedWith = (options: LettersOptions): { backend: LettersBackend; scheduler: StepScheduler } => {
  const backend = new LettersBackend(options);
  return { backend, scheduler: new StepScheduler(backend) };
};

describe('requests on the sequences of one context', () => {
  test('one is answered to its end', async () => {
    const { backend, scheduler } = startedWith({ next: says('hello') });
    const asked = ask(scheduler, 'well?');
    expect(await asked.outcome).toEqual({ end: 'ended', cachedTokens: 0 });
    expect(asked.text()).toBe('hello');
    expect(backend.steps).toHaveLength(6);
    expect(backend.samplers).toEqual({ made: 1, disposed: 1 });
  });

  test('those that run together share every step', async () => {
    const { backend, scheduler } = startedWith({ next: says('0123456789') });
    const all = ['a?', 'b?', 'c?', 'd?'].map((prompt) => ask(scheduler, prompt));
    await Promise.all(all.map(({ outcome }) => outcome));
    for (const { text } of all) expect(text()).toBe('0123456789');
    expect(backend.steps.filter((parts) => parts.length === 4)).toHaveLength(11);
  });

  test('more than there are sequences wait, and are answered in turn', async () => {
    const { scheduler } = startedWith({ next: says('yes'), sequences: 2 });
    const all = Array.from({ length: 9 }, (_, index) => ask(scheduler, `${index}?`));
    const outcomes = await Promise.all(all.map(({ outcome }) => outcome));
    expect(outcomes.every(({ end }) => end === 'ended')).toBe(true);
    expect(all.map(({ text }) => text())).toEqual(Array.from({ length: 9 }, () => 'yes'));
  });

  test('a client that has enough ends its answer', async () => {
    const { scheduler } = startedWith({ next: says('hello') });
    let left = 3;
    const asked = ask(scheduler, 'well?', { take: () => (left -= 1) > 0 });
    expect(await asked.outcome).toMatchObject({ end: 'taken' });
    expect(asked.text()).toBe('hel');
  });

  test('a client that leaves frees its place in the next step, whoever waits gets it', async () => {
    const { backend, scheduler } = startedWith({ next: () => 120, sequences: 1, contextSize: 10_000 });
    const endless = ask(scheduler, 'a?');
    const next = ask(scheduler, 'b?', { take: () => false });
    const atAbort = (): number => backend.steps.length;
    await new Promise((resolve) => setImmediate(resolve));
    endless.abort.abort(new Error('left'));
    const before = atAbort();
    await expect(endless.outcome).rejects.toThrow('left');
    expect(backend.steps.length - before).toBeLessThanOrEqual(1);
    expect(await next.outcome).toMatchObject({ end: 'taken' });
  });

  test('one that waits for a place may leave as well', async () => {
    const { scheduler } = startedWith({ next: () => 120, sequences: 1, contextSize: 10_000 });
    const endless = ask(scheduler, 'a?');
    const waiting = ask(scheduler, 'b?');
    waiting.abort.abort(new Error('left'));
    await expect(waiting.outcome).rejects.toThrow('left');
    endless.abort.abort(new Error('left too'));
    await expect(endless.outcome).rejects.toThrow('left too');
  });

  test('a client that does not read holds up nobody, and goes on where it was', async () => {
    const { scheduler } = startedWith({ next: says('0123456789') });
    let isReady = true;
    const slow = ask(scheduler, 'slow?', {
      isReady: () => isReady,
      take: ({ token }) => {
        if (token === '4'.charCodeAt(0)) isReady = false;
        return true;
      },
    });
    const fast = ask(scheduler, 'fast?');
    await fast.outcome;
    expect(slow.text()).toBe('01234');
    isReady = true;
    scheduler.wake();
    await slow.outcome;
    expect(slow.text()).toBe('0123456789');
  });
});

describe('prompts', () => {
  test('a long one is computed in pieces while others are answered', async () => {
    const { backend, scheduler } = startedWith({
      next: says('0'.repeat(50)),
      batchSize: 512,
      contextSize: 2000,
    });
    let isAnswering = false;
    const running = ask(scheduler, 'a?', { take: () => (isAnswering = true) });
    await untilTrue(() => isAnswering);
    const long = ask(scheduler, `${'x'.repeat(1000)}?`);
    await Promise.all([running.outcome, long.outcome]);
    const mixed = backend.steps.filter(
      (parts) => parts.length === 2 && parts.some((part) => part.tokens.length > 1),
    );
    expect(mixed.length).toBeGreaterThan(1);
    expect(running.text()).toBe('0'.repeat(50));
    expect(long.text()).toBe('0'.repeat(50));
  });

  test('a conversation that goes on computes only what is new', async () => {
    const { backend, scheduler } = startedWith({ next: says('hello') });
    await ask(scheduler, 'well?').outcome;
    const second = ask(scheduler, 'well?hello, and you?');
    expect(await second.outcome).toEqual({ end: 'ended', cachedTokens: 'well?hello'.length });
    expect(second.text()).toBe('hello');
    expect(backend.copies).toBe(0);
  });

  test('what a busy request has computed serves the next one', async () => {
    const { backend, scheduler } = startedWith({ next: says('0123456789'), contextSize: 1000 });
    const system = 'You are a very helpful assistant. ';
    let isAnswering = false;
    const first = ask(scheduler, `${system}a?`, { take: () => (isAnswering = true) });
    await untilTrue(() => isAnswering);
    const second = ask(scheduler, `${system}b?`);
    expect(await second.outcome).toEqual({ end: 'ended', cachedTokens: system.length });
    await first.outcome;
    expect([first.text(), second.text()]).toEqual(['0123456789', '0123456789']);
    expect(backend.copies).toBe(1);
  });

  test('nobody profits from what another tenant asked', async () => {
    const { scheduler } = startedWith({ next: says('hello') });
    await ask(scheduler, 'a secret of some length?', { tenant: 'anna' }).outcome;
    const other = ask(scheduler, 'a secret of some length?', { tenant: 'bert' });
    expect(await other.outcome).toMatchObject({ cachedTokens: 0 });
    const same = ask(scheduler, 'a secret of some length?', { tenant: 'anna' });
    expect(await same.outcome).toMatchObject({ cachedTokens: 'a secret of some length?'.length - 1 });
  });

  test('where the state cannot be cut, all is computed anew', async () => {
    const { scheduler } = startedWith({ next: says('hello'), canCut: false, sequences: 1 });
    await ask(scheduler, 'well, how?').outcome;
    const second = ask(scheduler, 'well, why?');
    expect(await second.outcome).toMatchObject({ end: 'ended', cachedTokens: 0 });
    expect(second.text()).toBe('hello');
  });
});

describe('a full context', () => {
  test('ends an answer', async () => {
    const { scheduler } = startedWith({ next: () => 120, contextSize: 20 });
    const asked = ask(scheduler, 'a long one?');
    expect(await asked.outcome).toMatchObject({ end: 'full' });
    expect(asked.text()).toHaveLength(10);
  });

  test('or makes room, but for the beginning that is to stay', async () => {
    const { backend, scheduler } = startedWith({ next: () => 120, contextSize: 20, sequences: 1 });
    let left = 100;
    const asked = ask(scheduler, 'a long one?', { keepOnShift: 4, take: () => (left -= 1) > 0 });
    expect(await asked.outcome).toMatchObject({ end: 'taken' });
    expect(textOf(backend.held[0] ?? []).startsWith('a lo')).toBe(true);
    const again = ask(scheduler, 'a long one?', { take: () => false });
    // Behind the beginning the state knows of tokens that are gone.
    expect((await again.outcome).cachedTokens).toBeLessThanOrEqual(4);
  });

  test('ends it as well where the state cannot be moved', async () => {
    const { scheduler } = startedWith({ next: () => 120, contextSize: 20, canCut: false });
    const asked = ask(scheduler, 'a long one?', { keepOnShift: 4 });
    expect(await asked.outcome).toMatchObject({ end: 'full' });
  });
});

describe('a request that is being prepared', () => {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  test('is waited for, where nobody is in the middle of an answer', async () => {
    const backend = new LettersBackend({ next: says('yes') });
    const scheduler = new StepScheduler(backend, { waitMs: () => 600_000 });
    const come = scheduler.expect();
    const first = ask(scheduler, 'b?');
    await turn();
    expect(backend.steps).toHaveLength(0);
    const second = ask(scheduler, 'c?');
    come();
    await Promise.all([first.outcome, second.outcome]);
    expect(backend.steps[0]).toHaveLength(2);
  });

  test('is not waited for by those who answer, nor where there is no place for it', async () => {
    const endless = { sequences: 2, contextSize: 1_000_000, next: () => 120 };
    const { backend, scheduler } = startedWith(endless);
    const [first, second] = [ask(scheduler, 'a?'), ask(scheduler, 'b?')];
    await untilTrue(() => first.text().length > 3);
    scheduler.expect();
    const before = backend.steps.length;
    await untilTrue(() => backend.steps.length > before + 3);
    for (const { abort } of [first, second]) abort.abort(new Error('left'));
    await Promise.allSettled([first.outcome, second.outcome]);
    const full = new LettersBackend({ next: says('yes'), sequences: 1 });
    const patient = new StepScheduler(full, { waitMs: () => 600_000 });
    patient.expect();
    expect(await ask(patient, 'a?').outcome).toMatchObject({ end: 'ended' });
  });

  test('that never comes delays others for a moment only', async () => {
    const backend = new LettersBackend({ next: says('yes') });
    let waits = 0;
    const scheduler = new StepScheduler(backend, {
      waitMs: () => {
        waits += 1;
        return 20;
      },
    });
    scheduler.expect();
    const asked = ask(scheduler, 'b?');
    await turn();
    expect(backend.steps).toHaveLength(0);
    await asked.outcome;
    expect(asked.text()).toBe('yes');
    await ask(scheduler, 'c?').outcome;
    expect(waits).toBe(1);
  });
});

test('what fills a gap is nobody whose state it would cost', async () => {
  for (const canCut of [true, false]) {
    const { backend, scheduler } = startedWith({ next: says('yes'), needsAdjacent: true, canCut });
    await Promise.all(['a?', 'b?', 'c?'].map((prompt) => ask(scheduler, prompt).outcome));
    const between = backend.held[1]?.length;
    // The first and the third go on where they were.
    const more = ['a?yes?', 'c?yes?'].map((prompt) => ask(scheduler, prompt));
    await Promise.all(more.map(({ outcome }) => outcome));
    expect(backend.held[1]).toHaveLength(between ?? -1);
    expect(backend.steps.some((parts) => parts.length === 3 && parts[1]?.wantsNext === false)).toBe(canCut);
  }
});

describe('failures', () => {
  test('a batch that fails ends its requests, and the next are answered', async () => {
    let fails = true;
    const { scheduler } = startedWith({
      next: says('hello'),
      onDecode: () => {
        if (fails) throw new Error('out of memory');
      },
    });
    const both = [ask(scheduler, 'a?'), ask(scheduler, 'b?')];
    for (const { outcome } of both) await expect(outcome).rejects.toThrow('out of memory');
    fails = false;
    const later = ask(scheduler, 'a?');
    expect(await later.outcome).toEqual({ end: 'ended', cachedTokens: 0 });
    expect(later.text()).toBe('hello');
  });

  test('a batch that fails leaves nothing behind in the sequences that only closed its gaps', async () => {
    let fails = false;
    const { backend, scheduler } = startedWith({
      next: says('0'.repeat(20)),
      needsAdjacent: true,
      sequences: 3,
      onDecoded: (parts) => {
        if (fails && parts.some(({ wantsNext }) => !wantsNext)) throw new Error('out of memory');
      },
    });
    const answers = ['a?', 'b?', 'c?'].map((prompt) => ask(scheduler, prompt));
    await untilTrue(() => answers.every(({ text }) => text().length > 2));
    fails = true;
    answers[1]?.abort.abort(new Error('left'));
    const outcomes = await Promise.allSettled(answers.map(({ outcome }) => outcome));
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected', 'rejected']);
    fails = false;
    const middle = [...(backend.held[1] ?? [])];
    expect(textOf(middle)).toMatch(/^b\?0+$/);
    const again = ask(scheduler, textOf(middle));
    expect(await again.outcome).toMatchObject({ end: 'ended', cachedTokens: middle.length - 1 });
  });

  test('a sampler that fails ends its own request only', async () => {
    const { backend, scheduler } = startedWith({ next: says('hello') });
    const create = backend.createSampler.bind(backend);
    backend.createSampler = (sampling) => {
      const sampler = create(sampling);
      if (backend.broken.size === 0) backend.broken.add(sampler);
      return sampler;
    };
    const [broken, sound] = [ask(scheduler, 'a?'), ask(scheduler, 'b?')];
    await expect(broken.outcome).rejects.toThrow('no chance');
    expect(await sound.outcome).toMatchObject({ end: 'ended' });
    expect(sound.text()).toBe('hello');
  });
});

test('a token that cannot be shown ends its own request only', async () => {
  const { backend, scheduler } = startedWith({ next: says('hello') });
  const broken = ask(scheduler, 'a?', {
    take: () => {
      throw new Error('no such letter');
    },
  });
  const sound = ask(scheduler, 'b?');
  await expect(broken.outcome).rejects.toThrow('no such letter');
  expect(await sound.outcome).toMatchObject({ end: 'ended' });
  expect(sound.text()).toBe('hello');
  expect(backend.samplers.disposed).toBe(2);
});

test('what an answer will probably be is told to those who guess', async () => {
  const predicted: (readonly number[])[] = [];
  const backend = new LettersBackend({ next: says('yes') });
  const scheduler = new StepScheduler(backend, {
    speculation: {
      begin: (_prompt, prediction) => {
        predicted.push(prediction);
        return { chance: 1, next: prediction, follow: () => undefined };
      },
      choose: async (answers) => answers.map(({ guesses }) => guesses?.next ?? []),
      measured: () => undefined,
    },
  });
  const guesses: (readonly [number, number])[] = [];
  const asked = ask(scheduler, 'a?', {
    prediction: lettersOf('es'),
    onGuesses: (right, wrong) => guesses.push([right, wrong]),
  });
  await asked.outcome;
  expect(asked.text()).toBe('yes');
  expect(predicted).toEqual([lettersOf('es')]);
  // All came true, and the end with them: two steps instead of four.
  expect(guesses).toEqual([[2, 0]]);
  expect(backend.steps).toHaveLength(2);
});
