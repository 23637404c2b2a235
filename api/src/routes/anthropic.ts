import * as anthropic from '../rest/anthropic.ts';
import { exampleMessages as messages, exampleModel as model } from './examples.ts';
import { inferenceErrors } from './inference-errors.ts';
import type { Route } from './route.ts';

const work = { method: 'post', dialect: 'anthropic', access: 'user', errors: inferenceErrors } as const;

export const anthropicRoutes = {
  messages: {
    ...work,
    path: '/v1/messages',
    summary: 'Answer a conversation',
    body: anthropic.AnthropicMessagesBody,
    example: { model, messages, max_tokens: 16 },
    response: anthropic.AnthropicMessageResponse,
    streams: 'text/event-stream',
    streamItem: anthropic.AnthropicStreamEvent,
  },
  countTokens: {
    ...work,
    path: '/v1/messages/count_tokens',
    summary: 'Tokens that a conversation has for the model',
    body: anthropic.AnthropicCountBody,
    example: { model, messages },
    response: anthropic.AnthropicCountResponse,
  },
} as const satisfies Record<string, Route>;
