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
  ['format a number', chat({ format: 3 }), 'format must be'],
  ['keep_alive an object', chat({ keep_alive: {} }), 'keep_alive must be number or string'],
  ['keep_alive without unit', chat({ keep_alive: 'soon' }), 'time: invalid duration "soon"'],
  [
    'keep_alive with a wrong unit',
    chat({ keep_alive: '5 fortnights' }),
    'time: invalid duration "5 fortnights"',
  ],
  ['keep_alive empty', chat({ keep_alive: '' }), 'time: invalid duration ""'],
  ['options an array', chat({ options: [] }), 'options must be object or null'],
  ['options a string', chat({ options: 'hot' }), 'options must be object or null'],
  [
    'temperature a string',
    chat({ options: { temperature: 'hot' } }),
    'option "temperature" must be of type float32',
  ],
  ['temperature negative', chat({ options: { temperature: -1 } }), 'option "temperature" must be >= 0'],
  ['top_p above one', chat({ options: { top_p: 1.5 } }), 'option "top_p" must be <= 1'],
  ['top_p negative', chat({ options: { top_p: -0.1 } }), 'option "top_p" must be >= 0'],
  ['min_p above one', chat({ options: { min_p: 2 } }), 'option "min_p" must be <= 1'],
  ['top_k a truth', chat({ options: { top_k: true } }), 'option "top_k" must be of type integer'],
  ['top_k negative', chat({ options: { top_k: -1 } }), 'option "top_k" must be >= 0'],
  ['seed a string', chat({ options: { seed: 'x' } }), 'option "seed" must be of type integer'],
  ['use_mmap a number', chat({ options: { use_mmap: 1 } }), 'option "use_mmap" must be of type boolean'],
  [
    'num_predict a string',
    chat({ options: { num_predict: 'all' } }),
    'option "num_predict" must be of type integer',
  ],
  ['num_ctx zero', chat({ options: { num_ctx: 0 } }), 'option "num_ctx" must be >= 1'],
  ['num_ctx negative', chat({ options: { num_ctx: -5 } }), 'option "num_ctx" must be >= 1'],
  ['num_ctx enormous', chat({ options: { num_ctx: 1e12 } }), 'option "num_ctx" must be <='],
  ['repeat_penalty zero', chat({ options: { repeat_penalty: 0 } }), 'option "repeat_penalty" must be > 0'],
  [
    'repeat_last_n too small',
    chat({ options: { repeat_last_n: -2 } }),
    'option "repeat_last_n" must be >= -1',
  ],
  ['stop a number', chat({ options: { stop: 5 } }), 'option "stop" must be of type array'],
  ['stop of numbers', chat({ options: { stop: [1] } }), 'option "stop" must be of an array of strings'],
  ['stop with an empty string', chat({ options: { stop: [''] } }), 'option "stop"[0] must NOT have fewer'],
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
  ['think a word', chat({ think: 'hard' }), 'invalid think value: "hard"'],
  ['think a number', chat({ think: 1 }), 'think must be boolean or string'],
  ['logprobs a word', chat({ logprobs: 'all' }), 'logprobs must be boolean'],
  ['top_logprobs too many', chat({ logprobs: true, top_logprobs: 21 }), 'must be between 0 and 20'],
];

const generateFields: readonly (readonly [string, object, string])[] = [
  ['prompt a number', { model: chatModel, prompt: 5 }, 'prompt must be string'],
  ['prompt an array', { model: chatModel, prompt: ['x'] }, 'prompt must be string'],
  ['raw a string', { model: chatModel, prompt: 'x', raw: 'yes' }, 'raw must be boolean'],
  [
    'raw with system',
    { model: chatModel, prompt: 'x', raw: true, system: 'y' },
    'raw mode does not support template, system, or context',
  ],
  ['suffix a number', { model: chatModel, prompt: 'x', suffix: 1 }, 'suffix must be string'],
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
    name: 'an unknown format',
    path: '/api/chat',
    body: chat({ format: 'xml' }),
    status: 400,
    code: 'invalid_format',
    says: 'expected "json" or a valid JSON Schema object',
  },
  {
    name: 'a Go template of messages',
    path: '/api/generate',
    body: { model: chatModel, prompt: 'x', template: '{{ range .Messages }}{{ .Content }}{{ end }}' },
    status: 400,
    code: 'template_failed',
    says: 'send a Jinja template',
  },
  {
    name: 'a text to embed that is longer than the context',
    path: '/api/embed',
    body: { model: 'ollamamax-tiny-embed', input: 'word '.repeat(5000), truncate: false },
    status: 400,
    code: 'context_exceeded',
    says: 'input exceeds maximum context length',
  },
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
    name: 'a schema of an unknown type',
    path: '/api/chat',
    body: chat({ format: { type: 'banana' } }),
    status: 400,
    code: 'invalid_format',
    says: 'cannot be enforced',
  },
  {
    name: 'a prompt longer than the context',
    path: '/api/chat',
    body: chat({ messages: [{ role: 'user', content: 'word '.repeat(5000) }], truncate: false }),
    status: 400,
    code: 'context_exceeded',
    says: 'the input length exceeds the context length',
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

const embedFields: readonly (readonly [string, string, object, string])[] = [
  ['input a number', '/api/embed', { input: 7 }, 'input must be string or array'],
  ['input of numbers', '/api/embed', { input: [7] }, 'invalid input type'],
  ['truncate a word', '/api/embed', { input: 'x', truncate: 'yes' }, 'truncate must be boolean'],
  ['dimensions a fraction', '/api/embed', { input: 'x', dimensions: 1.5 }, 'dimensions must be integer'],
  ['prompt a number', '/api/embeddings', { prompt: 7 }, 'prompt must be string'],
];

/** Ollama's API. */
export const ollamaRequests: readonly BadRequest[] = [
  ...chatFields.map(([name, body, says]) => invalid(`chat: ${name}`, '/api/chat', body, says)),
  ...generateFields.map(([name, body, says]) => invalid(`generate: ${name}`, '/api/generate', body, says)),
  ...embedFields.map(([name, path, body, says]) =>
    invalid(`${path}: ${name}`, path, { model: 'ollamamax-tiny-embed', ...body }, says),
  ),
  ...badNames,
  ...capabilities,
  ...notForChat,
  ...unknown,
];
