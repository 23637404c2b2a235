import type { ProgressResponse } from '@ollamamax/api';
import type { Logger } from '@ollamamax/common';
import { errorBody, toApiError } from './error-response.ts';
import type { Handler } from './handlers.ts';
import { StreamWriter } from './stream-writer.ts';

export interface ProgressOptions {
  readonly log: Logger;
  /** A reader that takes no byte for so long is cut off, in milliseconds. */
  readonly writeStallMs: number;
}

/**
 * Answers with the progress of some work: as lines, or with its last word alone. An error before the first line is
 * thrown, a later one is the last line.
 */
export const answerProgress = async (
  { context, response }: Parameters<Handler>[0],
  steps: AsyncIterable<ProgressResponse>,
  streamed: boolean,
  { log, writeStallMs }: ProgressOptions,
): Promise<void> => {
  const writer = new StreamWriter(response, writeStallMs);
  let last: ProgressResponse | undefined;
  try {
    for await (const step of steps) {
      if (streamed) {
        if (last === undefined) {
          response.setHeader('content-type', 'application/x-ndjson');
          response.setHeader('cache-control', 'no-cache, no-transform');
          // Proxies would otherwise hold the lines back.
          response.setHeader('x-accel-buffering', 'no');
        }
        await writer.write(`${JSON.stringify(step)}\n`);
      }
      last = step;
    }
  } catch (thrown) {
    if (!streamed || last === undefined) throw thrown;
    const error = toApiError(thrown, log, context.id);
    context.errorCode = error.code;
    writer.end(`${JSON.stringify(errorBody(error, 'ollama', context.id))}\n`);
    return;
  }
  if (streamed) writer.end();
  else response.json(last);
};
