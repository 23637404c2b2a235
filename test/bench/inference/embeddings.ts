import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { BenchRefused } from '../harness/bench.ts';
import type { Engine } from './engine.ts';
import type { LoadContext } from './loads.ts';

/** The bundled embedding model, as a path. */
export const embeddingModel = fileURLToPath(
  new URL('../../../models/ollamamax-tiny-embed-f16.gguf', import.meta.url),
);

interface Answer {
  readonly data: readonly { readonly embedding: readonly number[] }[];
}

const post = (engine: Engine, input: readonly string[], signal: AbortSignal): Promise<Response> =>
  fetch(new URL('/v1/embeddings', engine.url), {
    method: 'POST',
    signal,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: engine.model, input }),
  });

/** Whether the engine has the route at all; anything else that is wrong with it shows when it is measured. */
export const canEmbed = async (engine: Engine, signal: AbortSignal): Promise<boolean> => {
  const response = await post(engine, ['hello'], signal);
  await response.text();
  return ![404, 405, 501].includes(response.status);
};

/**
 * Short inputs in one request; inputs per second.
 * @throws BenchRefused when an input has no vector, or one of another length than the others
 */
export const embed = async (
  engine: Engine,
  context: LoadContext,
  inputs: number,
  tokens: number,
): Promise<number> => {
  const texts = Array.from({ length: inputs }, (_unused, index) =>
    context.prompts(`${context.seed} input ${index}`, tokens),
  );
  const start = performance.now();
  const response = await post(engine, texts, context.signal);
  if (!response.ok)
    throw new BenchRefused(`${engine.name}: HTTP status ${response.status} to ${inputs} inputs to embed`);
  const { data } = (await response.json()) as Answer;
  const seconds = (performance.now() - start) / 1000;
  const lengths = new Set(data.map(({ embedding }) => embedding.length));
  if (data.length !== inputs || lengths.size !== 1 || lengths.has(0))
    throw new BenchRefused(`${engine.name}: ${data.length} vectors for ${inputs} inputs, or of odd lengths`);
  return inputs / seconds;
};
