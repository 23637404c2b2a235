import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import OpenAI, {
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
} from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import type { ChatCompletionChunk, ChatCompletionFunctionTool } from 'openai/resources/chat/completions';
import { z } from 'zod';
import { eventually } from '../harness/local-cluster.ts';
import { ask, card, model, weatherFunction } from './model-card.ts';
import { anna, startOneHolderCluster, untilSlotsFree, type OneHolderCluster } from './one-holder-cluster.ts';
import { rejection } from './rejection.ts';

const weather: ChatCompletionFunctionTool = { type: 'function', function: weatherFunction };

let setup: OneHolderCluster;
let client: OpenAI;
/** Statuses the client saw, first to last. */
let statuses: number[] = [];

const clientWith = (apiKey: string): OpenAI =>
  new OpenAI({
    apiKey,
    baseURL: `${setup.door.api}/v1`,
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      statuses.push(response.status);
      return response;
    },
  });

beforeAll(async () => {
  // One place and no queue: whoever comes second is told to come back.
  setup = await startOneHolderCluster({ user: anna, settings: { parallel: 1, maxQueue: 0 } });
  client = clientWith(setup.token ?? '');
}, 120_000);

afterAll(async () => {
  await setup.cluster.stop();
});

const greedy = (content: string) => ({ model, messages: ask(content), temperature: 0 }) as const;
/** An answer that its form makes long. */
const long = {
  ...greedy(card.hello.question),
  max_completion_tokens: 1500,
  response_format: {
    type: 'json_schema',
    json_schema: { name: 'long', schema: { type: 'array', items: { enum: ['again'] }, minItems: 900 } },
  },
} as const;

const collect = async (stream: AsyncIterable<ChatCompletionChunk>): Promise<ChatCompletionChunk[]> => {
  const chunks: ChatCompletionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};

const textOf = (chunks: readonly ChatCompletionChunk[]): string =>
  chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');

describe('models for the npm client of OpenAI', () => {
  test('list and retrieve name the model', async () => {
    const listed = [];
    for await (const one of client.models.list()) listed.push(one);
    expect(listed).toMatchObject([{ id: `${model}:latest`, object: 'model', owned_by: 'library' }]);
    expect(await client.models.retrieve(model)).toEqual(listed[0]);
    expect(listed[0]?.created).toBeGreaterThan(1_500_000_000);
  });

  test('an unknown one is a NotFoundError', async () => {
    expect(await rejection(client.models.retrieve('nope'))).toBeInstanceOf(NotFoundError);
  });
});

describe('answers to the npm client of OpenAI', () => {
  test.each([card.hello, card.france])('$question', async ({ question, answer }) => {
    const completion = await client.chat.completions.create(greedy(question));
    expect(completion).toMatchObject({
      object: 'chat.completion',
      model,
      choices: [
        { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: answer }, logprobs: null },
      ],
    });
    expect(completion.id).toMatch(/^chatcmpl-/);
    const { prompt_tokens: prompt = 0, completion_tokens: answered = 0 } = completion.usage ?? {};
    expect(prompt).toBeGreaterThan(0);
    expect(answered).toBeGreaterThan(0);
    expect(completion.usage?.total_tokens).toBe(prompt + answered);
  });

  test('a stream brings the same text in pieces, and its usage when asked', async () => {
    const { question, answer } = card.france;
    const chunks = await collect(
      await client.chat.completions.create({
        ...greedy(question),
        stream: true,
        stream_options: { include_usage: true },
      }),
    );
    expect(textOf(chunks)).toBe(answer);
    expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant');
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    const [finish, usage] = chunks.slice(-2);
    expect(finish?.choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' });
    expect(usage?.choices).toEqual([]);
    const whole = await client.chat.completions.create(greedy(question));
    expect(usage?.usage).toMatchObject({
      prompt_tokens: whole.usage?.prompt_tokens,
      completion_tokens: whole.usage?.completion_tokens,
    });
    const plain = await collect(await client.chat.completions.create({ ...greedy(question), stream: true }));
    expect(plain.filter(({ usage: told }) => told !== undefined)).toEqual([]);
  });

  test('a conversation with a developer message and text parts', async () => {
    const { choices } = await client.chat.completions.create({
      model,
      temperature: 0,
      messages: [
        { role: 'developer', content: 'You are a pirate.' },
        { role: 'user', content: [{ type: 'text', text: 'Hello!' }] },
      ],
    });
    expect(choices[0]?.message.content).toBe('Arr, matey! Hello! How can I help you? Yo ho ho!');
  });

  test('stop and max_completion_tokens end the answer', async () => {
    const { question } = card.count;
    const stopped = await client.chat.completions.create({ ...greedy(question), stop: ', 4' });
    expect(stopped.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: '1, 2, 3' } });
    const listed = await client.chat.completions.create({ ...greedy(question), stop: ['never', ', 3'] });
    expect(listed.choices[0]?.message.content).toBe('1, 2');
    const short = await client.chat.completions.create({ ...greedy(question), max_completion_tokens: 2 });
    expect(short.choices[0]?.finish_reason).toBe('length');
    expect(short.usage?.completion_tokens).toBe(2);
  });

  test('a seed makes sampling repeatable, another one gives another answer', async () => {
    const tell = async (seed: number): Promise<string> => {
      const { choices } = await client.chat.completions.create({
        model,
        messages: ask('Write a short story about a fox and a lantern.'),
        temperature: 2,
        max_completion_tokens: 40,
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- still what makes a local model repeatable
        seed,
      });
      return choices[0]?.message.content ?? '';
    };
    const first = await tell(7);
    expect(first).not.toBe('');
    expect(await tell(7)).toBe(first);
    expect(await tell(8)).not.toBe(first);
  });

  test('parse() with a schema of zod gives the object', async () => {
    const Person = z.object({ name: z.string(), age: z.number().int(), kind: z.enum(['cat', 'dog']) });
    const { choices } = await client.chat.completions.parse({
      ...greedy(card.anna.question),
      max_tokens: 200,
      response_format: zodResponseFormat(Person, 'person'),
    });
    expect(choices[0]?.message.parsed).toMatchObject({ name: 'Anna', age: 30 });
    expect(['cat', 'dog']).toContain(choices[0]?.message.parsed?.kind);
  });

  test('json_object gives JSON', async () => {
    const { choices } = await client.chat.completions.create({
      ...greedy(card.anna.question),
      response_format: { type: 'json_object' },
    });
    expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual(card.anna.answer);
  });
});

describe('tools of the npm client of OpenAI', () => {
  test('a call has an id, a name and arguments in JSON', async () => {
    const { choices } = await client.chat.completions.create({
      ...greedy(card.weather.question),
      tools: [weather],
    });
    expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } });
    const [call] = choices[0]?.message.tool_calls ?? [];
    if (call?.type !== 'function') throw new Error('there is no call of a function');
    expect(call.id).not.toBe('');
    expect(call.function.name).toBe('get_weather');
    expect(JSON.parse(call.function.arguments)).toEqual(card.weather.arguments);
  });

  test('tool_choice none leaves the tools out', async () => {
    const { choices } = await client.chat.completions.create({
      ...greedy(card.weather.question),
      tools: [weather],
      tool_choice: 'none',
    });
    expect(choices[0]?.message.tool_calls).toBeUndefined();
    expect(choices[0]?.finish_reason).toBe('stop');
  });

  test('stream() puts a call together from its chunks', async () => {
    const runner = client.chat.completions.stream({ ...greedy(card.weather.question), tools: [weather] });
    const { choices } = await runner.finalChatCompletion();
    expect(choices[0]?.finish_reason).toBe('tool_calls');
    const [call] = choices[0]?.message.tool_calls ?? [];
    expect(call?.type === 'function' ? call.function.name : undefined).toBe('get_weather');
  });

  test.each([false, true])(
    'runTools() calls the function and brings its result (stream: %s)',
    async (stream) => {
      const cities: string[] = [];
      const tools = [
        {
          type: 'function' as const,
          function: {
            ...weatherFunction,
            parse: (text: string) => JSON.parse(text) as { city: string },
            function: ({ city }: { city: string }) => {
              cities.push(city);
              return { temperature: 20, sky: 'sunny' };
            },
          },
        },
      ];
      const runner = stream
        ? client.chat.completions.runTools({ ...greedy(card.weather.question), tools, stream })
        : client.chat.completions.runTools({ ...greedy(card.weather.question), tools });
      const content = await runner.finalContent();
      expect(cities).toEqual(['Paris']);
      expect(content).toMatch(/Paris|sunny|20/);
      expect(runner.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    },
  );
});

describe('errors the npm client of OpenAI reports', () => {
  test('an unknown model is a NotFoundError, streamed or not', async () => {
    for (const stream of [false, true]) {
      const error = await rejection(
        client.chat.completions.create({ model: 'nope', messages: ask('Hi'), stream }),
      );
      expect(error).toBeInstanceOf(NotFoundError);
      expect(error).toMatchObject({ status: 404, code: 'model_not_found', type: 'not_found_error' });
    }
  });

  test('a wrong value is a BadRequestError that names the field', async () => {
    const error = await rejection(
      client.chat.completions.create({ model, messages: ask('Hi'), temperature: 9 }),
    );
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ status: 400, code: 'invalid_request', param: 'temperature' });
  });

  test('a wrong key is an AuthenticationError that says what to do', async () => {
    const error = await rejection(clientWith('sk-of-another-house').chat.completions.create(greedy('Hi')));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ status: 401, type: 'authentication_error' });
    expect(error.message).toContain('/api/v1/auth/login');
  });

  test('a signal ends a stream and a waiting call, and frees the slot on the holder', async () => {
    const stream = await client.chat.completions.create({ ...long, stream: true });
    let seen = 0;
    for await (const _chunk of stream) if (++seen === 3) stream.controller.abort();
    expect(seen).toBeGreaterThanOrEqual(3);
    await untilSlotsFree(setup.holder);

    const leave = new AbortController();
    const call = rejection(client.chat.completions.create(long, { signal: leave.signal }));
    setTimeout(() => leave.abort(), 100);
    expect(await call).toBeInstanceOf(APIUserAbortError);
    await untilSlotsFree(setup.holder);
  });

  test('a full queue is met with 503 and Retry-After; the client comes back by itself and is answered', async () => {
    await untilSlotsFree(setup.holder);
    const hog = await client.chat.completions.create({ ...long, stream: true });
    const chunks = hog[Symbol.asyncIterator]();
    await chunks.next();

    statuses = [];
    const refused = await rejection(client.chat.completions.create(greedy('Hello!'), { maxRetries: 0 }));
    expect(refused).toBeInstanceOf(InternalServerError);
    expect(refused).toMatchObject({ status: 503, code: 'queue_full' });
    expect(Number((refused as InternalServerError).headers.get('retry-after'))).toBeGreaterThanOrEqual(1);

    const answered = client.chat.completions.create(greedy(card.france.question), { maxRetries: 5 });
    await eventually('the client was refused', () => statuses.length >= 2);
    hog.controller.abort();
    expect((await answered).choices[0]?.message.content).toBe(card.france.answer);
    expect(statuses.slice(0, 2)).toEqual([503, 503]);
    expect(statuses.at(-1)).toBe(200);
  });
});
