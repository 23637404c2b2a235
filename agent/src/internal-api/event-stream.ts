import type { ServerResponse } from 'node:http';
import { ApiError, toWireError } from '@ollamamax/api';
import type { InferenceEvent } from '@ollamamax/api';

/** Content type of a stream of InferenceEvents, one JSON object per line. */
const eventStreamType = 'application/x-ndjson';

/** Waits until the reader has taken what was written; cuts the connection of one that takes nothing. */
const drained = (response: ServerResponse, stallMs: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const settle = (error?: ApiError): void => {
      clearTimeout(timer);
      response.off('drain', onDrain);
      response.off('close', onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onDrain = (): void => settle();
    const onClose = (): void => settle(new ApiError('cancelled'));
    const timer = setTimeout(() => {
      response.destroy();
      settle(new ApiError('cancelled', `The reader took no byte for ${stallMs} ms.`));
    }, stallMs);
    response.on('drain', onDrain);
    response.on('close', onClose);
    if (response.destroyed) onClose();
  });

/**
 * Writes events as lines, never further ahead than the reader's socket buffers allow: the next event is asked for
 * only when the last one has been taken. An error after the first event becomes the last line.
 * @throws the error of `events` when nothing has been written yet; `cancelled` when the reader left or stalled
 */
export const writeEventStream = async (
  response: ServerResponse,
  events: AsyncIterable<InferenceEvent>,
  stallMs: number,
): Promise<void> => {
  const line = (event: InferenceEvent): string => `${JSON.stringify(event)}\n`;
  let failure: unknown;
  try {
    for await (const event of events) {
      if (response.destroyed) throw new ApiError('cancelled');
      if (!response.headersSent) response.writeHead(200, { 'content-type': eventStreamType });
      if (!response.write(line(event))) await drained(response, stallMs);
    }
  } catch (error) {
    if (!response.headersSent || response.destroyed) throw error;
    failure = error;
  }
  if (failure === undefined) response.end();
  else response.end(line({ type: 'error', error: toWireError(failure) }));
};
