import { chat, chatModel, type BadRequest } from './bad-request.ts';

const path = '/v1/chat/completions';

const fields: readonly (readonly [string, object, string])[] = [
  ['model missing', { messages: [{ role: 'user', content: 'x' }] }, 'model is required'],
  ['messages missing', { model: 'ollamamax-tiny' }, 'messages is required'],
  ['messages empty', chat({ messages: [] }), 'messages must NOT have fewer than 1 items'],
  [
    'role unknown',
    chat({ messages: [{ role: 'function', content: 'x' }] }),
    'messages[0].role must be one of',
  ],
  ['content a number', chat({ messages: [{ role: 'user', content: 1 }] }), 'messages[0].content must be'],
  [
    'part of an unknown type',
    chat({ messages: [{ role: 'user', content: [{ type: 'video' }] }] }),
    'messages[0].content[0].type',
  ],
  [
    'text part without text',
    chat({ messages: [{ role: 'user', content: [{ type: 'text' }] }] }),
    'content[0].text is required',
  ],
  ['temperature above two', chat({ temperature: 2.5 }), 'temperature must be <= 2'],
  ['temperature a string', chat({ temperature: '1' }), 'temperature must be number or null'],
  ['top_p above one', chat({ top_p: 3 }), 'top_p must be <= 1'],
  ['penalty out of range', chat({ presence_penalty: 5 }), 'presence_penalty must be <= 2'],
  ['frequency penalty out of range', chat({ frequency_penalty: -3 }), 'frequency_penalty must be >= -2'],
  ['max_tokens negative', chat({ max_tokens: -1 }), 'max_tokens must be >= 0'],
  ['max_tokens a fraction', chat({ max_tokens: 1.5 }), 'max_tokens must be integer'],
  ['stream a string', chat({ stream: 'true' }), 'stream must be boolean or null'],
  ['stop a number', chat({ stop: 5 }), 'stop must be string or array or null'],
  ['stop of numbers', chat({ stop: [5] }), 'stop[0] must be string'],
  ['response_format a string', chat({ response_format: 'json' }), 'response_format must be'],
  [
    'response_format unknown',
    chat({ response_format: { type: 'yaml' } }),
    'response_format.type must be one of',
  ],
  [
    'schema missing',
    chat({ response_format: { type: 'json_schema', json_schema: {} } }),
    'json_schema.schema is required',
  ],
  ['tools an object', chat({ tools: {} }), 'tools must be array or null'],
  [
    'tool without a name',
    chat({ tools: [{ type: 'function', function: {} }] }),
    'tools[0].function.name is required',
  ],
  ['tool_choice unknown', chat({ tool_choice: 'maybe' }), 'tool_choice must be one of'],
  ['tool_choice required without tools', chat({ tool_choice: 'required' }), 'there are no tools'],
  [
    'tool_choice of a tool that is not there',
    chat({ tool_choice: { type: 'function', function: { name: 'f' } } }),
    'tool_choice names "f"',
  ],
  ['n a thousand', chat({ n: 1000 }), 'n must be <= 128'],
  ['n zero', chat({ n: 0 }), 'n must be >= 1'],
  ['top_logprobs without logprobs', chat({ top_logprobs: 1 }), 'top_logprobs needs logprobs'],
  ['top_logprobs too many', chat({ logprobs: true, top_logprobs: 21 }), 'top_logprobs must be <= 20'],
  ['logit_bias of no token', chat({ logit_bias: { a: 1 } }), 'logit_bias.a is not known here'],
  ['logit_bias too strong', chat({ logit_bias: { 1: 101 } }), 'must be <= 100'],
  ['reasoning_effort unknown', chat({ reasoning_effort: 'huge' }), 'reasoning_effort must be one of'],
  [
    'tool call arguments not JSON',
    chat({ messages: [{ role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: '{' } }] }] }),
    'arguments is not valid JSON',
  ],
  [
    'tool call arguments a list',
    chat({ messages: [{ role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: '[]' } }] }] }),
    'arguments must be a JSON object',
  ],
];

const prompt = 'Hi';
const others: readonly (readonly [string, string, object, string])[] = [
  ['completions', 'prompt missing', {}, 'prompt is required'],
  ['completions', 'prompt of texts and tokens', { prompt: ['a', 1] }, 'prompt'],
  ['completions', 'prompt of negative tokens', { prompt: [-1] }, 'prompt[0] must be >= 0'],
  ['completions', 'best_of more than n', { prompt, best_of: 2 }, 'best_of must be the same as n'],
  ['completions', 'logprobs of too many', { prompt, logprobs: 6 }, 'logprobs must be <= 5'],
  [
    'completions',
    'echo with logprobs',
    { prompt, echo: true, logprobs: 1 },
    'echo does not go with logprobs',
  ],
  ['embeddings', 'input missing', {}, 'input is required'],
  ['embeddings', 'input an object', { input: {} }, 'input must be'],
  ['embeddings', 'dimensions zero', { input: 'a', dimensions: 0 }, 'dimensions must be >= 1'],
  ['embeddings', 'format unknown', { input: 'a', encoding_format: 'hex' }, 'encoding_format must be one of'],
  ['rerank', 'documents missing', { query: 'a' }, 'documents is required'],
  ['rerank', 'documents empty', { query: 'a', documents: [] }, 'documents must NOT have fewer than 1 items'],
  ['rerank', 'top_n zero', { query: 'a', documents: ['a'], top_n: 0 }, 'top_n must be >= 1'],
  ['responses', 'input missing', {}, 'input is required'],
  ['responses', 'item of an unknown type', { input: [{ type: 'web_search_call' }] }, 'input[0].type'],
  ['responses', 'a stored response', { input: 'a', previous_response_id: 'r' }, 'send the whole input'],
  ['responses', 'storing', { input: 'a', store: true }, 'Set store to false'],
  ['responses', 'a tool of the vendor', { input: 'a', tools: [{ type: 'web_search' }] }, 'tools[0].type'],
];

/** OpenAI's API. */
export const openaiRequests: readonly BadRequest[] = [
  ...fields.map(([name, body, says]): BadRequest => ({
    name: `chat: ${name}`,
    path,
    body,
    status: 400,
    code: 'invalid_request',
    says,
  })),
  {
    name: 'an image',
    path,
    body: chat({
      messages: [
        {
          role: 'user',
          content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } }],
        },
      ],
    }),
    status: 400,
    code: 'capability_missing',
    says: 'does not support images',
  },
  {
    name: 'an image elsewhere',
    path,
    body: chat({
      messages: [
        { role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://localhost/x.png' } }] },
      ],
    }),
    status: 400,
    code: 'invalid_request',
    says: 'not fetched',
  },
  {
    name: 'an unknown model',
    path,
    body: chat({ model: 'gpt-4' }),
    status: 404,
    code: 'model_not_found',
    says: 'not found',
  },
  {
    name: 'a bad model name',
    path,
    body: chat({ model: 'a b' }),
    status: 400,
    code: 'invalid_model_name',
    says: 'not a valid',
  },
  {
    name: 'an unknown model by id',
    path: '/v1/models/nope',
    status: 404,
    code: 'model_not_found',
    says: 'not found',
  },
  {
    name: 'a bad id',
    path: '/v1/models/a%20b',
    status: 400,
    code: 'invalid_model_name',
    says: 'not a valid',
  },
  ...others.map(([route, name, change, says]): BadRequest => ({
    name,
    path: `/v1/${route}`,
    body: { model: chatModel, ...change },
    status: 400,
    code: 'invalid_request',
    says,
  })),
];
