import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import OpenAI, { BadRequestError } from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import type { InferenceEvent } from '@ollamamax/api';
import {
  done,
  startInferenceApi,
  token,
  usageOf,
  type InferenceApi,
} from '../../agent/src/http/inference-api.fixture.ts';

let api: InferenceApi;
let client: OpenAI;

beforeAll(async () => {
  api = await startInferenceApi();
  client = new OpenAI({ apiKey: token, baseURL: `${api.url}/v1`, maxRetries: 0 });
});
afterAll(() => api.stop());

const probability = { token: 1, text: 'It ', bytes: [73, 116, 32], logprob: -0.25 };
const everything: readonly InferenceEvent[] = [
  { type: 'thinking', text: 'Let me see.' },
  { type: 'text', text: 'It ', logprobs: [{ ...probability, top: [probability] }] },
  { type: 'text', text: 'rains.' },
  { type: 'tool_calls', calls: [{ id: 't1', name: 'get_weather', arguments: { city: 'Paris' } }] },
  done('tool_calls', usageOf(12, 9, 2)),
];
beforeEach(() => api.play(everything));

const weather: OpenAI.Responses.FunctionTool = {
  type: 'function',
  name: 'get_weather',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
  strict: true,
};
const body = { model: 'm', input: 'How is the weather in Paris?', tools: [weather] };

describe('responses for the npm client of OpenAI', () => {
  test('come whole', async () => {
    const response = await client.responses.create(body);
    expect(response).toMatchObject({
      status: 'completed',
      output_text: 'It rains.',
      output: [{ type: 'reasoning' }, { type: 'message' }, { type: 'function_call', call_id: 't1' }],
      usage: { input_tokens: 12, output_tokens: 9, total_tokens: 21 },
    });
  });

  test('come in events that the client puts together to the same', async () => {
    const whole = await client.responses.create(body, { headers: { 'x-request-id': 'r' } });
    const stream = client.responses.stream(body, { headers: { 'x-request-id': 'r' } });
    const texts: string[] = [];
    stream.on('response.output_text.delta', ({ delta }) => texts.push(delta));
    const { output, output_text: text } = await stream.finalResponse();
    expect(texts).toEqual(['It ', 'rains.']);
    expect(text).toBe('It rains.');
    expect(output).toMatchObject(whole.output);
  });

  test('go on with what a tool has answered', async () => {
    const { output } = await client.responses.create(body);
    await client.responses.create({
      ...body,
      store: false,
      input: [
        { role: 'user', content: body.input },
        // Under exactOptionalPropertyTypes the client's own types do not fit each other.
        ...(output as OpenAI.Responses.ResponseInputItem[]),
        { type: 'function_call_output', call_id: 't1', output: 'rain' },
      ],
    });
    const input = api.requests.at(-1)?.input;
    expect(input?.kind === 'chat' ? input.messages.slice(1) : input).toEqual([
      {
        role: 'assistant',
        content: 'It rains.',
        thinking: 'Let me see.',
        toolCalls: [{ id: 't1', name: 'get_weather', arguments: { city: 'Paris' } }],
      },
      { role: 'tool', content: 'rain', toolCallId: 't1', toolName: 'get_weather' },
    ]);
  });

  test('are parsed by a schema', async () => {
    api.play([{ type: 'text', text: '{"name":"Anna"}' }, done()]);
    const format = zodTextFormat(z.object({ name: z.string() }), 'person');
    const { output_parsed: parsed } = await client.responses.parse({ ...body, text: { format } });
    expect(parsed).toEqual({ name: 'Anna' });
    expect(api.requests[0]?.format).toMatchObject({ type: 'json_schema', schema: { type: 'object' } });
  });

  test('have no memory, and say so', async () => {
    const error = await client.responses.create({ ...body, previous_response_id: 'resp_1' }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ param: 'previous_response_id' });
  });

  test('report an error in the middle of a stream', async () => {
    api.play([
      { type: 'text', text: 'It ' },
      { type: 'error', error: { code: 'runner_crashed', message: 'The runner crashed.' } },
    ]);
    await expect(client.responses.stream(body).finalResponse()).rejects.toThrow('The runner crashed.');
  });
});

describe('older routes for the npm client of OpenAI', () => {
  test('completions, whole and in pieces', async () => {
    const { choices, usage } = await client.completions.create({
      model: 'm',
      prompt: ['a', 'b'],
      logprobs: 1,
    });
    expect(choices).toMatchObject([
      { index: 0, text: 'It rains.', logprobs: { tokens: ['It '], token_logprobs: [-0.25] } },
      { index: 1, text: 'It rains.' },
    ]);
    expect(usage).toMatchObject({ prompt_tokens: 24, completion_tokens: 18 });
    let text = '';
    for await (const chunk of await client.completions.create({ model: 'm', prompt: 'a', stream: true }))
      text += chunk.choices[0]?.text ?? '';
    expect(text).toBe('It rains.');
  });

  test('embeddings, which the client asks for in base64', async () => {
    api.play([{ type: 'embeddings', embeddings: [[0.5, -2]] }, done('stop', usageOf(3, 0))]);
    const { data, usage } = await client.embeddings.create({ model: 'm', input: 'Hi' });
    expect(data).toMatchObject([{ index: 0, embedding: [0.5, -2] }]);
    expect(usage).toEqual({ prompt_tokens: 3, total_tokens: 3 });
    const plain = await client.embeddings.create({ model: 'm', input: 'Hi', encoding_format: 'float' });
    expect(plain.data).toEqual(data);
  });
});

test('chat completions with log probabilities and several answers', async () => {
  const { choices } = await client.chat.completions.create({
    model: 'm',
    messages: [{ role: 'user', content: 'Hi' }],
    n: 2,
    logprobs: true,
    top_logprobs: 1,
  });
  expect(choices).toHaveLength(2);
  expect(choices[1]).toMatchObject({
    index: 1,
    logprobs: { content: [{ token: 'It ', logprob: -0.25, top_logprobs: [{ token: 'It ' }] }] },
  });
});
