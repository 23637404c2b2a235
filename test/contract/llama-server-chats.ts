import {
  anna,
  chat,
  count,
  messages,
  person,
  schemaFormat,
  usage,
  weatherAnswer,
  weatherCall,
  weatherQuestion,
  withTools,
  type LlamaServerRequest,
} from './llama-server-calls.ts';

const chats: readonly LlamaServerRequest[] = [
  { name: 'chat', ...chat({}) },
  { name: 'chat, as a stream', ...chat({ stream: true }) },
  { name: 'chat, as a stream with usage', ...chat({ stream: true, ...usage }) },
  {
    name: 'chat, as a stream that wants no usage',
    ...chat({ stream: true, stream_options: { include_usage: false } }),
  },
  {
    name: 'chat with a system message',
    ...chat({ messages: [{ role: 'system', content: 'You are a pirate.' }, ...messages] }),
  },
  {
    name: 'chat with a developer message',
    ...chat({ messages: [{ role: 'developer', content: 'You are a pirate.' }, ...messages] }),
  },
  {
    name: 'chat of several turns',
    ...chat({
      messages: [
        { role: 'user', content: 'My name is Anna.' },
        { role: 'assistant', content: 'Hello Anna!' },
        { role: 'user', content: 'What is my name?' },
      ],
    }),
  },
  {
    name: 'chat with content in parts',
    ...chat({ messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello!' }] }] }),
  },
  {
    name: 'chat that ends with the assistant',
    ...chat({ messages: [...count, { role: 'assistant', content: '1, 2' }] }),
  },
  {
    name: 'chat with an empty message',
    ...chat({ messages: [{ role: 'user', content: '' }], max_tokens: 4 }),
  },
  {
    name: 'chat with a system message only',
    ...chat({ messages: [{ role: 'system', content: 'You are a pirate.' }], max_tokens: 4 }),
  },
  { name: 'chat with a name', ...chat({ messages: [{ role: 'user', name: 'anna', content: 'Hello!' }] }) },
  {
    name: 'chat with text beyond ASCII',
    ...chat({ messages: [{ role: 'user', content: 'Repeat exactly: äöü €' }], max_tokens: 12 }),
  },
  ...[
    'What is the capital of France?',
    'What is 7 + 5?',
    'Spell the word cat.',
    'List 3 fruits.',
    'What is Raft?',
    'Write a short story about a fox and a lantern.',
  ].map((content) => ({ name: `chat: ${content}`, ...chat({ messages: [{ role: 'user', content }] }) })),
  ...[1, 3, 100].map((max) => ({ name: `chat with max_tokens ${max}`, ...chat({ max_tokens: max }) })),
  { name: 'chat with max_completion_tokens', ...chat({ max_completion_tokens: 2 }) },
  { name: 'chat with max_tokens that is null', ...chat({ max_tokens: null }) },
  {
    name: 'chat with max_tokens, as a stream with usage',
    ...chat({ max_tokens: 2, stream: true, ...usage }),
  },
  { name: 'chat with a stop sequence', ...chat({ messages: count, stop: ', 4' }) },
  { name: 'chat with stop sequences', ...chat({ messages: count, stop: ['nothing', ' 3'] }) },
  {
    name: 'chat with a stop sequence, as a stream',
    ...chat({ messages: count, stop: [', 4'], stream: true }),
  },
  { name: 'chat with no stop sequences', ...chat({ messages: count, stop: [] }) },
  { name: 'chat with stop that is null', ...chat({ messages: count, stop: null }) },
  { name: 'chat with two answers', ...chat({ n: 2 }) },
  { name: 'chat with two answers, as a stream', ...chat({ n: 2, stream: true }) },
  { name: 'chat with n 1', ...chat({ n: 1 }) },
  { name: 'chat with log probabilities', ...chat({ logprobs: true }) },
  { name: 'chat with the best log probabilities', ...chat({ logprobs: true, top_logprobs: 3 }) },
  {
    name: 'chat with log probabilities, as a stream',
    ...chat({ logprobs: true, top_logprobs: 2, stream: true }),
  },
  { name: 'chat with no log probabilities', ...chat({ logprobs: false }) },
  { name: 'chat with a seed', ...chat({ seed: 7 }) },
  { name: 'chat with penalties', ...chat({ presence_penalty: 0.5, frequency_penalty: 0.5 }) },
  { name: 'chat with top_p', ...chat({ top_p: 0.5 }) },
  { name: 'chat with top_k', ...chat({ temperature: 1, top_k: 1 }) },
  { name: 'chat with min_p', ...chat({ min_p: 0.2 }) },
  { name: 'chat with a bias against a token', ...chat({ logit_bias: { 826: -100 }, max_tokens: 4 }) },
  { name: 'chat with a bias for a token', ...chat({ logit_bias: { 805: 100 }, max_tokens: 3 }) },
  { name: 'chat with fields nobody knows', ...chat({ odd: 1, user: 'anna', store: false, metadata: {} }) },
  {
    name: 'chat with null for what is left out',
    ...chat({ tools: null, seed: null, logit_bias: null, response_format: null, n: null }),
  },
  { name: 'chat without a model', path: '/v1/chat/completions', body: { messages } },
  { name: 'chat with a model nobody knows', ...chat({ model: 'nobody' }) },
];

const formats: readonly LlamaServerRequest[] = [
  { name: 'text as format', ...chat({ response_format: { type: 'text' } }) },
  { name: 'JSON as format', ...chat({ messages: anna, response_format: { type: 'json_object' } }) },
  {
    name: 'JSON as format, as a stream',
    ...chat({ messages: anna, response_format: { type: 'json_object' }, stream: true }),
  },
  { name: 'a schema as format', ...chat({ messages: anna, response_format: schemaFormat(person) }) },
  {
    name: 'a schema as format, as a stream',
    ...chat({ messages: anna, response_format: schemaFormat(person), stream: true }),
  },
  { name: 'a schema with an enum', ...chat({ response_format: schemaFormat({ enum: ['yes', 'no'] }) }) },
  { name: 'a schema with a constant', ...chat({ response_format: schemaFormat({ const: 'never said' }) }) },
  {
    name: 'a schema of a list',
    ...chat({
      response_format: schemaFormat({
        type: 'array',
        items: { type: 'integer', maximum: 9, minimum: 1 },
        minItems: 2,
        maxItems: 2,
      }),
    }),
  },
  { name: 'a schema of true or false', ...chat({ response_format: schemaFormat({ type: 'boolean' }) }) },
  { name: 'a grammar', ...chat({ grammar: 'root ::= "yes" | "no"' }) },
  { name: 'a grammar, as a stream', ...chat({ grammar: 'root ::= "a" "b" "c"', stream: true }) },
  { name: 'a grammar that is broken', ...chat({ grammar: 'root ::= (' }) },
  { name: 'an unknown format', ...chat({ response_format: { type: 'xml' } }) },
  { name: 'a format that is no object', ...chat({ response_format: 'json' }) },
  { name: 'a schema format without a schema', ...chat({ response_format: { type: 'json_schema' } }) },
  { name: 'a schema that is none', ...chat({ response_format: schemaFormat({ type: 'foo' }) }) },
];

const tools: readonly LlamaServerRequest[] = [
  { name: 'a tool call', ...withTools({}) },
  { name: 'a tool call, as a stream', ...withTools({ stream: true }) },
  { name: 'a tool call that is required', ...withTools({ tool_choice: 'required' }) },
  {
    name: 'a tool call that is required, as a stream',
    ...withTools({ tool_choice: 'required', stream: true }),
  },
  { name: 'tools that may be called', ...withTools({ tool_choice: 'auto' }) },
  { name: 'tools that may not be called', ...withTools({ tool_choice: 'none', max_tokens: 8 }) },
  {
    name: 'one function that is chosen',
    ...withTools({ tool_choice: { type: 'function', function: { name: 'get_weather' } } }),
  },
  {
    name: 'a chosen function that nobody knows',
    ...withTools({ tool_choice: { type: 'function', function: { name: 'odd' } } }),
  },
  { name: 'a choice nobody knows', ...withTools({ tool_choice: 'odd' }) },
  { name: 'one call at most', ...withTools({ parallel_tool_calls: false }) },
  { name: 'no tools', ...chat({ tools: [] }) },
  {
    name: 'the result of a tool',
    ...withTools({
      messages: [
        weatherQuestion,
        { role: 'assistant', content: null, tool_calls: [weatherCall] },
        weatherAnswer,
      ],
    }),
  },
  {
    name: 'the result of a tool, as a stream',
    ...withTools({
      stream: true,
      messages: [weatherQuestion, { role: 'assistant', tool_calls: [weatherCall] }, weatherAnswer],
    }),
  },
  { name: 'tools of the wrong type', ...chat({ tools: 'x' }) },
  { name: 'a tool without a name', ...chat({ tools: [{ type: 'function', function: {} }] }) },
  { name: 'a tool without a function', ...chat({ tools: [{ type: 'function' }] }) },
];

/** Requests of conversations: what they say, formats and tools. */
export const llamaServerChats: readonly LlamaServerRequest[] = [...chats, ...formats, ...tools];
