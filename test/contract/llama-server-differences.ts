import type { ListedDifference } from './listed-differences.ts';

const chats = /^\/v1\/chat\/completions$/;
const choices = /^\/v1\/(chat\/)?completions$/;
const responses = /^\/v1\/responses$/;
const anthropic = /^\/v1\/messages/;
const all = /^\//;

/** Of an answer of the two APIs that have choices, and of the same as a stream. */
const answers: readonly ListedDifference[] = [
  {
    because: 'How fast an answer was is told by metrics, and not in a field `timings`.',
    shown: [{ on: all, keys: ['-timings'] }],
  },
  {
    because:
      'Objects have every field that the types of the official clients name, with null where it says nothing.',
    shown: [
      {
        on: chats,
        keys: [
          '+choices[].logprobs',
          '+choices[].message.refusal',
          '+choices[].logprobs.refusal',
          'type choices[].logprobs null|object object',
        ],
      },
      { on: choices, keys: ['type usage null|object object'] },
      { on: responses, keys: [/^\+/] },
      { on: anthropic, keys: [/^\+/] },
    ],
  },
  {
    because:
      'The token that ends an answer is not counted and has no log probability: it is no part of the answer.',
    shown: [
      { on: choices, keys: ['usage.completion_tokens', 'usage.total_tokens'] },
      { on: responses, keys: ['usage.output_tokens', 'usage.total_tokens'] },
      { on: anthropic, keys: ['usage.output_tokens'] },
      { requests: ['chat with log probabilities', 'chat with the best log probabilities'], keys: ['tokens'] },
    ],
  },
  {
    because:
      'Usage is the sum over all prompts and answers of a request; llama-server tells that of one of them.',
    shown: [
      {
        requests: ['completion of two prompts', 'completion of lists of tokens'],
        keys: ['usage.prompt_tokens'],
      },
    ],
  },
  {
    because:
      'A stream of completions tells the usage in an event of its own, and only where it was asked for.',
    shown: [
      { requests: ['completion, as a stream', 'completion of two prompts, as a stream'], keys: ['-usage'] },
      {
        requests: ['completion, as a stream with usage', 'completion of two prompts, as a stream'],
        keys: ['order'],
      },
    ],
  },
  {
    because: 'The first event of a stream has empty content, as at OpenAI, and not null.',
    shown: [
      {
        on: chats,
        keys: ['type choices[].delta.content string null|string', 'type choices[].delta.content string null'],
      },
    ],
  },
  {
    because: 'The content beside calls is null where there is none, as at OpenAI.',
    shown: [
      {
        requests: [
          'a tool call',
          'a tool call that is required',
          'tools that may be called',
          'one function that is chosen',
          'one call at most',
        ],
        keys: ['type choices[].message.content null string'],
      },
    ],
  },
  {
    because:
      'Log probabilities have the form of OpenAI: without ids of tokens, and as lists side by side in completions.',
    shown: [
      {
        on: chats,
        keys: [
          '-choices[].logprobs.content[].id',
          '-choices[].logprobs.content[].top_logprobs[].id',
          '-choices[].logprobs.content[].top_logprobs[]',
        ],
      },
      {
        requests: ['completion with log probabilities'],
        keys: [
          '+choices[].logprobs.tokens',
          '+choices[].logprobs.token_logprobs',
          '+choices[].logprobs.top_logprobs',
          '+choices[].logprobs.text_offset',
          '-choices[].logprobs.content',
        ],
      },
    ],
  },
  {
    because:
      'An answer that goes on where the last message ends has what is new; llama-server repeats the message.',
    shown: [{ requests: ['chat that ends with the assistant'], keys: ['text'] }],
  },
  {
    because:
      'Tools that may not be called are not told to the model, so that it does not write calls as text.',
    shown: [{ requests: ['tools that may not be called'], keys: ['text', 'usage.prompt_tokens'] }],
  },
  {
    because:
      'Where a schema leaves white space open, both take what the model likes best within their own bounds for it.',
    shown: [{ requests: ['a schema of a list'], keys: ['text'] }],
  },
  {
    because: '`echo` is understood, and `max_tokens` of 0 means none.',
    shown: [{ requests: ['completion with echo', 'completion with max_tokens 0'], keys: ['text'] }],
  },
];

const others: readonly ListedDifference[] = [
  {
    because: 'Fewer dimensions are given where they are asked for; llama-server gives all.',
    shown: [{ requests: ['embedding with fewer dimensions'], keys: ['vectors'] }],
  },
  {
    because: 'A vector does not say in which form it is: the client has asked for it.',
    shown: [{ requests: ['embeddings in base64'], keys: ['-data[].encoding_format'] }],
  },
  {
    because: 'Every model embeds texts without a switch at the start.',
    shown: [{ requests: ['embeddings of a chat model'], keys: ['status 200 501'] }],
  },
  {
    because: 'The list of models has the fields of OpenAI; what a GGUF file says is in `/api/show`.',
    shown: [{ requests: ['models'], keys: ['-models', '-data[].aliases', '-data[].tags', '-data[].meta'] }],
  },
  {
    because:
      'What llama-server has at `/tokenize`, `/detokenize` and `/apply-template` is here below `/api/v1`, with fields of its own.',
    shown: [
      { requests: ['detokenize'], keys: ['+text', '-content'] },
      {
        requests: ['the prompt of a conversation', 'the prompt of a conversation with tools'],
        keys: ['+tokens'],
      },
    ],
  },
  {
    because:
      "An answer that a stop sequence of Anthropic's API ended says so, and one that was cut is not called completed.",
    shown: [
      { requests: ['message with a stop sequence'], keys: ['value stop_reason'] },
      {
        requests: ['response with max_output_tokens'],
        keys: ['type completed_at null number', 'value status', 'value output[].status'],
      },
    ],
  },
  {
    because: "Streams of the Responses API and of Anthropic's have all the events that these APIs define.",
    shown: [
      {
        requests: [
          'message, as a stream',
          'message with a tool, as a stream',
          'response with a tool, as a stream',
        ],
        keys: ['order', 'value type'],
      },
      { on: responses, keys: ['type response.usage null|object object'] },
    ],
  },
];

const refusals: readonly ListedDifference[] = [
  {
    because: "Errors are told in our own words, with OpenAI's types, a word as code and the field at fault.",
    shown: [
      {
        on: all,
        keys: [
          'words',
          '+error.param',
          '+error.request_id',
          'type error.code string number',
          'value error.type',
          '+error',
        ],
      },
      { on: anthropic, keys: ['-error.code'] },
      { on: choices, keys: ['-error.n_prompt_tokens', '-error.n_ctx'] },
    ],
  },
  {
    because: 'A request that is no good is a mistake of the client: status 400, and not 500 or 501.',
    shown: [{ on: all, keys: ['status 400 500', 'status 400 501'] }],
  },
  {
    because: 'A path that does not know a method answers 405, and not 404.',
    shown: [{ on: all, keys: ['status 405 404'] }],
  },
  {
    because: 'A request has to name a model that there is; llama-server has only one and does not look.',
    shown: [
      { requests: ['chat without a model'], keys: ['status 400 200'] },
      { requests: ['chat with a model nobody knows'], keys: ['status 404 200'] },
    ],
  },
  {
    because: 'A model of embeddings does not chat and completes nothing.',
    shown: [
      {
        requests: ['chat with a model of embeddings', 'completion with a model of embeddings'],
        keys: ['status 400 200'],
      },
    ],
  },
  {
    because:
      'A field of a wrong type, a value out of its bounds and a choice that there is not are refused; llama-server ignores some.',
    shown: [
      {
        requests: [
          'a format that is no object',
          'a schema format without a schema',
          'a chosen function that nobody knows',
          'message without max_tokens',
          'an empty list of messages',
          'a message with an unknown role',
          'temperature below 0',
          'top_p above 1',
          'stop of the wrong type',
          'logit_bias of the wrong type',
        ],
        keys: ['status 400 200'],
      },
    ],
  },
  {
    because: 'A prompt without any token is refused.',
    shown: [{ requests: ['completion of an empty prompt'], keys: ['status 400 200'] }],
  },
];

/** What is meant to differ from llama-server. Any other difference fails the tests, and so does one that is gone. */
export const llamaServerDifferences: readonly ListedDifference[] = [...answers, ...others, ...refusals];
