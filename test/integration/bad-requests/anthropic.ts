import { chat, chatModel, type BadRequest } from './bad-request.ts';

const path = '/v1/messages';
const message = (change: object): object => chat({ max_tokens: 10, ...change });
const blocks = (role: string, ...content: object[]): object => message({ messages: [{ role, content }] });

const fields: readonly (readonly [string, object, string])[] = [
  ['max_tokens missing', chat({}), 'max_tokens is required'],
  ['max_tokens zero', message({ max_tokens: 0 }), 'max_tokens must be >= 1'],
  ['messages empty', message({ messages: [] }), 'messages must NOT have fewer than 1 items'],
  [
    'role unknown',
    message({ messages: [{ role: 'tool', content: 'x' }] }),
    'messages[0].role must be one of',
  ],
  [
    'block of an unknown type',
    blocks('user', { type: 'video' }),
    'messages[0].content[0].type must be one of',
  ],
  [
    'result of a tool by the model',
    blocks('assistant', { type: 'tool_result', tool_use_id: 'a' }),
    'of the user',
  ],
  ['thinking by the user', blocks('user', { type: 'thinking', thinking: 'a' }), 'of the assistant'],
  ['temperature too high', message({ temperature: 1.5 }), 'temperature must be <= 1'],
  ['tool without a schema', message({ tools: [{ name: 'f' }] }), 'tools[0].input_schema is required'],
  ['tool_choice without tools', message({ tool_choice: { type: 'any' } }), 'there are no tools'],
  ['tool_choice unknown', message({ tool_choice: { type: 'maybe' } }), 'tool_choice.type must be one of'],
  [
    'a budget as large as the answer',
    message({ max_tokens: 1024, thinking: { type: 'enabled', budget_tokens: 1024 } }),
    'thinking.budget_tokens must be less than max_tokens',
  ],
  [
    'a budget too small',
    message({ thinking: { type: 'enabled', budget_tokens: 1 } }),
    'thinking.budget_tokens must be >= 1024',
  ],
];

/** Anthropic's API. */
export const anthropicRequests: readonly BadRequest[] = [
  ...fields.map(([name, body, says]): BadRequest => ({
    name: `messages: ${name}`,
    path,
    body,
    status: 400,
    code: 'invalid_request',
    says,
  })),
  {
    name: 'messages: an image',
    path,
    body: blocks('user', {
      type: 'image',
      source: { type: 'base64', media_type: 'image/png', data: 'aGk=' },
    }),
    status: 400,
    code: 'capability_missing',
    says: 'does not support images',
  },
  {
    name: 'messages: an image elsewhere',
    path,
    body: blocks('user', { type: 'image', source: { type: 'url', url: 'http://localhost/x.png' } }),
    status: 400,
    code: 'invalid_request',
    says: 'not fetched',
  },
  {
    name: 'messages: an unknown model',
    path,
    body: message({ model: 'claude' }),
    status: 404,
    code: 'model_not_found',
    says: 'not found',
  },
  {
    name: 'count_tokens without messages',
    path: `${path}/count_tokens`,
    body: { model: chatModel },
    status: 400,
    code: 'invalid_request',
    says: 'messages is required',
  },
  {
    name: 'an unknown path of Anthropic',
    path: `${path}/batches`,
    status: 404,
    code: 'route_not_found',
    says: 'nothing at',
  },
];
