import type { OpenAiEmbeddingBody, RerankBody } from '@ollamamax/api';
import type { Handlers } from './handlers.ts';
import type { InferenceCalls } from './inference-calls.ts';
import { present, requestHead } from './inference-request.ts';
import { eachInput } from './openai-completions.ts';

const bytesPerNumber = 4;

/** 32-bit floats, little-endian, which OpenAI's clients ask for by default. */
const toBase64 = (vector: readonly number[]): string => {
  const bytes = Buffer.alloc(vector.length * bytesPerNumber);
  vector.forEach((value, index) => bytes.writeFloatLE(value, index * bytesPerNumber));
  return bytes.toString('base64');
};

/** OpenAI's /v1/embeddings, and /v1/rerank beside it, over the cluster. */
export const openaiEmbeddingHandlers = (calls: InferenceCalls): Handlers<'openaiEmbeddings' | 'rerank'> => ({
  openaiEmbeddings: async (call) => {
    const body = call.body as OpenAiEmbeddingBody;
    const { embeddings, usage } = await calls.collect(call, {
      ...requestHead(body.model, call.context),
      input: {
        kind: 'embed',
        inputs: eachInput(body.input),
        // As OpenAI does: an input that is too long is an error, vectors have length 1.
        truncate: false,
        normalize: true,
        ...present({ dimensions: body.dimensions }),
      },
    });
    call.response.json({
      object: 'list',
      data: embeddings.map((vector, index) => ({
        object: 'embedding',
        index,
        embedding: body.encoding_format === 'base64' ? toBase64(vector) : vector,
      })),
      model: body.model,
      usage: { prompt_tokens: usage.promptTokens, total_tokens: usage.promptTokens },
    });
  },
  rerank: async (call) => {
    const body = call.body as RerankBody;
    const documents = body.documents.map((document) =>
      typeof document === 'string' ? document : document.text,
    );
    const { scores, usage } = await calls.collect(call, {
      ...requestHead(body.model, call.context),
      input: { kind: 'rerank', query: body.query, documents },
    });
    const results = scores
      .map((score, index) => ({
        index,
        relevance_score: score,
        ...(body.return_documents === true ? { document: { text: documents[index] ?? '' } } : {}),
      }))
      .toSorted((a, b) => b.relevance_score - a.relevance_score)
      .slice(0, body.top_n ?? undefined);
    call.response.json({
      model: body.model,
      object: 'list',
      usage: { prompt_tokens: usage.promptTokens, total_tokens: usage.promptTokens },
      results,
    });
  },
});
