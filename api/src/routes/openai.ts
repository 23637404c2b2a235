import { Type } from 'typebox';
import * as chat from '../rest/openai-chat.ts';
import * as completions from '../rest/openai-completions.ts';
import * as responses from '../rest/openai-responses.ts';
import * as openai from '../rest/openai.ts';
import { exampleMessages as messages, exampleModel as model, ModelInPath } from './examples.ts';
import { inferenceErrors, modelErrors } from './inference-errors.ts';
import type { Route } from './route.ts';

const work = { method: 'post', dialect: 'openai', access: 'user', errors: inferenceErrors } as const;

export const openaiRoutes = {
  openaiModels: {
    method: 'get',
    path: '/v1/models',
    dialect: 'openai',
    summary: 'List models',
    access: 'readonly',
    response: openai.OpenAiModelList,
  },
  openaiModel: {
    method: 'get',
    path: '/v1/models/{model}',
    dialect: 'openai',
    summary: 'One model',
    parameters: { model: ModelInPath },
    access: 'readonly',
    response: openai.OpenAiModel,
    errors: modelErrors,
  },
  chatCompletions: {
    ...work,
    path: '/v1/chat/completions',
    summary: 'Answer a conversation',
    body: chat.ChatCompletionBody,
    example: { model, messages, max_tokens: 16 },
    response: chat.ChatCompletionResponse,
    streams: 'text/event-stream',
    streamItem: Type.Union([chat.ChatCompletionChunk, openai.OpenAiError]),
  },
  responses: {
    ...work,
    path: '/v1/responses',
    summary: 'Answer a conversation (Responses API, without a memory)',
    body: responses.ResponseBody,
    example: { model, input: 'What is the capital of France?', max_output_tokens: 16 },
    response: responses.ResponseObject,
    streams: 'text/event-stream',
    streamItem: responses.ResponseStreamEvent,
  },
  completions: {
    ...work,
    path: '/v1/completions',
    summary: 'Complete a prompt, which goes to the model without its chat template',
    body: completions.CompletionBody,
    example: { model, prompt: 'Hello', max_tokens: 16 },
    response: completions.CompletionResponse,
    streams: 'text/event-stream',
    streamItem: Type.Union([completions.CompletionChunk, openai.OpenAiError]),
  },
  openaiEmbeddings: {
    ...work,
    path: '/v1/embeddings',
    summary: 'Embeddings',
    body: completions.OpenAiEmbeddingBody,
    example: { model, input: ['Hello', 'Good morning'] },
    response: completions.OpenAiEmbeddingResponse,
  },
  rerank: {
    ...work,
    path: '/v1/rerank',
    summary: 'How well documents answer a query',
    body: completions.RerankBody,
    example: { model, query: 'Where is Paris?', documents: ['Paris is in France.', 'Cats sleep a lot.'] },
    response: completions.RerankResponse,
  },
} as const satisfies Record<string, Route>;
