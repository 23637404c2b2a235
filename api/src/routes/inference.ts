import * as inference from '../rest/inference.ts';
import { exampleMessages as messages, exampleModel as model } from './examples.ts';
import { inferenceErrors } from './inference-errors.ts';
import type { Route } from './route.ts';

const work = { method: 'post', dialect: 'native', access: 'user', errors: inferenceErrors } as const;

export const inferenceRoutes = {
  nativeGenerate: {
    ...work,
    path: '/api/v1/generate',
    summary: 'Complete a prompt',
    body: inference.NativeGenerateBody,
    example: { model, prompt: 'Hello', options: { maxTokens: 16 } },
    response: inference.NativeGenerateResponse,
    streams: 'text/event-stream',
    streamItem: inference.NativeStreamEvent,
  },
  nativeChat: {
    ...work,
    path: '/api/v1/chat',
    summary: 'Answer a conversation',
    body: inference.NativeChatBody,
    example: { model, messages, options: { maxTokens: 16 } },
    response: inference.NativeChatResponse,
    streams: 'text/event-stream',
    streamItem: inference.NativeStreamEvent,
  },
  nativeEmbeddings: {
    ...work,
    path: '/api/v1/embeddings',
    summary: 'Embeddings',
    body: inference.NativeEmbeddingsBody,
    example: { model, input: ['Hello', 'Good morning'] },
    response: inference.NativeEmbeddingsResponse,
  },
  tokenize: {
    ...work,
    path: '/api/v1/tokenize',
    summary: 'Tokens of a text',
    body: inference.NativeTokenizeBody,
    example: { model, text: 'Hello' },
    response: inference.NativeTokenizeResponse,
  },
  detokenize: {
    ...work,
    path: '/api/v1/detokenize',
    summary: 'Text of tokens',
    body: inference.NativeDetokenizeBody,
    example: { model, tokens: [1, 2, 3] },
    response: inference.NativeDetokenizeResponse,
  },
  applyTemplate: {
    ...work,
    path: '/api/v1/apply-template',
    summary: 'The prompt that a conversation becomes',
    body: inference.NativeTemplateBody,
    example: { model, messages },
    response: inference.NativeTemplateResponse,
  },
} as const satisfies Record<string, Route>;
