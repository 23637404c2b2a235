import {
  anthropic,
  applyTemplate,
  chat,
  completion,
  count,
  countTokens,
  detokenize,
  embedding,
  greedy,
  llamaServerModels,
  long,
  messages,
  parameters,
  responses,
  tokenize,
  usage,
  weather,
  weatherQuestion,
  type LlamaServerRequest,
} from './llama-server-calls.ts';
import { llamaServerChats } from './llama-server-chats.ts';

const { chat: model, embed: embedModel } = llamaServerModels;

const completions: readonly LlamaServerRequest[] = [
  { name: 'completion', ...completion({}) },
  { name: 'completion, as a stream', ...completion({ stream: true }) },
  { name: 'completion, as a stream with usage', ...completion({ stream: true, ...usage }) },
  { name: 'completion of tokens', ...completion({ prompt: [805] }) },
  { name: 'completion of two prompts', ...completion({ prompt: ['Hi', 'Hello'] }) },
  { name: 'completion of one prompt in a list', ...completion({ prompt: ['Hi'] }) },
  { name: 'completion of lists of tokens', ...completion({ prompt: [[805], [826]] }) },
  {
    name: 'completion of two prompts, as a stream',
    ...completion({ prompt: ['Hi', 'Hello'], stream: true }),
  },
  { name: 'completion with log probabilities', ...completion({ logprobs: 2 }) },
  { name: 'completion with a stop sequence', ...completion({ stop: ['is'], max_tokens: 12 }) },
  { name: 'completion with a grammar', ...completion({ grammar: 'root ::= "yes"' }) },
  { name: 'completion with a bias', ...completion({ logit_bias: { 805: 100 }, max_tokens: 2 }) },
  { name: 'completion with echo', ...completion({ echo: true }) },
  { name: 'completion with two answers', ...completion({ n: 2 }) },
  {
    name: 'completion without max_tokens',
    ...completion({
      prompt: '<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n',
      max_tokens: undefined,
    }),
  },
  { name: 'completion with max_tokens 0', ...completion({ max_tokens: 0 }) },
  { name: 'completion of an empty prompt', ...completion({ prompt: '' }) },
  { name: 'completion without a prompt', path: '/v1/completions', body: { model, max_tokens: 4 } },
  { name: 'completion of a number', ...completion({ prompt: 7 }) },
  { name: 'completion of a prompt that is too long', ...completion({ prompt: long }) },
  { name: 'completion of a token that there is not', ...completion({ prompt: [99_999_999] }) },
];

const embeddings: readonly LlamaServerRequest[] = [
  { name: 'embedding', ...embedding({}) },
  { name: 'embeddings', ...embedding({ input: ['Hi', 'The capital of France is Paris.'] }) },
  { name: 'embeddings in base64', ...embedding({ encoding_format: 'base64' }) },
  { name: 'embeddings in floats', ...embedding({ encoding_format: 'float' }) },
  { name: 'embedding of tokens', ...embedding({ input: [5, 6, 7] }) },
  { name: 'embeddings of lists of tokens', ...embedding({ input: [[5, 6], [7]] }) },
  { name: 'embedding with fewer dimensions', ...embedding({ dimensions: 8 }) },
  { name: 'embedding in an unknown form', ...embedding({ encoding_format: 'odd' }) },
  { name: 'embedding of an empty text', ...embedding({ input: '' }) },
  { name: 'embedding of no texts', ...embedding({ input: [] }) },
  { name: 'embedding of nothing', path: '/v1/embeddings', body: { model: embedModel }, model: 'embed' },
  { name: 'embedding of null', ...embedding({ input: null }) },
  { name: 'embedding of an object', ...embedding({ input: { a: 1 } }) },
  { name: 'embedding of a text that is too long', ...embedding({ input: long }) },
  { name: 'embeddings of a chat model', path: '/v1/embeddings', body: { model, input: 'Hi' } },
  {
    name: 'chat with a model of embeddings',
    path: '/v1/chat/completions',
    body: { model: embedModel, messages, max_tokens: 4 },
    model: 'embed',
  },
  {
    name: 'completion with a model of embeddings',
    path: '/v1/completions',
    body: { model: embedModel, prompt: 'Hi', max_tokens: 4 },
    model: 'embed',
  },
  {
    name: 'ranking with a model that cannot',
    path: '/v1/rerank',
    body: { model: embedModel, query: 'a', documents: ['a', 'b'] },
    model: 'embed',
  },
];

const otherApis: readonly LlamaServerRequest[] = [
  { name: 'response', ...responses({}) },
  { name: 'response, as a stream', ...responses({ stream: true }) },
  { name: 'response with instructions', ...responses({ instructions: 'You are a pirate.' }) },
  { name: 'response with max_output_tokens', ...responses({ max_output_tokens: 2 }) },
  { name: 'response to messages', ...responses({ input: [{ role: 'user', content: 'Hello!' }] }) },
  {
    name: 'response to content in parts',
    ...responses({ input: [{ role: 'user', content: [{ type: 'input_text', text: 'Hello!' }] }] }),
  },
  {
    name: 'response with a tool',
    ...responses({
      input: weatherQuestion.content,
      tools: [
        {
          type: 'function',
          name: 'get_weather',
          description: 'Get the weather for a city.',
          parameters,
          strict: false,
        },
      ],
    }),
  },
  {
    name: 'response with a tool, as a stream',
    ...responses({
      stream: true,
      input: weatherQuestion.content,
      tools: [
        {
          type: 'function',
          name: 'get_weather',
          description: 'Get the weather for a city.',
          parameters,
          strict: false,
        },
      ],
    }),
  },
  { name: 'response without input', path: '/v1/responses', body: { model } },
  { name: 'response that goes on from another', ...responses({ previous_response_id: 'resp_1' }) },
  { name: 'message', ...anthropic({}) },
  { name: 'message, as a stream', ...anthropic({ stream: true }) },
  { name: 'message with a system text', ...anthropic({ system: 'You are a pirate.' }) },
  { name: 'message with a stop sequence', ...anthropic({ messages: count, stop_sequences: [', 4'] }) },
  { name: 'message with few tokens', ...anthropic({ max_tokens: 2 }) },
  {
    name: 'message with a tool',
    ...anthropic({
      messages: [weatherQuestion],
      tools: [{ name: 'get_weather', description: 'Get the weather for a city.', input_schema: parameters }],
    }),
  },
  {
    name: 'message with a tool, as a stream',
    ...anthropic({
      stream: true,
      messages: [weatherQuestion],
      tools: [{ name: 'get_weather', description: 'Get the weather for a city.', input_schema: parameters }],
    }),
  },
  { name: 'message without messages', path: '/v1/messages', body: { model, max_tokens: 4 } },
  { name: 'message without max_tokens', path: '/v1/messages', body: { model, messages, ...greedy } },
  { name: 'tokens of a message', ...countTokens({}) },
  { name: 'tokens of a message with a system text', ...countTokens({ system: 'You are a pirate.' }) },
  {
    name: 'tokens of a message with a tool',
    ...countTokens({
      tools: [{ name: 'get_weather', description: 'Get the weather for a city.', input_schema: parameters }],
    }),
  },
  { name: 'tokens of no message', path: '/v1/messages/count_tokens', body: { model } },
  { name: 'tokenize', ...tokenize('The capital of France') },
  { name: 'tokenize nothing', ...tokenize('') },
  { name: 'tokenize text beyond ASCII', ...tokenize('äöü € 語') },
  { name: 'detokenize', ...detokenize([805, 6]) },
  { name: 'the prompt of a conversation', ...applyTemplate({}) },
  {
    name: 'the prompt of a conversation with tools',
    ...applyTemplate({ tools: [weather] }, { tools: [weather.function] }),
  },
];

const refused: readonly LlamaServerRequest[] = [
  ...[
    '/v1/chat/completions',
    '/v1/completions',
    '/v1/embeddings',
    '/v1/responses',
    '/v1/messages',
    '/v1/rerank',
  ].flatMap((path): LlamaServerRequest[] => [
    { name: `no JSON to ${path}`, path, body: '{' },
    { name: `a list to ${path}`, path, body: '[]' },
    { name: `an empty object to ${path}`, path, body: {} },
    { name: `GET of ${path}`, path, method: 'GET' },
  ]),
  { name: 'no messages', path: '/v1/chat/completions', body: { model } },
  { name: 'an empty list of messages', ...chat({ messages: [], max_tokens: 4 }) },
  { name: 'messages of the wrong type', ...chat({ messages: 'x' }) },
  { name: 'a message of the wrong type', ...chat({ messages: [7] }) },
  { name: 'a message without a role', ...chat({ messages: [{ content: 'x' }] }) },
  { name: 'a message with an unknown role', ...chat({ messages: [{ role: 'odd', content: 'x' }] }) },
  { name: 'content of the wrong type', ...chat({ messages: [{ role: 'user', content: 7 }] }) },
  {
    name: 'content of an unknown kind',
    ...chat({ messages: [{ role: 'user', content: [{ type: 'odd' }] }] }),
  },
  {
    name: 'an image for a model that sees none',
    ...chat({
      messages: [
        { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } }] },
      ],
    }),
  },
  { name: 'max_tokens of the wrong type', ...chat({ max_tokens: 'x' }) },
  { name: 'max_tokens below 0', ...chat({ max_tokens: -5 }) },
  { name: 'temperature of the wrong type', ...chat({ temperature: 'hot' }) },
  { name: 'temperature below 0', ...chat({ temperature: -1 }) },
  { name: 'top_p above 1', ...chat({ top_p: 3 }) },
  { name: 'stream of the wrong type', ...chat({ stream: 'yes' }) },
  { name: 'stop of the wrong type', ...chat({ stop: 7 }) },
  { name: 'n of the wrong type', ...chat({ n: 'x' }) },
  { name: 'n of 0', ...chat({ n: 0 }) },
  { name: 'n above what there may be', ...chat({ n: 1000 }) },
  { name: 'seed of the wrong type', ...chat({ seed: 'x' }) },
  { name: 'logit_bias of the wrong type', ...chat({ logit_bias: 'x' }) },
  { name: 'best log probabilities without log probabilities', ...chat({ top_logprobs: 2 }) },
  { name: 'a chat that is too long', ...chat({ messages: [{ role: 'user', content: long }] }) },
  {
    name: 'a chat that is too long, as a stream',
    ...chat({ messages: [{ role: 'user', content: long }], stream: true }),
  },
  { name: 'models', path: '/v1/models' },
  { name: 'a path that does not exist', path: '/v1/nothing' },
  { name: 'POST of models', path: '/v1/models', method: 'POST', body: {} },
  { name: 'PUT of models', path: '/v1/models', method: 'PUT', body: {} },
];

export const llamaServerRequests: readonly LlamaServerRequest[] = [
  ...llamaServerChats,
  ...completions,
  ...embeddings,
  ...otherApis,
  ...refused,
];
