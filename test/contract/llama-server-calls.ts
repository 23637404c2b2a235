import type { OracleRequest } from './listed-differences.ts';

export type LlamaServerRequest = OracleRequest & {
  /** Which of the two llama-servers is asked: one serves a single model. */
  readonly model?: 'embed';
};
type Request = Pick<LlamaServerRequest, 'path' | 'body' | 'ours' | 'model'>;

/** Names of the models that both have. */
export const llamaServerModels = { chat: 'chat', embed: 'embed' } as const;
const { chat: model, embed: embedModel } = llamaServerModels;

export const greedy = { temperature: 0 };
export const messages = [{ role: 'user', content: 'Hello!' }];
export const count = [{ role: 'user', content: 'Count to 5.' }];
export const anna = [{ role: 'user', content: 'Give {name, age} as JSON: Anna is 30 years old.' }];
export const long = 'hello world '.repeat(2000);

export const chat = (fields: object): Request => ({
  path: '/v1/chat/completions',
  body: { model, messages, ...greedy, ...fields },
});
export const completion = (fields: object): Request => ({
  path: '/v1/completions',
  body: { model, prompt: 'The capital of France', max_tokens: 6, ...greedy, ...fields },
});
export const embedding = (fields: object): Request => ({
  path: '/v1/embeddings',
  body: { model: embedModel, input: 'Hi', ...fields },
  model: 'embed',
});
export const responses = (fields: object): Request => ({
  path: '/v1/responses',
  body: { model, input: 'Hello!', ...greedy, ...fields },
});
export const anthropic = (fields: object): Request => ({
  path: '/v1/messages',
  body: { model, messages, max_tokens: 32, ...greedy, ...fields },
});
export const countTokens = (fields: object): Request => ({
  path: '/v1/messages/count_tokens',
  body: { model, messages, ...fields },
});
export const tokenize = (text: string): Request => ({
  path: '/tokenize',
  body: { content: text },
  ours: { path: '/api/v1/tokenize', body: { model, text } },
});
export const detokenize = (tokens: readonly number[]): Request => ({
  path: '/detokenize',
  body: { tokens },
  ours: { path: '/api/v1/detokenize', body: { model, tokens } },
});
export const applyTemplate = (fields: object, ours: object = fields): Request => ({
  path: '/apply-template',
  body: { messages, ...fields },
  ours: { path: '/api/v1/apply-template', body: { model, messages, ...ours } },
});

export const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
export const weather = {
  type: 'function',
  function: { name: 'get_weather', description: 'Get the weather for a city.', parameters },
};
export const weatherQuestion = { role: 'user', content: 'What is the weather in Paris?' };
export const weatherCall = {
  id: 'call_1',
  type: 'function',
  function: { name: 'get_weather', arguments: '{"city":"Paris"}' },
};
export const weatherAnswer = {
  role: 'tool',
  tool_call_id: 'call_1',
  content: '{"temperature": 20, "sky": "sunny"}',
};
export const withTools = (fields: object): Request =>
  chat({ messages: [weatherQuestion], tools: [weather], ...fields });
export const person = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'integer' } },
  required: ['name', 'age'],
  additionalProperties: false,
};
export const schemaFormat = (schema: object): object => ({
  type: 'json_schema',
  json_schema: { name: 'person', strict: true, schema },
});
export const usage = { stream_options: { include_usage: true } };
