import type { ListedDifference } from './listed-differences.ts';

const chats = /^\/v1\/chat\/completions$/;
const completions = /^\/v1\/completions$/;
const choices = /^\/v1\/(chat\/)?completions$/;
const openAi = /^\/v1\//;
const own = /^\/(api|API)/;
const all = /^\//;

const badNames = [
  '"http://tiny"',
  '" tiny"',
  '"tiny "',
  '"tiny:"',
  '":latest"',
  '"-tiny"',
  '"tiny@sha256:00000000000000000000000000000000000000000000000',
  '"a b"',
  '"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
  '"tiny:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
  '"ä"',
  '"../etc/passwd"',
  '"tiny:latest:latest"',
];

/** What differs in Ollama's own API. */
const ollamaApi: readonly ListedDifference[] = [
  {
    because: 'Every error has a `code` and a `request_id` beside its sentence.',
    shown: [
      { on: own, keys: ['+code', '+request_id'] },
      {
        on: openAi,
        keys: [
          '+error.request_id',
          'type error.code string null',
          'type error.param string null',
          'value error.type',
        ],
      },
    ],
  },
  {
    because:
      'Unknown paths and methods are answered with JSON, as all other errors; Ollama sends plain text.',
    shown: [{ on: all, keys: ['content-type application/json text/plain', '+error'] }],
  },
  {
    because:
      'A model name that is not well formed gets status 400 on every route; Ollama has 404 or 500 on some.',
    shown: [
      { requests: badNames.map((name) => `show of ${name}`), keys: ['status 400 500'] },
      { requests: badNames.map((name) => `generate with ${name}`), keys: ['status 400 404'] },
      {
        requests: ['a bad name to /v1/completions', 'a bad name to /v1/embeddings'],
        keys: ['status 400 404'],
      },
    ],
  },
  {
    because:
      'A name with a scheme is refused where nothing is fetched; Ollama drops the scheme of its own registry.',
    shown: [
      {
        requests: [
          'show of "https://registry.ollama.ai/library/tiny"',
          'generate with "https://registry.ollama.ai/library/tiny"',
        ],
        keys: ['status 400 200'],
      },
    ],
  },
  {
    because: 'Model names are compared without case on every route; Ollama 0.12.6 does so on some.',
    shown: [{ requests: ['chat with a name in capitals'], keys: ['status 200 404'] }],
  },
  {
    because: 'An option of a wrong type is a mistake of the client: status 400, and not 500.',
    shown: [{ on: own, keys: ['status 400 500', 'words'] }],
  },
  {
    because: 'The licence is also told when only the GGUF file names it; Ollama knows that of a Modelfile.',
    shown: [{ on: own, keys: ['+license'] }],
  },
  {
    because: 'The Ollama that is compared with is 0.12.6; newer versions answer as we do here.',
    shown: [{ requests: ['a path with a slash too many'], keys: ['+models[].capabilities'] }],
  },
  {
    because: '`num_predict` of 0 asks for no token; Ollama 0.12.6 takes it for no bound.',
    shown: [
      { requests: ['the option {"num_predict":0}'], keys: ['text', 'value done_reason', '-eval_count'] },
    ],
  },
  {
    because: 'The token that ends an answer is not counted: it is no part of the answer.',
    shown: [
      { on: own, keys: ['usage.eval_count'] },
      { on: choices, keys: ['usage.completion_tokens', 'usage.total_tokens'] },
    ],
  },
];

/** What differs in the routes that Ollama took over from OpenAI. */
const openAiApi: readonly ListedDifference[] = [
  {
    because: "Answers have every field that the types of OpenAI's clients name; Ollama leaves some out.",
    shown: [
      {
        on: choices,
        keys: ['+choices[].logprobs', '+usage.prompt_tokens_details', 'type usage null|object object'],
      },
      { on: chats, keys: ['+choices[].message.refusal'] },
    ],
  },
  {
    because: 'A stream of a chat begins with an event that has the role and no text, as at OpenAI.',
    shown: [
      {
        requests: [
          'chat, as a stream',
          'chat, as a stream with usage',
          'chat with max_tokens, as a stream',
          'a tool call, as a stream',
        ],
        keys: ['order'],
      },
    ],
  },
  {
    because:
      'The content beside calls is null where there is none, and a call has an index in streams only, as at OpenAI.',
    shown: [
      {
        requests: ['a tool call'],
        keys: ['type choices[].message.content null string', '-choices[].message.tool_calls[].index'],
      },
    ],
  },
  {
    because:
      'The template of the GGUF file counts, so that a model has tools where Ollama was given a template without.',
    shown: [{ requests: ['a tool call', 'the result of a tool'], keys: ['usage.prompt_tokens'] }],
  },
  {
    because:
      '`n`, `logit_bias`, `tool_choice`, log probabilities and vectors in base64 are understood; Ollama 0.12.6 ignores them.',
    shown: [
      { requests: ['chat with two answers', 'chat with a bias'], keys: ['text'] },
      { requests: ['tools that may not be called'], keys: ['text', 'usage.prompt_tokens'] },
      { requests: ['chat with log probabilities'], keys: ['tokens'] },
      {
        requests: ['embedding in base64'],
        keys: ['type data[].embedding string list', '-data[].embedding[]'],
      },
    ],
  },
  {
    because:
      'The prompt of `/v1/completions` goes to the model as it is, as at OpenAI; Ollama puts it into the template of the chat.',
    shown: [
      {
        requests: ['completion', 'completion, as a stream with usage', 'completion with a stop sequence'],
        keys: ['text', 'usage.prompt_tokens'],
      },
      { requests: ['completion, as a stream'], keys: ['text'] },
      { on: completions, keys: ['value choices[].finish_reason'] },
    ],
  },
  {
    because: 'Several prompts, lists of tokens and a gap to fill are taken; Ollama refuses them.',
    shown: [
      {
        requests: ['completion with a suffix', 'completion of a list', 'embedding of tokens'],
        keys: ['status 200 400'],
      },
    ],
  },
  {
    because: 'Errors of the routes of OpenAI are told in our own words, as is what to do about them.',
    shown: [{ on: openAi, keys: ['words'] }],
  },
  {
    because:
      'A missing prompt, a value out of its bounds and a choice that there is not are refused; Ollama goes on without.',
    shown: [
      {
        requests: [
          'completion of nothing',
          'temperature above its bounds',
          'stop of the wrong type',
          'an unknown format',
          'a schema format without a schema',
        ],
        keys: ['status 400 200'],
      },
    ],
  },
  {
    because: 'A request without a model gets status 400 on every route; Ollama has 404 on some.',
    shown: [{ requests: ['an empty object to /v1/completions'], keys: ['status 400 404'] }],
  },
  {
    because:
      'A conversation that is too long is refused on the routes of OpenAI, as at OpenAI; Ollama drops its oldest messages.',
    shown: [{ requests: ['a chat that is too long'], keys: ['status 400 200'] }],
  },
  {
    because: 'An empty text has no vector: status 400, and not 500.',
    shown: [{ requests: ['embedding of an empty text'], keys: ['status 400 500'] }],
  },
];

/** What is meant to differ from Ollama in the requests about options, names, headers and OpenAI's routes. */
export const ollamaRequestDifferences: readonly ListedDifference[] = [...ollamaApi, ...openAiApi];
