import * as openai from '../rest/openai.ts';
import { inferenceErrors, later, modelErrors, noEmbeddings } from './inference-errors.ts';
import type { Route } from './route.ts';

const chatInstead = 'Send the conversation to /v1/chat/completions.';

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
    access: 'readonly',
    response: openai.OpenAiModel,
    errors: modelErrors,
  },
  chatCompletions: {
    method: 'post',
    path: '/v1/chat/completions',
    dialect: 'openai',
    summary: 'Answer a conversation',
    access: 'user',
    body: openai.ChatCompletionBody,
    response: openai.ChatCompletionResponse,
    streams: 'text/event-stream',
    streamItem: openai.ChatCompletionChunk,
    errors: inferenceErrors,
  },
  completions: {
    method: 'post',
    path: '/v1/completions',
    dialect: 'openai',
    summary: 'Complete a prompt',
    ...later(chatInstead),
  },
  openaiEmbeddings: {
    method: 'post',
    path: '/v1/embeddings',
    dialect: 'openai',
    summary: 'Embeddings',
    ...later(noEmbeddings),
  },
  responses: {
    method: 'post',
    path: '/v1/responses',
    dialect: 'openai',
    summary: 'Responses API',
    ...later(chatInstead),
  },
} as const satisfies Record<string, Route>;
