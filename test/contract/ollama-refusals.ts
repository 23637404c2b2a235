import { chat, embed, embeddings, generate, messages, options } from './ollama-comparisons.ts';
import type { Comparison, Difference } from './ollama-differences.ts';
import { oracleModels } from './ollama-oracle.ts';

const { chat: model, embed: embedModel } = oracleModels;
const long = 'hello world '.repeat(2000);
const ourWords = { ourWords: true, because: 'fieldWords' } as const;
const bodyWords = { ourWords: true, because: 'bodyWords' } as const;
const bad = (because: Difference) => ({ ourStatus: 400, because }) as const;

const routes = ['/api/chat', '/api/generate', '/api/embed', '/api/embeddings', '/api/show'];
const notRequired = new Set(['/api/generate', '/api/embed']);
const unknownModel = { prompt: 'x', input: 'x', messages };

/** Requests that are refused by one of the two at least. */
export const refused: readonly Comparison[] = [
  ...routes.flatMap((path): Comparison[] => [
    { name: `no JSON to ${path}`, path, body: '{', ...bodyWords },
    { name: `a list to ${path}`, path, body: '[]', ...ourWords },
    { name: `no body to ${path}`, path, body: '' },
    { name: `a model nobody knows to ${path}`, path, body: { model: 'Nobody', ...unknownModel } },
    { name: `a tag nobody knows to ${path}`, path, body: { model: `${model}:odd`, ...unknownModel } },
    { name: `a number as model to ${path}`, path, body: { model: 7 }, ...ourWords },
    {
      name: `no model to ${path}`,
      path,
      body: {},
      ...(notRequired.has(path) ? bad('modelRequired') : ourWords),
    },
    {
      name: `a bad model name to ${path}`,
      path,
      body: { model: 'a/b/c/d', ...unknownModel },
      ...(path === '/api/chat' || path === '/api/embeddings'
        ? ({ ourWords: true, because: 'modelName' } as const)
        : bad('modelName')),
    },
  ]),
  {
    name: 'a model name in capitals',
    ...chat({ model: model.toUpperCase() }),
    ourStatus: 200,
    because: 'nameCase',
  },

  { name: 'messages of the wrong type', ...chat({ messages: 'x' }), ...ourWords },
  { name: 'a message of the wrong type', ...chat({ messages: [7] }), ...ourWords },
  { name: 'a message that is null', ...chat({ messages: [null] }), ...bad('nullMessage') },
  { name: 'content of the wrong type', ...chat({ messages: [{ role: 'user', content: 7 }] }), ...ourWords },
  { name: 'an unknown role', ...chat({ messages: [{ role: 'nobody', content: 'x' }] }), ...bad('roles') },
  { name: 'no role', ...chat({ messages: [{ content: 'x' }] }), ...bad('roles') },
  { name: 'tools of the wrong type', ...chat({ tools: 7 }), ...ourWords },
  {
    name: 'arguments as text',
    ...chat({
      messages: [{ role: 'assistant', tool_calls: [{ function: { name: 'a', arguments: '{}' } }] }],
    }),
    ...ourWords,
  },
  { name: 'a prompt of the wrong type', ...generate({ prompt: 7 }), ...ourWords },
  { name: 'a context of the wrong type', ...generate({ context: ['a'] }), ...ourWords },
  { name: 'raw of the wrong type', ...generate({ raw: 'yes' }), ...ourWords },
  { name: 'stream of the wrong type', ...generate({ stream: 'yes' }), ...ourWords },

  { name: 'options of the wrong type', ...generate({ options: 7 }), ...ourWords },
  ...[
    { temperature: 'hot' },
    { num_ctx: 'x' },
    { top_k: true },
    { use_mmap: 3 },
    { stop: 'x' },
    { stop: [1] },
  ].map((wrong) => ({
    name: `an option of the wrong type, ${JSON.stringify(wrong)}`,
    ...generate({ options: wrong }),
    ...bad('optionStatus'),
  })),
  ...[{ top_p: 7 }, { num_ctx: 0 }, { repeat_penalty: 0 }].map((wrong) => ({
    name: `an option out of its bounds, ${JSON.stringify(wrong)}`,
    ...generate({ options: { ...options, ...wrong } }),
    ...bad('optionBounds'),
  })),

  { name: 'an unknown format', ...generate({ format: 'xml' }), ...bad('formatStatus') },
  { name: 'a format of the wrong type', ...generate({ format: 7 }), ...bad('formatStatus') },
  {
    name: 'a schema that is none',
    ...generate({ format: { type: 'object', properties: { a: { type: 'foo' } } } }),
    ...bad('formatStatus'),
  },

  { name: 'thinking', ...generate({ think: true }) },
  { name: 'thinking in a chat', ...chat({ think: true }) },
  { name: 'much thinking in a chat', ...chat({ think: 'high' }) },
  { name: 'much thinking', ...generate({ think: 'high' }), ourWords: true, because: 'otherVersion' },
  { name: 'most thinking', ...chat({ think: 'max' }), ourWords: true, because: 'otherVersion' },
  {
    name: 'an unknown way of thinking',
    ...generate({ think: 'odd' }),
    ourWords: true,
    because: 'otherVersion',
  },
  { name: 'a number as thinking', ...generate({ think: 7 }), ...ourWords },
  {
    name: 'more log probabilities than there may be',
    ...generate({ top_logprobs: 21 }),
    ...bad('otherVersion'),
  },

  { name: 'a keep_alive that is no duration', ...generate({ keep_alive: 'soon' }) },
  { name: 'an empty keep_alive', ...chat({ keep_alive: '' }) },
  { name: 'a keep_alive that is true', ...generate({ keep_alive: true }), ...ourWords },
  {
    name: 'a keep_alive without unit',
    ...generate({ keep_alive: '60' }),
    ourStatus: 200,
    because: 'plainKeepAlive',
  },

  { name: 'raw with a system message', ...generate({ raw: true, system: 's' }) },
  { name: 'raw with a template', ...generate({ raw: true, template: 't' }) },
  { name: 'raw with tokens', ...generate({ raw: true, context: [1] }) },
  { name: 'a Go template that is broken', ...generate({ template: '{{ .Prompt ' }), ...bad('goTemplate') },
  {
    name: 'a Go template of messages',
    ...generate({ template: '{{ range .Messages }}{{ .Content }}{{ end }}' }),
    ...bad('goTemplate'),
  },
  { name: 'a prompt that is too long', ...generate({ prompt: long, truncate: false }) },
  {
    name: 'a chat that is too long',
    ...chat({ messages: [{ role: 'user', content: long }], truncate: false }),
  },
  {
    name: 'an image for a model that sees none',
    ...chat({ messages: [{ role: 'user', content: 'x', images: ['aGk='] }] }),
    ...bad('images'),
  },
  { name: 'an image in a prompt', ...generate({ images: ['aGk='] }), ...bad('images') },

  { name: 'a prompt for a model of embeddings', ...generate({ model: embedModel }) },
  { name: 'a chat with a model of embeddings', ...chat({ model: embedModel }) },
  { name: 'embed a number', ...embed({ input: 7 }), ...ourWords },
  { name: 'embed a list of numbers', ...embed({ input: [7] }) },
  { name: 'embed with dimensions that are no whole number', ...embed({ dimensions: 1.5 }), ...ourWords },
  { name: 'embed with truncate of the wrong type', ...embed({ truncate: 'y' }), ...ourWords },
  {
    name: 'embed with an option of the wrong type',
    ...embed({ options: { num_ctx: 'y' } }),
    ...bad('optionStatus'),
  },
  { name: 'embed a text that is too long', ...embed({ input: long, truncate: false }) },
  { name: 'embeddings of a number', ...embeddings({ prompt: 7 }), ...ourWords },
  { name: 'embeddings of a text that is too long', ...embeddings({ prompt: long }), ...bad('tooLong') },

  ...routes.map((path): Comparison => ({
    name: `GET of ${path}`,
    path,
    method: 'GET',
    ourWords: true,
    because: 'jsonErrors',
  })),
  { name: 'PUT where GET belongs', path: '/api/tags', method: 'PUT', ourWords: true, because: 'jsonErrors' },
  {
    name: 'a path that does not exist',
    path: '/api/nothing',
    method: 'GET',
    ourWords: true,
    because: 'jsonErrors',
  },
];
