import { Type, type Static } from 'typebox';
import { oneOf } from '../one-of.ts';
import { answersField, nullable, openAiModelField, openAiSampling, streamFields } from './openai-fields.ts';
import { OpenAiUsage } from './openai.ts';

/** Tokens of the model, which go to it as they are. */
export const TokenList = Type.Array(Type.Integer({ minimum: 0, maximum: 2147483647 }), {
  minItems: 1,
  maxItems: 1000000,
});

/** One text, one list of tokens, or several of either. */
export const TextOrTokens = Type.Union([
  Type.String(),
  TokenList,
  Type.Array(Type.String(), { minItems: 1, maxItems: 2048 }),
  Type.Array(TokenList, { minItems: 1, maxItems: 2048 }),
]);
export type TextOrTokens = Static<typeof TextOrTokens>;

export const CompletionBody = Type.Object({
  model: openAiModelField,
  prompt: TextOrTokens,
  suffix: nullable(Type.String({ description: 'What comes behind the answer: the model fills the gap.' })),
  ...streamFields,
  n: answersField,
  best_of: nullable(Type.Integer({ minimum: 1, description: 'Only the same as n.' })),
  echo: nullable(Type.Boolean({ description: 'The prompt comes before the answer; not with logprobs.' })),
  max_tokens: nullable(Type.Integer({ minimum: 0, description: '16 when left out, as at OpenAI.' })),
  ...openAiSampling,
  logprobs: nullable(Type.Integer({ minimum: 0, maximum: 5 })),
  grammar: nullable(
    Type.String({ minLength: 1, description: "Extension: a grammar in llama.cpp's GBNF for the answer." }),
  ),
  user: nullable(Type.String()),
});
export type CompletionBody = Static<typeof CompletionBody>;

/** The older form of log probabilities: lists side by side. */
const CompletionLogprobs = Type.Object({
  tokens: Type.Array(Type.String({ description: 'A part of a character is written as `bytes:\\xe2…`.' })),
  token_logprobs: Type.Array(Type.Number()),
  top_logprobs: Type.Array(Type.Record(Type.String(), Type.Number())),
  text_offset: Type.Array(Type.Integer({ description: 'Where the token begins in the text.' })),
});

const completion = (
  finish: Parameters<typeof Type.Union>[0][number],
  usage: Parameters<typeof Type.Union>[0][number],
) => ({
  id: Type.String(),
  object: Type.Literal('text_completion'),
  created: Type.Integer({ description: 'Seconds since 1970.' }),
  model: Type.String(),
  system_fingerprint: Type.String(),
  choices: Type.Array(
    Type.Object({
      text: Type.String(),
      index: Type.Integer({ description: 'Answers to the first prompt come first.' }),
      logprobs: Type.Union([CompletionLogprobs, Type.Null()]),
      finish_reason: finish,
    }),
  ),
  usage,
});

const CompletionFinish = oneOf(['stop', 'length'], { description: 'Why the answer ended.' });

export const CompletionResponse = Type.Object(completion(CompletionFinish, OpenAiUsage));

/** The data of one event of the streamed form; the last event's data is `[DONE]`. */
export const CompletionChunk = Type.Object(
  completion(
    Type.Union([CompletionFinish, Type.Null()]),
    Type.Optional(
      Type.Union([OpenAiUsage, Type.Null()], {
        description: 'Only with stream_options.include_usage; null but in the last event.',
      }),
    ),
  ),
);

export const OpenAiEmbeddingBody = Type.Object({
  model: openAiModelField,
  input: TextOrTokens,
  dimensions: nullable(
    Type.Integer({
      minimum: 1,
      maximum: 65536,
      description: 'Keeps the first so many numbers, scaled to length 1.',
    }),
  ),
  encoding_format: nullable(
    oneOf(['float', 'base64'], { description: 'base64: 32-bit floats, little-endian. float when left out.' }),
  ),
  user: nullable(Type.String()),
});
export type OpenAiEmbeddingBody = Static<typeof OpenAiEmbeddingBody>;

const PromptUsage = Type.Object({ prompt_tokens: Type.Integer(), total_tokens: Type.Integer() });

export const OpenAiEmbeddingResponse = Type.Object({
  object: Type.Literal('list'),
  data: Type.Array(
    Type.Object({
      object: Type.Literal('embedding'),
      index: Type.Integer(),
      embedding: Type.Union([Type.Array(Type.Number()), Type.String()]),
    }),
  ),
  model: Type.String(),
  usage: PromptUsage,
});

// Not of OpenAI: the form that Jina's and Cohere's clients and llama-server share.
export const RerankBody = Type.Object({
  model: openAiModelField,
  query: Type.String(),
  documents: Type.Array(Type.Union([Type.String(), Type.Object({ text: Type.String() })]), {
    minItems: 1,
    maxItems: 10000,
  }),
  top_n: nullable(Type.Integer({ minimum: 1, description: 'Best documents wanted; all when left out.' })),
  return_documents: nullable(Type.Boolean()),
});
export type RerankBody = Static<typeof RerankBody>;

export const RerankResponse = Type.Object({
  model: Type.String(),
  object: Type.Literal('list'),
  usage: PromptUsage,
  results: Type.Array(
    Type.Object({
      index: Type.Integer({ description: 'Of the document in the request.' }),
      relevance_score: Type.Number({ description: 'Higher is better.' }),
      document: Type.Optional(Type.Object({ text: Type.String() })),
    }),
    { description: 'Best first.' },
  ),
});
