import { Type, type Static } from 'typebox';
import { oneOf } from '../one-of.ts';

// Schemas that several of OpenAI's routes have in common.

export const ReasoningEffort = oneOf(['none', 'minimal', 'low', 'medium', 'high', 'xhigh'], {
  description:
    'none: no thinking; minimal counts as low, xhigh as high. Refused for models that cannot think.',
});
export type ReasoningEffort = Static<typeof ReasoningEffort>;

export const OpenAiUsage = Type.Object({
  prompt_tokens: Type.Integer(),
  completion_tokens: Type.Integer(),
  total_tokens: Type.Integer(),
  prompt_tokens_details: Type.Object({ cached_tokens: Type.Integer() }),
  completion_tokens_details: Type.Optional(
    Type.Object({
      reasoning_tokens: Type.Integer({ description: 'Tokens of the thinking.' }),
      accepted_prediction_tokens: Type.Optional(
        Type.Integer({
          description: 'With a prediction: tokens that were computed in advance and came true.',
        }),
      ),
      rejected_prediction_tokens: Type.Optional(
        Type.Integer({ description: 'With a prediction: tokens that were computed in advance in vain.' }),
      ),
    }),
  ),
});

/** How sure the model was of one token. */
export const OpenAiTokenLogprob = Type.Object({
  token: Type.String(),
  logprob: Type.Number({ description: 'Natural logarithm.' }),
  bytes: Type.Array(Type.Integer()),
  top_logprobs: Type.Array(
    Type.Object({ token: Type.String(), logprob: Type.Number(), bytes: Type.Array(Type.Integer()) }),
  ),
});

export const OpenAiModel = Type.Object({
  id: Type.String(),
  object: Type.Literal('model'),
  created: Type.Integer(),
  owned_by: Type.String(),
});

export const OpenAiModelList = Type.Object({ object: Type.Literal('list'), data: Type.Array(OpenAiModel) });

export const OpenAiError = Type.Object({
  error: Type.Object({
    message: Type.String(),
    type: Type.String(),
    param: Type.Union([Type.String(), Type.Null()]),
    code: Type.Union([Type.String(), Type.Null()]),
    request_id: Type.String(),
  }),
});
