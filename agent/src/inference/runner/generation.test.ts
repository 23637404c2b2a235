import { describe, expect, test } from '@jest/globals';
import { TemplateRenderer } from './chat-template.ts';
import { Credit } from './credit.ts';
import { runJob } from './generation.ts';
import { greedySampling } from './greedy-sampling.ts';
import { endToken, LettersBackend } from './letters-backend.fixture.ts';
import type { LoadedModel } from './loaded-model.ts';
import type { Job, JobEvent } from './protocol.ts';
import { StepScheduler } from './step-scheduler.ts';

const prompt = 'a prompt of 23 letters!';
const contextSize = 1000;

/** Letters are tokens, and what it says does not depend on what it is asked. */
const lettersModel = (answer: string): { model: LoadedModel; backend: LettersBackend } => {
  const backend = new LettersBackend({
    contextSize,
    batchSize: 8,
    sequences: 1,
    next: (held) => {
      const said = held.length - prompt.length;
      return said < answer.length ? answer.charCodeAt(said) : endToken;
    },
  });
  const model: LoadedModel = {
    contextSize,
    chatTemplate: undefined,
    bosText: '',
    eosText: '',
    controlTexts: [],
    longestToken: 100,
    infill: undefined,
    vocabularySize: 0x10000,
    scheduler: new StepScheduler(backend),
    tokenize: (pieces) => Array.from(pieces.join(''), (letter) => letter.charCodeAt(0)),
    detokenize: (tokens) => String.fromCharCode(...tokens),
    bytesOf: (token) => [...Buffer.from(String.fromCharCode(token))],
    createGrammar: () => Promise.reject(new Error('no grammars here')),
    embed: (inputs) => Promise.resolve(inputs.map((input) => [3, 4, input.length])),
    rank: (query, document) => Promise.resolve(document.includes(query) ? 1 : -1),
  };
  return { model, backend };
};

const job = (overrides: Partial<Job> = {}): Job => ({
  input: { kind: 'raw', prompt },
  sampling: greedySampling,
  grammar: undefined,
  endsWithJson: false,
  truncate: false,
  keepOnShift: undefined,
  tenant: '',
  wantsContext: false,
  creditWindow: 1000,
  renderTimeoutMs: 1000,
  ...overrides,
});

const start = (
  answer: string,
  given: Job,
  onEvent: (event: JobEvent, abort: AbortController) => void = () => undefined,
  onProgress: (abort: AbortController) => void = () => undefined,
) => {
  const { model, backend } = lettersModel(answer);
  const credit = new Credit(given.creditWindow, () => model.scheduler.wake());
  const abort = new AbortController();
  const events: JobEvent[] = [];
  const finished = runJob({
    id: 1,
    job: given,
    model,
    renderer: new TemplateRenderer(),
    credit,
    signal: abort.signal,
    emit: (event) => {
      events.push(event);
      onEvent(event, abort);
    },
    progress: () => onProgress(abort),
  });
  return { finished, events, backend, credit };
};

const computed = ({ steps }: LettersBackend): number =>
  steps.flat().reduce((sum, { tokens }) => sum + tokens.length, 0);

/** Until something is so, which takes few turns of the event loop. */
const untilTrue = async (condition: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 1000 && !condition(); turn += 1)
    await new Promise((resolve) => setImmediate(resolve));
  expect(condition()).toBe(true);
};

const textOf = (events: readonly JobEvent[]): string =>
  events.map((event) => (event.kind === 'text' ? event.text : '')).join('');

describe('runJob', () => {
  test('counts exactly', async () => {
    const { finished, events, backend } = start('hello', job());
    await finished;
    expect(textOf(events)).toBe('hello');
    expect(events.at(-1)).toMatchObject({
      kind: 'done',
      reason: 'stop',
      usage: { promptTokens: 23, cachedPromptTokens: 0, completionTokens: 5 },
    });
    // The last token ends the answer and is never computed.
    expect(computed(backend)).toBe(23 + 5);
  });

  test('frees the slot within one token after a cancellation', async () => {
    const { finished, events, backend } = start('0123456789'.repeat(20), job(), (event, abort) => {
      if (event.kind === 'text' && event.text === '7') abort.abort();
    });
    await finished;
    expect(textOf(events)).toBe('01234567');
    expect(events.at(-1)).toEqual({ kind: 'cancelled', id: 1 });
    expect(computed(backend)).toBeLessThanOrEqual(23 + 9);
  });

  test('sees a cancellation between two parts of a long prompt', async () => {
    const { finished, events, backend } = start('never', job(), undefined, (abort) => abort.abort());
    await finished;
    expect(events).toEqual([{ kind: 'cancelled', id: 1 }]);
    expect(computed(backend)).toBe(8);
  });

  test('pauses when nobody reads and goes on when somebody does', async () => {
    const { finished, events, backend, credit } = start('0123456789', job({ creditWindow: 3 }));
    await untilTrue(() => credit.isSpent);
    expect(textOf(events)).toBe('012');
    const before = computed(backend);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(computed(backend)).toBe(before);
    credit.give(2);
    await untilTrue(() => textOf(events) === '01234');
    credit.give(100);
    await finished;
    expect(textOf(events)).toBe('0123456789');
  });

  test('a cancellation ends a pause', async () => {
    let stop: AbortController | undefined;
    const { finished, events, credit } = start('0123456789', job({ creditWindow: 1 }), (_event, abort) => {
      stop = abort;
    });
    await untilTrue(() => credit.isSpent);
    stop?.abort();
    await finished;
    expect(events.at(-1)).toEqual({ kind: 'cancelled', id: 1 });
  });

  test.each<[string, Job, string]>([
    ['an empty prompt', job({ input: { kind: 'raw', prompt: '' } }), 'invalid_request'],
    ['a long prompt', job({ input: { kind: 'raw', prompt: 'x'.repeat(1000) } }), 'context_exceeded'],
    ['a bad grammar', job({ grammar: 'root ::= "x"' }), 'invalid_format'],
    [
      'a model without a template',
      job({
        input: {
          kind: 'chat',
          messages: [{ role: 'user', content: 'x' }],
          tools: [],
          template: undefined,
          think: undefined,
          toolChoice: 'auto',
          parallelToolCalls: true,
          context: [],
          plain: undefined,
        },
      }),
      'template_failed',
    ],
  ])('says what is wrong with %s', async (_name, given, code) => {
    const { finished, events } = start('x', given);
    await finished;
    expect(events).toEqual([{ kind: 'failed', id: 1, code, message: expect.any(String) }]);
  });
});

describe('what is answered at once', () => {
  const answered = async (
    input: Job['input'],
    overrides: Partial<Job> = {},
  ): Promise<readonly JobEvent[]> => {
    const { finished, events } = start('', job({ input, ...overrides }));
    await finished;
    return events;
  };
  const embed = {
    kind: 'embed',
    inputs: ['one', [116, 119, 111]],
    truncate: true,
    normalize: false,
  } as const;

  test('embeddings of texts and tokens', async () => {
    expect(await answered({ ...embed, inputs: ['one', [116, 119, 111]] })).toMatchObject([
      {
        kind: 'embeddings',
        embeddings: [
          [3, 4, 3],
          [3, 4, 3],
        ],
      },
      { kind: 'done', usage: { promptTokens: 6 } },
    ]);
  });

  test('embeddings that are cut and scaled to length 1', async () => {
    expect(await answered({ ...embed, inputs: ['one'], dimensions: 2, normalize: true })).toMatchObject([
      { kind: 'embeddings', embeddings: [[0.6, 0.8]] },
      { kind: 'done' },
    ]);
  });

  test.each<[string, Partial<Extract<Job['input'], { kind: 'embed' }>>, string]>([
    ['more numbers than there are', { dimensions: 4 }, 'invalid_request'],
    ['an empty text', { inputs: [''] }, 'invalid_request'],
    ['a token that is none', { inputs: [[0x20000]] }, 'invalid_request'],
    ['a long text that must not be cut', { inputs: ['x'.repeat(1001)], truncate: false }, 'context_exceeded'],
  ])('embeddings with %s are refused', async (_name, input, code) => {
    expect(await answered({ ...embed, inputs: ['one'], ...input })).toMatchObject([{ kind: 'failed', code }]);
  });

  test('how well documents answer', async () => {
    const input = { kind: 'rerank', query: 'cat', documents: ['a dog', 'a cat'] } as const;
    expect(await answered({ ...input, documents: [...input.documents] })).toMatchObject([
      { kind: 'scores', scores: [-1, 1] },
      { kind: 'done' },
    ]);
  });

  test('the tokens of a text, and the text of tokens', async () => {
    expect(
      await answered({ kind: 'tokenize', text: 'ab', addSpecial: true, parseSpecial: true }),
    ).toMatchObject([{ kind: 'tokens', tokens: [97, 98] }, { kind: 'done' }]);
    expect(await answered({ kind: 'detokenize', tokens: [97, 98] })).toMatchObject([
      { kind: 'text', text: 'ab' },
      { kind: 'done' },
    ]);
  });

  test('the prompt that a conversation becomes', async () => {
    const events = await answered({
      kind: 'render',
      messages: [{ role: 'user', content: 'hi' }],
      tools: [],
      template: '{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}',
      think: undefined,
    });
    expect(events).toMatchObject([
      { kind: 'text', text: '<user>hi' },
      { kind: 'tokens', tokens: Array.from('<user>hi', (letter) => letter.charCodeAt(0)) },
      { kind: 'done' },
    ]);
  });
});

describe('a prompt that is too long', () => {
  test('loses its middle when it may', async () => {
    const { finished, events } = start(
      '',
      job({
        input: { kind: 'raw', prompt: `first${'x'.repeat(1000)}last` },
        truncate: true,
        keepOnShift: 5,
        wantsContext: true,
        sampling: { ...greedySampling, maxTokens: 1 },
      }),
    );
    await finished;
    const done = events.at(-1);
    const text = done?.kind === 'done' ? String.fromCharCode(...(done.context ?? [])) : '';
    expect(text.startsWith('firstx')).toBe(true);
    expect(text).toContain('xlast');
    expect(text.length).toBeLessThan(1000);
  });
});
