import type { Comparison } from './ollama-differences.ts';
import { oracleModels } from './ollama-oracle.ts';

const { chat: model, embed: embedModel, tools: toolModel } = oracleModels;
// What is left out has other defaults in other versions.
const greedy = { temperature: 0, repeat_penalty: 1 };
export const options = { ...greedy, num_predict: 4, seed: 1 };
export const messages = [{ role: 'user', content: 'Hi' }];

type Request = Pick<Comparison, 'path' | 'body'>;
export const generate = (fields: object): Request => ({
  path: '/api/generate',
  body: { model, prompt: 'Hi', options, stream: false, ...fields },
});
export const chat = (fields: object): Request => ({
  path: '/api/chat',
  body: { model, messages, options, stream: false, ...fields },
});
export const embed = (fields: object): Request => ({
  path: '/api/embed',
  body: { model: embedModel, input: 'Hi', ...fields },
});
export const embeddings = (fields: object): Request => ({
  path: '/api/embeddings',
  body: { model: embedModel, prompt: 'Hi', ...fields },
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
const weatherCall = { function: { name: 'get_weather', arguments: { city: 'Paris' } } };
const withTools = (fields: object): Request => ({
  path: '/api/chat',
  body: {
    model: toolModel,
    messages: [weatherQuestion],
    tools: [weather],
    options: greedy,
    stream: false,
    ...fields,
  },
});
const calledId = {
  onlyOurs: ['message.tool_calls[].id'],
  ourFacts: ['prompt_eval_count'],
  because: ['toolCallId', 'templateOfGguf'],
} as const;
const pooled = { ourFacts: ['vectors'], because: 'pooling' } as const;
const ownLicence = { onlyOurs: ['license'], because: 'licence' } as const;

/** Requests that succeed, in their order: the last ones unload the models. */
export const answered: readonly Comparison[] = [
  { name: 'version', path: '/api/version' },
  {
    name: 'tags',
    path: '/api/tags',
    onlyOurs: ['models[].capabilities'],
    because: 'otherVersion',
  },
  { name: 'show', path: '/api/show', body: { model }, ...ownLicence },
  {
    name: 'show by the old name, verbose',
    path: '/api/show',
    body: { name: model, verbose: true },
    ...ownLicence,
  },

  { name: 'generate', ...generate({}) },
  { name: 'generate as a stream', ...generate({ stream: true }) },
  { name: 'generate to the end', ...generate({ prompt: 'Hello!', options: greedy }) },
  { name: 'generate with a system message', ...generate({ system: 'You are a pirate.' }) },
  {
    name: 'generate with a stop sequence',
    ...generate({ prompt: 'Count to 5.', options: { ...greedy, stop: [', 4'] } }),
  },
  { name: 'generate that goes on from tokens', ...generate({ context: [1, 277, 204] }) },
  { name: 'generate that goes on from none', ...generate({ context: [] }) },
  { name: 'generate raw', ...generate({ raw: true }) },
  { name: 'generate raw as a stream', ...generate({ raw: true, stream: true }) },
  { name: 'generate with a Go template of the prompt', ...generate({ template: '{{ .Prompt }}' }) },
  {
    name: 'generate with a Go template of system and prompt',
    ...generate({ template: '{{ if .System }}{{ .System }}\n{{ end }}{{ .Prompt }}', system: 'Be kind.' }),
  },
  { name: 'generate with an unknown option', ...generate({ options: { ...options, odd: 1 } }) },
  { name: 'generate with mirostat', ...generate({ options: { ...options, mirostat: 1, mirostat_tau: 5 } }) },
  { name: 'generate with an option that is null', ...generate({ options: { ...options, top_p: null } }) },
  {
    name: 'generate with a seed that is no whole number',
    ...generate({ options: { ...options, seed: 1.5 } }),
  },
  {
    name: 'generate with options of loading',
    ...generate({ options: { ...options, num_gpu: 0, main_gpu: 0, use_mmap: true, num_thread: 1 } }),
  },
  {
    name: 'generate with options of sampling',
    ...generate({
      options: {
        ...options,
        num_keep: 2,
        typical_p: 0.9,
        top_k: 10,
        min_p: 0.01,
        repeat_last_n: 8,
        presence_penalty: 0,
        frequency_penalty: 0,
      },
    }),
  },
  {
    name: 'generate with null for what is left out',
    ...generate({ format: null, system: null, suffix: null }),
  },
  { name: 'generate without thinking', ...generate({ think: false }) },
  { name: 'generate with truncate and shift', ...generate({ truncate: true, shift: true }) },
  { name: 'generate with an empty format', ...generate({ format: '' }) },
  {
    name: 'generate with JSON',
    ...generate({
      prompt: 'Give {name, age} as JSON: Anna is 30 years old.',
      format: 'json',
      options: greedy,
    }),
  },
  {
    name: 'generate with a schema',
    ...generate({
      prompt: 'Give {name, age} as JSON: Anna is 30 years old.',
      format: {
        type: 'object',
        properties: { name: { type: 'string' }, age: { type: 'integer' } },
        required: ['name', 'age'],
      },
      options: greedy,
    }),
  },
  { name: 'generate with empty lists and null', ...generate({ images: [], context: null, options }) },
  { name: 'generate that unloads afterwards', ...generate({ keep_alive: 0 }) },
  {
    name: 'generate with log probabilities',
    ...generate({ logprobs: true, top_logprobs: 2 }),
    onlyOurs: ['logprobs[]'],
    because: 'otherVersion',
  },
  ...['5m', '1.5h', -1, 300, 1.5, '-1s'].map((keepAlive) => ({
    name: `generate with keep_alive ${JSON.stringify(keepAlive)}`,
    ...generate({ keep_alive: keepAlive }),
  })),
  { name: 'generate without a prompt', path: '/api/generate', body: { model } },
  {
    name: 'generate with an empty prompt and a system message',
    path: '/api/generate',
    body: { model, prompt: '', system: 's' },
  },

  { name: 'chat', ...chat({}) },
  { name: 'chat as a stream', ...chat({ stream: true }) },
  {
    name: 'chat to the end as a stream',
    ...chat({ stream: true, messages: [{ role: 'user', content: 'Hello!' }], options: greedy }),
  },
  {
    name: 'a longer chat',
    ...chat({
      messages: [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'My name is Anna.' },
        { role: 'assistant', content: 'Hello Anna!', thinking: 'A name.' },
        { role: 'user', content: 'What is my name?' },
      ],
    }),
  },
  {
    name: 'chat with JSON as a stream',
    ...chat({
      messages: [{ role: 'user', content: 'Give {name, age} as JSON: Anna is 30 years old.' }],
      format: 'json',
      options: greedy,
      stream: true,
    }),
  },
  {
    name: 'chat that ends with the assistant',
    ...chat({ messages: [...messages, { role: 'assistant', content: 'Hello!' }] }),
    ourFacts: ['text', 'prompt_eval_count'],
    because: 'prefill',
  },
  { name: 'chat with a system message only', ...chat({ messages: [{ role: 'system', content: 'x' }] }) },
  { name: 'chat with null for what is left out', ...chat({ tools: null, format: null, think: null }) },
  { name: 'chat with truncate and shift off', ...chat({ truncate: false, shift: false }) },
  { name: 'chat with a role in capitals', ...chat({ messages: [{ role: 'USER', content: 'Hi' }] }) },
  { name: 'chat with a message without content', ...chat({ messages: [{ role: 'user' }] }) },
  { name: 'chat with content that is null', ...chat({ messages: [{ role: 'user', content: null }] }) },
  { name: 'chat with an empty list of tools', ...chat({ tools: [] }) },
  {
    name: 'chat with fields nobody knows',
    ...chat({ odd: 1, messages: [{ role: 'user', content: 'Hi', odd: 1 }] }),
  },
  { name: 'chat without messages', path: '/api/chat', body: { model } },
  { name: 'a tool call', ...withTools({}), ...calledId },
  { name: 'a tool call in a stream', ...withTools({ stream: true }), ...calledId },
  {
    name: 'the result of a tool',
    ...withTools({
      messages: [
        weatherQuestion,
        { role: 'assistant', content: '', tool_calls: [weatherCall] },
        { role: 'tool', content: '{"temperature": 20, "sky": "sunny"}', tool_name: 'get_weather' },
      ],
    }),
    ourFacts: ['prompt_eval_count'],
    because: 'templateOfGguf',
  },
  {
    name: 'tools where Ollama was given a template without',
    ...chat({ tools: [weather] }),
    ourStatus: 200,
    because: 'templateOfGguf',
  },
  { name: 'a suffix', ...generate({ suffix: 'y' }), ourStatus: 200, because: 'fillGap' },

  { name: 'embed', ...embed({}) },
  { name: 'embed several texts', ...embed({ input: ['Hi', 'The capital of France is Paris.'] }), ...pooled },
  { name: 'embed with fewer dimensions', ...embed({ dimensions: 3 }) },
  {
    name: 'embed with more dimensions than there are',
    ...embed({ dimensions: 1000 }),
    ourStatus: 400,
    because: 'manyDimensions',
  },
  { name: 'embed with a negative number of dimensions', ...embed({ dimensions: -1 }) },
  {
    name: 'embed with everything',
    ...embed({ truncate: false, dimensions: 8, keep_alive: '5m', options: { num_ctx: 512 } }),
  },
  { name: 'embed an empty text', ...embed({ input: '' }) },
  { name: 'embed an empty list', ...embed({ input: [] }) },
  { name: 'embed null', ...embed({ input: null }) },
  { name: 'embed nothing', path: '/api/embed', body: { model: embedModel } },
  {
    name: 'embed a text that is cut',
    ...embed({ input: 'hello world '.repeat(2000) }),
    ourFacts: ['vectors', 'prompt_eval_count'],
    because: ['pooling', 'cutAt'],
  },
  { name: 'embeddings', ...embeddings({}) },
  { name: 'embeddings of an empty text', ...embeddings({ prompt: '' }) },
  { name: 'embeddings of nothing', path: '/api/embeddings', body: { model: embedModel } },

  { name: 'ps', path: '/api/ps', onlyOurs: ['models[].agent'], because: 'agentField' },
  { name: 'generate that unloads', path: '/api/generate', body: { model, keep_alive: 0 } },
  { name: 'chat that unloads', path: '/api/chat', body: { model, keep_alive: '0s', stream: true } },
  { name: 'embed that unloads', path: '/api/embed', body: { model: embedModel, keep_alive: 0 } },
  { name: 'embeddings that unload', path: '/api/embeddings', body: { model: embedModel, keep_alive: 0 } },
];
