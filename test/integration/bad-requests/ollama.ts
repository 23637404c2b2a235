import { chat, chatModel, type BadRequest } from './bad-request.ts';

const invalid = (name: string, path: string, body: object, says: string): BadRequest => ({
  name,
  path,
  body,
  status: 400,
  code: 'invalid_request',
  says,
});

const chatFields: readonly (readonly [string, object, string])[] = [
  ['model missing', { messages: [] }, 'model is required'],
  ['model a number', { model: 7 }, 'model must be string'],
  ['model null', { model: null }, 'model is required'],
  ['model an object', { model: {} }, 'model must be string'],
  ['model empty', { model: '' }, 'model must NOT have fewer than 1 characters'],
  ['messages an object', chat({ messages: {} }), 'messages must be array'],
  ['messages a string', chat({ messages: 'Hello' }), 'messages must be array'],
  ['message a string', chat({ messages: ['Hello'] }), 'messages[0] must be object'],
  ['message null', chat({ messages: [null] }), 'messages[0] must be object'],
  ['role missing', chat({ messages: [{ content: 'x' }] }), 'messages[0].role is required'],
  ['role unknown', chat({ messages: [{ role: 'robot', content: 'x' }] }), 'messages[0].role must be one of'],
  ['role a number', chat({ messages: [{ role: 1, content: 'x' }] }), 'messages[0].role must be'],
  [
    'content a number',
    chat({ messages: [{ role: 'user', content: 5 }] }),
    'messages[0].content must be string',
  ],
  [
    'content an array',
    chat({ messages: [{ role: 'user', content: [] }] }),
    'messages[0].content must be string',
  ],
  [
    'second message wrong',
    chat({ messages: [{ role: 'user', content: 'x' }, { role: 'x' }] }),
    'messages[1].role',
  ],
  ['stream a string', chat({ stream: 'yes' }), 'stream must be boolean'],
  ['stream a number', chat({ stream: 1 }), 'stream must be boolean'],
  ['format unknown', chat({ format: 'xml' }), 'format must be one of "json"'],
  ['format a number', chat({ format: 3 }), 'format must be'],
  ['keep_alive an object', chat({ keep_alive: {} }), 'keep_alive must be number or string'],
  ['keep_alive without unit', chat({ keep_alive: 'soon' }), 'keep_alive "soon" is neither'],
  ['keep_alive with a wrong unit', chat({ keep_alive: '5 fortnights' }), 'neither a number of seconds'],
  ['keep_alive empty', chat({ keep_alive: '' }), 'neither a number of seconds'],
  ['options an array', chat({ options: [] }), 'options must be object or null'],
  ['options a string', chat({ options: 'hot' }), 'options must be object or null'],
  ['temperature a string', chat({ options: { temperature: 'hot' } }), 'options.temperature must be number'],
  ['temperature negative', chat({ options: { temperature: -1 } }), 'options.temperature must be >= 0'],
  ['top_p above one', chat({ options: { top_p: 1.5 } }), 'options.top_p must be <= 1'],
  ['top_p negative', chat({ options: { top_p: -0.1 } }), 'options.top_p must be >= 0'],
  ['min_p above one', chat({ options: { min_p: 2 } }), 'options.min_p must be <= 1'],
  ['top_k a fraction', chat({ options: { top_k: 1.5 } }), 'options.top_k must be integer'],
  ['top_k negative', chat({ options: { top_k: -1 } }), 'options.top_k must be >= 0'],
  ['seed a string', chat({ options: { seed: 'x' } }), 'options.seed must be integer'],
  ['seed a fraction', chat({ options: { seed: 1.1 } }), 'options.seed must be integer'],
  ['num_predict a string', chat({ options: { num_predict: 'all' } }), 'options.num_predict must be integer'],
  ['num_ctx zero', chat({ options: { num_ctx: 0 } }), 'options.num_ctx must be >= 1'],
  ['num_ctx negative', chat({ options: { num_ctx: -5 } }), 'options.num_ctx must be >= 1'],
  ['num_ctx enormous', chat({ options: { num_ctx: 1e12 } }), 'options.num_ctx must be <='],
  ['repeat_penalty zero', chat({ options: { repeat_penalty: 0 } }), 'options.repeat_penalty must be > 0'],
  [
    'repeat_last_n too small',
    chat({ options: { repeat_last_n: -2 } }),
    'options.repeat_last_n must be >= -1',
  ],
  ['stop a number', chat({ options: { stop: 5 } }), 'options.stop must be array or null'],
  ['stop of numbers', chat({ options: { stop: [1] } }), 'options.stop[0] must be string'],
  ['stop with an empty string', chat({ options: { stop: [''] } }), 'options.stop[0] must NOT have fewer'],
  [
    '65 stop strings',
    chat({ options: { stop: Array.from({ length: 65 }, () => 'x') } }),
    'must NOT have more than 64 items',
  ],
  ['tools an object', chat({ tools: {} }), 'tools must be array or null'],
  ['tool of an unknown type', chat({ tools: [{ type: 'code' }] }), 'tools[0]'],
  ['tool without a function', chat({ tools: [{ type: 'function' }] }), 'tools[0].function is required'],
  [
    'tool without a name',
    chat({ tools: [{ type: 'function', function: {} }] }),
    'tools[0].function.name is required',
  ],
  [
    'tool call with text arguments',
    chat({ messages: [{ role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: '{}' } }] }] }),
    'arguments must be object',
  ],
  ['think a word', chat({ think: 'hard' }), 'think must be'],
  ['logprobs', chat({ logprobs: true }), 'logprobs is not available'],
];

const generateFields: readonly (readonly [string, object, string])[] = [
  ['prompt a number', { model: chatModel, prompt: 5 }, 'prompt must be string'],
  ['prompt an array', { model: chatModel, prompt: ['x'] }, 'prompt must be string'],
  ['raw a string', { model: chatModel, prompt: 'x', raw: 'yes' }, 'raw must be boolean'],
  [
    'raw with system',
    { model: chatModel, prompt: 'x', raw: true, system: 'y' },
    'raw does not go with system',
  ],
  ['suffix', { model: chatModel, prompt: 'x', suffix: 'y' }, 'suffix is not available'],
  ['template', { model: chatModel, prompt: 'x', template: '{{ .Prompt }}' }, 'template is not available'],
  ['context', { model: chatModel, prompt: 'x', context: [1, 2] }, 'context is not available'],
  ['context of words', { model: chatModel, prompt: 'x', context: ['a'] }, 'context[0] must be integer'],
  ['system a number', { model: chatModel, prompt: 'x', system: 1 }, 'system must be string'],
  ['two problems at once', { model: 5, prompt: 6 }, 'prompt must be string'],
];

const names: readonly string[] = [
  '../etc/passwd',
  'a b',
  ':latest',
  'model:',
  'model:a:b:c d',
  'a/b/c/d',
  '-model',
  '.hidden',
  'mod\u0000el',
  'mödel',
  'model\nname',
  '/model',
  'x'.repeat(200),
  'https://host/model name',
];

const badNames: BadRequest[] = names.map((model, index) => ({
  name: `model name ${JSON.stringify(model.slice(0, 30))}`,
  path: index % 2 === 0 ? '/api/chat' : '/api/show',
  body: index % 2 === 0 ? chat({ model }) : { model },
  status: 400,
  code: 'invalid_model_name',
  says: 'not a valid model name',
}));

const capabilities: BadRequest[] = [
  {
    name: 'thinking',
    path: '/api/chat',
    body: chat({ think: true }),
    status: 400,
    code: 'capability_missing',
    says: 'does not support thinking',
  },
  {
    name: 'an image in a message',
    path: '/api/chat',
    body: chat({ messages: [{ role: 'user', content: 'x', images: ['aGk='] }] }),
    status: 400,
    code: 'capability_missing',
    says: 'does not support images',
  },
  {
    name: 'an image beside a prompt',
    path: '/api/generate',
    body: { model: chatModel, prompt: 'x', images: ['aGk='] },
    status: 400,
    code: 'capability_missing',
    says: 'does not support images',
  },
  {
    name: 'a schema that cannot be enforced',
    path: '/api/chat',
    body: chat({ format: { type: 'string', pattern: '^a+$' } }),
    status: 400,
    code: 'invalid_format',
    says: 'pattern',
  },
  {
    name: 'a schema of an unknown type',
    path: '/api/chat',
    body: chat({ format: { type: 'banana' } }),
    status: 400,
    code: 'invalid_format',
    says: 'format.schema.type',
  },
  {
    name: 'a prompt longer than the context',
    path: '/api/chat',
    body: chat({ messages: [{ role: 'user', content: 'word '.repeat(5000) }] }),
    status: 400,
    code: 'context_exceeded',
    says: 'context',
  },
];

const embedding = 'ollamamax-tiny-embed';

/** A model that only makes embeddings is served beside the chat model. */
const notForChat: BadRequest[] = [
  {
    name: 'chat with an embedding model',
    path: '/api/chat',
    body: chat({ model: embedding }),
    says: 'does not support chat',
  },
  {
    name: 'generate with an embedding model',
    path: '/api/generate',
    body: { model: embedding, prompt: 'x' },
    says: 'does not support generate',
  },
  {
    name: 'completions of an embedding model',
    path: '/v1/chat/completions',
    body: chat({ model: embedding }),
    says: 'does not support chat',
  },
].map((bad) => ({ ...bad, status: 400, code: 'capability_missing' as const }));

const unknown: BadRequest[] = [
  {
    name: 'an unknown model',
    path: '/api/chat',
    body: chat({ model: 'nope' }),
    status: 404,
    code: 'model_not_found',
    says: 'not found',
  },
  {
    name: 'an unknown model to generate',
    path: '/api/generate',
    body: { model: 'nope', prompt: 'x' },
    status: 404,
    code: 'model_not_found',
    says: 'not found',
  },
  {
    name: 'an unknown model to show',
    path: '/api/show',
    body: { model: 'nope' },
    status: 404,
    code: 'model_not_found',
    says: 'not found',
  },
  {
    name: 'an unknown tag',
    path: '/api/chat',
    body: chat({ model: 'ollamamax-tiny:70b' }),
    status: 404,
    code: 'model_not_found',
    says: 'not found',
  },
  {
    name: 'an unknown model to load',
    path: '/api/generate',
    body: { model: 'nope' },
    status: 404,
    code: 'model_not_found',
    says: 'not found',
  },
  {
    name: 'show without a model',
    path: '/api/show',
    body: {},
    status: 400,
    code: 'invalid_request',
    says: 'model is required',
  },
];

const unavailable: BadRequest[] = ['embed', 'embeddings', 'pull', 'push', 'create', 'copy'].map((name) => ({
  name: `/api/${name}`,
  path: `/api/${name}`,
  body: { model: chatModel },
  status: 501,
  code: 'not_implemented',
  says: 'not available in this version',
}));

/** Ollama's API. */
export const ollamaRequests: readonly BadRequest[] = [
  ...chatFields.map(([name, body, says]) => invalid(`chat: ${name}`, '/api/chat', body, says)),
  ...generateFields.map(([name, body, says]) => invalid(`generate: ${name}`, '/api/generate', body, says)),
  ...badNames,
  ...capabilities,
  ...notForChat,
  ...unknown,
  ...unavailable,
];
