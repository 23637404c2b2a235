import type { Handlers } from './handlers.ts';
import type { InferenceCalls } from './inference-calls.ts';
import { openaiChatHandlers } from './openai-chat.ts';
import { openaiCompletionHandlers } from './openai-completions.ts';
import { openaiEmbeddingHandlers } from './openai-embeddings.ts';
import { openaiResponseHandlers } from './openai-responses.ts';

/** OpenAI's generating routes over the cluster. */
export const openaiInferenceHandlers = (
  calls: InferenceCalls,
): Handlers<'chatCompletions' | 'completions' | 'openaiEmbeddings' | 'rerank' | 'responses'> => ({
  ...openaiChatHandlers(calls),
  ...openaiCompletionHandlers(calls),
  ...openaiEmbeddingHandlers(calls),
  ...openaiResponseHandlers(calls),
});
