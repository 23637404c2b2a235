import * as inference from '../rest/inference.ts';
import { inferenceErrors } from './inference-errors.ts';
import type { Route } from './route.ts';

const work = { method: 'post', dialect: 'native', access: 'user', errors: inferenceErrors } as const;

export const inferenceRoutes = {
  nativeGenerate: {
    ...work,
    path: '/api/v1/generate',
    summary: 'Complete a prompt',
    body: inference.NativeGenerateBody,
    response: inference.NativeGenerateResponse,
    streams: 'text/event-stream',
    streamItem: inference.NativeStreamEvent,
  },
  nativeChat: {
    ...work,
    path: '/api/v1/chat',
    summary: 'Answer a conversation',
    body: inference.NativeChatBody,
    response: inference.NativeChatResponse,
    streams: 'text/event-stream',
    streamItem: inference.NativeStreamEvent,
  },
  nativeEmbeddings: {
    ...work,
    path: '/api/v1/embeddings',
    summary: 'Embeddings',
    body: inference.NativeEmbeddingsBody,
    response: inference.NativeEmbeddingsResponse,
  },
  tokenize: {
    ...work,
    path: '/api/v1/tokenize',
    summary: 'Tokens of a text',
    body: inference.NativeTokenizeBody,
    response: inference.NativeTokenizeResponse,
  },
  detokenize: {
    ...work,
    path: '/api/v1/detokenize',
    summary: 'Text of tokens',
    body: inference.NativeDetokenizeBody,
    response: inference.NativeDetokenizeResponse,
  },
  applyTemplate: {
    ...work,
    path: '/api/v1/apply-template',
    summary: 'The prompt that a conversation becomes',
    body: inference.NativeTemplateBody,
    response: inference.NativeTemplateResponse,
  },
} as const satisfies Record<string, Route>;
