import { oracleModels } from './ollama-oracle.ts';
import type { OracleRequest } from './listed-differences.ts';

type Request = Pick<OracleRequest, 'path' | 'body'>;

const { chat: model, embed: embedModel, tools: toolModel } = oracleModels;
const messages = [{ role: 'user', content: 'Hello!' }];
const count = [{ role: 'user', content: 'Count to 5.' }];
const anna = [{ role: 'user', content: 'Give {name, age} as JSON: Anna is 30 years old.' }];
const long = 'hello world '.repeat(2000);

const chat = (fields: object): Request => ({
  path: '/v1/chat/completions',
  body: { model, messages, temperature: 0, ...fields },
});
const completion = (fields: object): Request => ({
  path: '/v1/completions',
  body: { model, prompt: 'Hello!', max_tokens: 4, temperature: 0, ...fields },
});
const embedding = (fields: object): Request => ({
  path: '/v1/embeddings',
  body: { model: embedModel, input: 'Hi', ...fields },
});
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Get the weather for a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const weatherQuestion = { role: 'user', content: 'What is the weather in Paris?' };
const withTools = (fields: object): Request =>
  chat({ model: toolModel, messages: [weatherQuestion], tools: [weather], ...fields });
const weatherCall = {
  id: 'call_1',
  type: 'function',
  function: { name: 'get_weather', arguments: '{"city":"Paris"}' },
};
const person = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'integer' } },
  required: ['name', 'age'],
};
const usage = { stream_options: { include_usage: true } };

export const openAiRequests: readonly OracleRequest[] = [
  { name: 'models', path: '/v1/models' },
  { name: 'one model', path: `/v1/models/${model}` },
  { name: 'one model with its tag', path: `/v1/models/${model}:latest` },
  { name: 'a model nobody knows', path: '/v1/models/nobody' },
  { name: 'POST of the models', path: '/v1/models', body: {} },

  { name: 'chat', ...chat({}) },
  { name: 'chat, as a stream', ...chat({ stream: true }) },
  { name: 'chat, as a stream with usage', ...chat({ stream: true, ...usage }) },
  {
    name: 'chat with a system message',
    ...chat({ messages: [{ role: 'system', content: 'You are a pirate.' }, ...messages] }),
  },
  { name: 'chat with a name in capitals', ...chat({ model: model.toUpperCase() }) },
  { name: 'chat with a tag', ...chat({ model: `${model}:latest` }) },
  {
    name: 'chat with content in parts',
    ...chat({ messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello!' }] }] }),
  },
  { name: 'chat with max_tokens', ...chat({ max_tokens: 2 }) },
  { name: 'chat with max_tokens, as a stream', ...chat({ max_tokens: 2, stream: true }) },
  { name: 'chat with a stop sequence', ...chat({ messages: count, stop: ', 4' }) },
  { name: 'chat with stop sequences', ...chat({ messages: count, stop: ['nothing', ' 3'] }) },
  { name: 'chat with a seed', ...chat({ seed: 7 }) },
  { name: 'chat with penalties of nothing', ...chat({ presence_penalty: 0, frequency_penalty: 0 }) },
  { name: 'chat with top_p', ...chat({ top_p: 0.5 }) },
  { name: 'chat with fields nobody knows', ...chat({ odd: 1, user: 'anna' }) },
  {
    name: 'chat with null for what is left out',
    ...chat({ tools: null, seed: null, response_format: null, stop: null }),
  },
  { name: 'chat with text as format', ...chat({ response_format: { type: 'text' } }) },
  { name: 'chat with JSON as format', ...chat({ messages: anna, response_format: { type: 'json_object' } }) },
  {
    name: 'chat with a schema',
    ...chat({
      messages: anna,
      response_format: { type: 'json_schema', json_schema: { name: 'person', schema: person } },
    }),
  },
  { name: 'chat with log probabilities', ...chat({ logprobs: true, top_logprobs: 2 }) },
  { name: 'chat with two answers', ...chat({ n: 2 }) },
  { name: 'chat with a bias', ...chat({ logit_bias: { 826: -100 }, max_tokens: 2 }) },
  { name: 'a tool call', ...withTools({}) },
  { name: 'a tool call, as a stream', ...withTools({ stream: true }) },
  { name: 'tools that may not be called', ...withTools({ tool_choice: 'none', max_tokens: 8 }) },
  {
    name: 'the result of a tool',
    ...withTools({
      messages: [
        weatherQuestion,
        { role: 'assistant', content: '', tool_calls: [weatherCall] },
        { role: 'tool', tool_call_id: 'call_1', content: '{"temperature": 20, "sky": "sunny"}' },
      ],
    }),
  },
  { name: 'chat with effort', ...chat({ reasoning_effort: 'high' }) },
  { name: 'chat with no effort', ...chat({ reasoning_effort: 'none' }) },
  { name: 'chat with an effort nobody knows', ...chat({ reasoning_effort: 'odd' }) },

  { name: 'completion', ...completion({}) },
  { name: 'completion, as a stream', ...completion({ stream: true }) },
  { name: 'completion, as a stream with usage', ...completion({ stream: true, ...usage }) },
  { name: 'completion with a suffix', ...completion({ suffix: 'x' }) },
  { name: 'completion with a stop sequence', ...completion({ stop: 'can' }) },
  { name: 'completion of a list', ...completion({ prompt: ['Hello!'] }) },
  { name: 'completion of a number', ...completion({ prompt: 7 }) },
  { name: 'completion of nothing', path: '/v1/completions', body: { model, max_tokens: 4 } },

  { name: 'embedding', ...embedding({}) },
  { name: 'embedding of a list', ...embedding({ input: ['Hi'] }) },
  { name: 'embeddings', ...embedding({ input: ['Hi', 'Hello'] }) },
  { name: 'embedding in base64', ...embedding({ encoding_format: 'base64' }) },
  { name: 'embedding with fewer dimensions', ...embedding({ dimensions: 8 }) },
  { name: 'embedding of an empty text', ...embedding({ input: '' }) },
  { name: 'embedding of no texts', ...embedding({ input: [] }) },
  { name: 'embedding of nothing', path: '/v1/embeddings', body: { model: embedModel } },
  { name: 'embedding of a number', ...embedding({ input: 7 }) },
  { name: 'embedding of tokens', ...embedding({ input: [5, 6] }) },

  ...['/v1/chat/completions', '/v1/completions', '/v1/embeddings'].flatMap((path): OracleRequest[] => [
    { name: `no JSON to ${path}`, path, body: '{' },
    { name: `a list to ${path}`, path, body: '[]' },
    { name: `an empty object to ${path}`, path, body: {} },
    { name: `GET of ${path}`, path, method: 'GET' },
    {
      name: `a model nobody knows to ${path}`,
      path,
      body: { model: 'nobody', messages, prompt: 'x', input: 'x' },
    },
    { name: `a bad name to ${path}`, path, body: { model: 'a/b/c/d', messages, prompt: 'x', input: 'x' } },
  ]),
  { name: 'an empty list of messages', ...chat({ messages: [] }) },
  { name: 'messages of the wrong type', ...chat({ messages: 'x' }) },
  { name: 'content of the wrong type', ...chat({ messages: [{ role: 'user', content: 7 }] }) },
  {
    name: 'content of an unknown kind',
    ...chat({ messages: [{ role: 'user', content: [{ type: 'odd' }] }] }),
  },
  {
    name: 'an image by its address',
    ...chat({
      messages: [
        { role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://127.0.0.1/a.png' } }] },
      ],
    }),
  },
  {
    name: 'an image that is none',
    ...chat({
      messages: [
        { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,@@' } }] },
      ],
    }),
  },
  { name: 'max_tokens of the wrong type', ...chat({ max_tokens: 'x' }) },
  { name: 'temperature of the wrong type', ...chat({ temperature: 'hot' }) },
  { name: 'temperature above its bounds', ...chat({ temperature: 3 }) },
  { name: 'stop of the wrong type', ...chat({ stop: 7 }) },
  { name: 'an unknown format', ...chat({ response_format: { type: 'xml' } }) },
  { name: 'a schema format without a schema', ...chat({ response_format: { type: 'json_schema' } }) },
  {
    name: 'a chat that is too long',
    ...chat({ messages: [{ role: 'user', content: long }], max_tokens: 4 }),
  },
  { name: 'chat with a model of embeddings', ...chat({ model: embedModel }) },
  { name: 'completion with a model of embeddings', ...completion({ model: embedModel }) },
  { name: 'embedding with a chat model', path: '/v1/embeddings', body: { model, input: 'Hi' } },
];
