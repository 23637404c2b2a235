import { describe, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seeded } from '../../raft/codec/random-messages.fixture.ts';
import { ask, type Asked } from './asked.fixture.ts';
import { Draft } from './draft.ts';
import { digest, endToken, LettersBackend } from './letters-backend.fixture.ts';
import { Speculation } from './speculation.ts';
import { SpilledStates } from './spilled-states.ts';
import { StateCache } from './state-cache.ts';
import { StateFiles } from './state-files.ts';
import { StateWorth } from './state-worth.ts';
import { StepScheduler, type StepSchedulerOptions } from './step-scheduler.ts';

const contextSize = 700;

/** The answer depends on every token before it. */
const next = (held: readonly number[]): number => {
  const value = digest(held);
  return value % 11 === 0 ? endToken : 97 + (value % 26);
};

const alone = async (prompt: string, most: number): Promise<string> => {
  const scheduler = new StepScheduler(new LettersBackend({ next, sequences: 1, contextSize }));
  let left = most;
  const asked = ask(scheduler, prompt, { take: () => (left -= 1) > 0 });
  await asked.outcome;
  return asked.text();
};

const kind = 'You are kind. You know much. '.repeat(6);
const beginnings = ['', kind, `${kind}But today you are tired. `.repeat(2), 'You know little. '.repeat(12)];

const guessed = { right: 0, wrong: 0, drafted: 0 };

/** Guesses some letters of each answer, often right: what it would be alone is known. */
const guessesByChance = (chance: () => number): NonNullable<StepSchedulerOptions['speculation']> => ({
  begin: (prompt) => {
    const text = [...prompt];
    const guesses: { chance: number; next: number[]; follow: (token: number) => void } = {
      chance: 1,
      next: [],
      follow: (token) => {
        guessed[guesses.next[0] === token ? 'right' : 'wrong'] += 1;
        text.push(token);
        guesses.next = [];
        for (let index = 0; index < 5; index += 1)
          guesses.next.push(chance() < 0.8 ? next([...text, ...guesses.next]) : 97);
      },
    };
    return guesses;
  },
  choose: async (answers, { batchSize }) => {
    const most = Math.min(
      Math.floor(batchSize / answers.length) - 1,
      ...answers.map(({ guesses, room }) => (guesses === undefined ? 0 : room)),
    );
    const length = Math.min(most, Math.floor(chance() * 6));
    return answers.map(({ guesses }) => (guesses?.next ?? []).slice(0, length));
  },
  measured: () => undefined,
});

/** A smaller model, which is wrong now and then and holds less. */
const drafting = (sequences: number): Speculation => {
  const backend = new LettersBackend({
    next: (held) => (digest(held) % 5 === 0 ? 97 : next(held)),
    sequences,
    contextSize: contextSize - 100,
    onDecode: () => {
      guessed.drafted += 1;
    },
  });
  return new Speculation(contextSize, new Draft(backend, { answering: 256, own: 256 }), (error) => {
    throw error;
  });
};

const speculationByChance = (
  chance: () => number,
  sequences: number,
): StepSchedulerOptions['speculation'] => {
  const kind = chance();
  if (kind < 0.4) return guessesByChance(chance);
  return kind < 0.8 ? drafting(sequences) : undefined;
};

const states = { saved: 0, restored: 0, readFromDisk: 0 };

/** Counts what is read. */
class CountedFiles extends StateFiles {
  override read(...given: Parameters<StateFiles['read']>): ReturnType<StateFiles['read']> {
    states.readFromDisk += 1;
    return super.read(...given);
  }
}

describe('whatever comes together', () => {
  test.each(Array.from({ length: 60 }, (_, seed) => seed))(
    'every answer is what it would be alone (seed %d)',
    async (seed) => {
      const chance = seeded(seed);
      const below = (limit: number): number => Math.floor(chance() * limit);
      const folder = await mkdtemp(join(tmpdir(), 'states-'));
      const backend = new LettersBackend({
        next,
        contextSize,
        sequences: 1 + below(5),
        batchSize: 16 + below(100),
        needsAdjacent: chance() < 0.5,
        canCut: chance() < 0.8,
      });
      const cache = new StateCache({
        memoryBytes: below(4) * 2000,
        diskBytes: below(4) * 2000,
        files: chance() < 0.7 ? new CountedFiles(folder) : undefined,
        log: () => undefined,
      });
      const spilled =
        chance() < 0.8 ? new SpilledStates(backend.states, cache, new StateWorth(0)) : undefined;
      const scheduler = new StepScheduler(backend, {
        spilled,
        speculation: speculationByChance(chance, backend.sequences),
      });
      const asked: (Asked & { readonly prompt: string; readonly most: number })[] = [];
      const askOne = (): Promise<unknown> => {
        const prompt = `${beginnings[below(4)] ?? ''}${'q'.repeat(below(3) * 60)}${below(9)}?`;
        const most = 1 + below(30);
        const leavesAfter = chance() < 0.2 ? below(most) : Infinity;
        let taken = 0;
        const one: Asked = ask(scheduler, prompt, {
          tenant: chance() < 0.7 ? 'anna' : 'bert',
          isReady: () => chance() < 0.9,
          take: () => {
            taken += 1;
            if (taken > leavesAfter) one.abort.abort(new Error('left'));
            return taken < most;
          },
        });
        asked.push({ ...one, prompt, most });
        return one.outcome.catch(() => undefined);
      };
      const waker = setInterval(() => scheduler.wake(), 1);
      // Some come at once, others when one before them is done.
      const client = async (requests: number): Promise<void> => {
        for (let left = requests; left > 0; left -= 1) await askOne();
      };
      await Promise.all(Array.from({ length: 6 }, () => client(5)));
      const outcomes = await Promise.allSettled(asked.map(({ outcome }) => outcome));
      clearInterval(waker);
      for (const [index, { text, prompt, most }] of asked.entries()) {
        const whole = await alone(prompt, most);
        const outcome = outcomes[index];
        if (outcome?.status === 'rejected') {
          expect(outcome.reason).toMatchObject({ message: 'left' });
          expect(whole.startsWith(text())).toBe(true);
        } else expect(text()).toBe(whole);
      }
      states.saved += backend.stateCopies.saved;
      states.restored += backend.stateCopies.restored;
      expect(backend.samplers.disposed).toBe(backend.samplers.made);
      expect(cache.size.memoryBytes).toBeLessThanOrEqual(12_000);
      await rm(folder, { recursive: true, force: true });
    },
  );

  test('states left and came back on the way, and guesses came true and did not', () => {
    expect(Object.values({ ...states, ...guessed }).every((count) => count > 0)).toBe(true);
  });
});
