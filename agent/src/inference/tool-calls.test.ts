import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ToolChoice, ToolDefinition } from '@ollamamax/api';
import { ask, chat, createTestEngine, tinyModel, type TestEngine } from './test-engine.fixture.ts';

/** The bundled model with templates of other families: grammars have it write what they write. */
const chatMl =
  '{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n';

const of = (marks: string): ReturnType<typeof tinyModel> =>
  tinyModel({ template: `${chatMl}{# ${marks} #}` });

const tools: readonly ToolDefinition[] = [
  {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: { city: { enum: ['Paris', 'Oslo'] }, days: { enum: [1, 2] } },
      required: ['city', 'days'],
    },
  },
  { name: 'now' },
];

const input = (toolChoice: ToolChoice, parallelToolCalls = true) => ({
  kind: 'chat' as const,
  messages: [{ role: 'user' as const, content: 'What is the weather in Paris?' }],
  tools: [...tools],
  toolChoice,
  parallelToolCalls,
});

let engine: TestEngine;
beforeAll(() => {
  engine = createTestEngine();
});
afterAll(() => engine.stop());

const families: readonly (readonly [string, string])[] = [
  ['hermes', '<tool_call>'],
  ['qwen-coder', '<tool_call><function=<parameter='],
  ['seed', '<seed:tool_call>'],
  ['glm', '<tool_call><arg_key>'],
  ['llama3', '<|python_tag|>'],
  ['mistral', '[TOOL_CALLS]'],
  ['mistral-named', '[TOOL_CALLS][ARGS]'],
  ['deepseek', '<｜tool▁calls▁begin｜>```json'],
  ['deepseek-named', '<｜tool▁calls▁begin｜>'],
  ['kimi', '<|tool_calls_section_begin|>'],
  ['command-r', '<|START_ACTION|>'],
  ['tool-call-mark', '<|tool_call|>'],
  ['function-tag', '<function='],
  ['harmony', '<|channel|><|message|>'],
];

describe.each(families)('calls of a model of the family %s', (_name, marks) => {
  test('are made where one is demanded, once where they are not parallel', async () => {
    const sampling = { temperature: 0, maxTokens: 300 };
    const named = await ask(engine, chat('', { input: input({ name: 'get_weather' }), sampling }), of(marks));
    expect(named).toMatchObject({
      text: '',
      reason: 'tool_calls',
      calls: [
        {
          name: 'get_weather',
          arguments: { city: expect.stringMatching(/^(Paris|Oslo)$/), days: expect.any(Number) },
        },
      ],
    });
    const required = await ask(engine, chat('', { input: input('required', false), sampling }), of(marks));
    expect(required).toMatchObject({ text: '', reason: 'tool_calls' });
    expect(required.calls).toHaveLength(1);
  });
});

describe('calls that a model may make', () => {
  test('are whole and of a tool there is, once it has begun one', async () => {
    // What the bundled model would call by the name it has learnt.
    const other: ToolDefinition = {
      name: 'fetch_sky',
      description: 'Get the current weather of a city',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    };
    const asked = chat('', { input: { ...input('auto'), tools: [other] }, sampling: { maxTokens: 200 } });
    const answer = await ask(engine, asked);
    expect(answer).toMatchObject({ text: '', reason: 'tool_calls' });
    expect(answer.calls.map(({ name }) => name)).toEqual(['fetch_sky']);
  });
});

describe('an answer without a call', () => {
  test.each([
    ['Send a fire emoji.', 0],
    ['Write a short story.', 1.1],
  ])('is the same where no grammar waits for a call: %s', async (content, temperature) => {
    const messages = [{ role: 'user' as const, content }];
    const asked = () =>
      chat('', {
        input: { ...input('auto'), messages },
        sampling: { temperature, seed: 3, maxTokens: 100 },
      });
    const free = await ask(engine, asked(), of('<|python_tag|>'));
    expect(free.text).not.toBe('');
    for (const marks of ['<tool_call>', '<tool_call> <think>', '[TOOL_CALLS]'])
      expect((await ask(engine, asked(), of(marks))).text).toBe(free.text);
  });
});

describe('answers behind thinking', () => {
  const tags = '<tool_call> <think>';

  test('that the prompt has begun are calls when one is demanded', async () => {
    const closing = await tokensOf('</think>');
    // The bundled model does not think: it is led to end what the prompt has begun, token by token.
    const sampling = {
      temperature: 0,
      maxTokens: 300,
      logitBias: Object.fromEntries(closing.map((token, index) => [token, 20 * (closing.length - index)])),
      frequencyPenalty: 500,
      repeatLastN: closing.length - 1,
    };
    const model = tinyModel({ template: `${chatMl}{# ${tags} #}<think>${'\n \t'.repeat(closing.length)}` });
    const answer = await ask(engine, chat('', { input: input({ name: 'get_weather' }), sampling }), model);
    expect(answer).toMatchObject({ text: '', reason: 'tool_calls', calls: [{ name: 'get_weather' }] });
    expect(answer.usage.thinkingTokens).toBe(closing.length);
  });

  test('come without it where the model does not think', async () => {
    const answer = await ask(engine, chat('', { input: input('required', false) }), of(tags));
    expect(answer).toMatchObject({ text: '', reason: 'tool_calls', usage: { thinkingTokens: 0 } });
    const format = { type: 'json' as const };
    const json = await ask(
      engine,
      chat('Give {name, age} as JSON: Anna is 30 years old.', { format }),
      of(tags),
    );
    expect(JSON.parse(json.text)).toEqual({ name: 'Anna', age: 30 });
  });

  test('come at once where thinking is off, though the template begins it', async () => {
    const model = tinyModel({ template: `${chatMl}{# ${tags} #}<think>` });
    const messages = [{ role: 'user' as const, content: 'Hello!' }];
    const answer = await ask(engine, chat('', { input: { kind: 'chat', messages, think: false } }), model);
    expect(answer.usage.thinkingTokens).toBeUndefined();
    expect(answer.usage.completionTokens).toBeGreaterThan(0);
  });

  const tokensOf = async (text: string): Promise<readonly number[]> => {
    const asked = chat('', { input: { kind: 'tokenize', text, addSpecial: false, parseSpecial: true } });
    for await (const event of engine.run(tinyModel(), asked, new AbortController().signal))
      if (event.type === 'tokens') return event.tokens;
    return [];
  };
});
