import { describe, expect, test } from '@jest/globals';
import { TemplateRenderer } from './chat-template.ts';
import { Credit } from './credit.ts';
import { runJob } from './generation.ts';
import type { LoadedModel, Slot } from './llama.ts';
import type { Job, JobEvent } from './protocol.ts';
import { SlotPool } from './slot-pool.ts';

/** A model without llama.cpp: letters are tokens, and its slot counts what it is asked to compute. */
const lettersModel = (
  answer: string,
): { model: LoadedModel; computed: { prompt: number; answer: number } } => {
  const computed = { prompt: 0, answer: 0 };
  let held: number[] = [];
  const slot: Slot = {
    tokens: () => held,
    truncate: async (length) => {
      held = held.slice(0, length);
    },
    prefill: async (tokens) => {
      computed.prompt += tokens.length;
      held.push(...tokens);
    },
    generate: async function* (tokens) {
      held.push(...tokens);
      for (const letter of answer) {
        computed.answer++;
        yield letter.charCodeAt(0);
        held.push(letter.charCodeAt(0));
      }
    },
  };
  const model: LoadedModel = {
    contextSize: 1000,
    chatTemplate: undefined,
    bosText: '',
    eosText: '',
    controlTexts: [],
    longestToken: 100,
    slots: [slot],
    promptChunk: 4,
    tokenize: (pieces) => Array.from(pieces.join(''), (letter) => letter.charCodeAt(0)),
    detokenize: (tokens) => String.fromCharCode(...tokens),
    createGrammar: () => Promise.reject(new Error('no grammars here')),
  };
  return { model, computed };
};

const job = (overrides: Partial<Job> = {}): Job => ({
  input: { kind: 'raw', prompt: 'a prompt of 23 letters!' },
  sampling: {
    temperature: 0,
    topK: 1,
    topP: 1,
    minP: 0,
    seed: 0,
    repeatPenalty: 1,
    repeatLastN: 0,
    presencePenalty: 0,
    frequencyPenalty: 0,
    stop: [],
    maxTokens: undefined,
  },
  format: undefined,
  creditWindow: 1000,
  renderTimeoutMs: 1000,
  ...overrides,
});

const start = (
  answer: string,
  given: Job,
  onEvent: (event: JobEvent, abort: AbortController, credit: Credit) => void = () => undefined,
  onProgress: (abort: AbortController) => void = () => undefined,
) => {
  const { model, computed } = lettersModel(answer);
  const pool = new SlotPool(model.slots);
  const credit = new Credit(given.creditWindow);
  const abort = new AbortController();
  const events: JobEvent[] = [];
  const finished = runJob({
    id: 1,
    job: given,
    model,
    pool,
    renderer: new TemplateRenderer(),
    credit,
    signal: abort.signal,
    emit: (event) => {
      events.push(event);
      onEvent(event, abort, credit);
    },
    progress: () => onProgress(abort),
  });
  return { finished, events, computed, pool, credit };
};

const textOf = (events: readonly JobEvent[]): string =>
  events.map((event) => (event.kind === 'text' ? event.text : '')).join('');

describe('runJob', () => {
  test('counts exactly', async () => {
    const { finished, events, computed } = start('hello', job());
    await finished;
    expect(textOf(events)).toBe('hello');
    expect(events.at(-1)).toMatchObject({
      kind: 'done',
      reason: 'stop',
      usage: { promptTokens: 23, cachedPromptTokens: 0, completionTokens: 5 },
    });
    expect(computed).toEqual({ prompt: 22, answer: 5 });
  });

  test('frees the slot within one token after a cancellation', async () => {
    const { finished, events, computed, pool } = start('0123456789'.repeat(20), job(), (event, abort) => {
      if (event.kind === 'text' && event.text === '7') abort.abort();
    });
    await finished;
    expect(textOf(events)).toBe('01234567');
    expect(events.at(-1)).toEqual({ kind: 'cancelled', id: 1 });
    expect(computed.answer).toBeLessThanOrEqual(9);
    expect(pool.take([])).toBeDefined();
  });

  test('sees a cancellation between two parts of a long prompt', async () => {
    const { finished, events, computed, pool } = start('never', job(), undefined, (abort) => abort.abort());
    await finished;
    expect(events).toEqual([{ kind: 'cancelled', id: 1 }]);
    expect(computed).toEqual({ prompt: 4, answer: 0 });
    expect(pool.take([])).toBeDefined();
  });

  test('pauses when nobody reads and goes on when somebody does', async () => {
    const { finished, events, computed, credit } = start('0123456789', job({ creditWindow: 3 }));
    await new Promise((resolve) => setImmediate(resolve));
    expect(credit.paused).toBe(true);
    expect(textOf(events)).toBe('012');
    expect(computed.answer).toBe(3);
    credit.give(2);
    await new Promise((resolve) => setImmediate(resolve));
    expect(textOf(events)).toBe('01234');
    credit.give(100);
    await finished;
    expect(textOf(events)).toBe('0123456789');
  });

  test('a cancellation ends a pause', async () => {
    let stop: AbortController | undefined;
    const { finished, events, credit } = start('0123456789', job({ creditWindow: 1 }), (_event, abort) => {
      stop = abort;
    });
    await new Promise((resolve) => setImmediate(resolve));
    stop?.abort();
    credit.release();
    await finished;
    expect(events.at(-1)).toEqual({ kind: 'cancelled', id: 1 });
  });

  test.each<[string, Job, string]>([
    ['an empty prompt', job({ input: { kind: 'raw', prompt: '' } }), 'invalid_request'],
    ['a long prompt', job({ input: { kind: 'raw', prompt: 'x'.repeat(1000) } }), 'context_exceeded'],
    ['a bad grammar', job({ format: { type: 'json' } }), 'invalid_format'],
    [
      'a model without a template',
      job({
        input: {
          kind: 'chat',
          messages: [{ role: 'user', content: 'x' }],
          tools: [],
          template: undefined,
          plain: undefined,
        },
      }),
      'template_failed',
    ],
  ])('says what is wrong with %s', async (_name, given, code) => {
    const { finished, events, pool } = start('x', given);
    await finished;
    expect(events).toEqual([{ kind: 'failed', id: 1, code, message: expect.any(String) }]);
    expect(pool.take([])).toBeDefined();
  });
});

test('the slot that shares the longest beginning is taken', () => {
  const slot = (tokens: number[]): Slot => ({ ...lettersModel('').model.slots[0]!, tokens: () => tokens });
  const [a, b, c] = [slot([1, 2, 9]), slot([1, 2, 3, 4]), slot([])];
  const pool = new SlotPool([a, b, c]);
  const first = pool.take([1, 2, 3, 5]);
  expect(first?.slot).toBe(b);
  expect(first?.shared).toBe(3);
  expect(pool.take([1, 2, 3, 5])?.slot).toBe(a);
  expect(pool.take([1, 2, 3, 5])?.slot).toBe(c);
  expect(pool.take([1])).toBeUndefined();
  first?.release();
  expect(pool.take([])?.slot).toBe(b);
});
