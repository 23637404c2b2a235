import { chatModel, type BadRequest } from './bad-request.ts';

const messages = [{ role: 'user', content: 'Hi' }];

const fields: readonly (readonly [string, object, string])[] = [
  ['generate', {}, 'prompt is required'],
  ['generate', { prompt: 'a', optoins: {} }, 'optoins is not known here'],
  ['generate', { prompt: 'a', options: { top_k: 1 } }, 'options.top_k is not known here'],
  ['generate', { prompt: 'a', options: { topLogprobs: 21 } }, 'options.topLogprobs must be <= 20'],
  ['generate', { prompt: 'a', format: { type: 'yaml' } }, 'format.type must be one of'],
  ['generate', { prompt: 'a', keepAlive: 'soon' }, 'soon'],
  ['chat', { messages: [] }, 'messages must NOT have fewer than 1 items'],
  ['chat', { messages, toolChoice: 'maybe' }, 'toolChoice must be'],
  [
    'chat',
    { messages: [{ role: 'user', content: 'a', images: [] }] },
    'messages[0].images is not known here',
  ],
  ['embeddings', {}, 'input is required'],
  ['embeddings', { input: 'a', dimensions: 0 }, 'dimensions must be >= 1'],
  ['tokenize', {}, 'text is required'],
  ['detokenize', { tokens: ['a'] }, 'tokens[0] must be integer'],
  ['apply-template', {}, 'messages is required'],
];

/** Our own inference routes. */
export const inferenceRequests: readonly BadRequest[] = fields.map(([route, change, says]): BadRequest => ({
  name: `${route}: ${says}`,
  path: `/api/v1/${route}`,
  body: { model: chatModel, ...change },
  status: 400,
  code: 'invalid_request',
  says,
}));
