import type { ServerResponse } from 'node:http';
import { toWireError } from '@ollamamax/api';
import type { WireError } from '@ollamamax/api';
import { StreamWriter } from '../http/stream-writer.ts';

/** Content type of a stream of events, one JSON object per line. */
const eventStreamType = 'application/x-ndjson';

/**
 * Writes events as lines, never further ahead than the reader's socket buffers allow. An error after the first
 * event becomes the last line.
 * @throws the error of `events` when nothing has been written yet; `cancelled` when the reader left or stalled
 */
export const writeEventStream = async <Event extends object>(
  response: ServerResponse,
  events: AsyncIterable<Event>,
  stallMs: number,
): Promise<void> => {
  const line = (event: Event | { type: 'error'; error: WireError }): string => `${JSON.stringify(event)}\n`;
  const writer = new StreamWriter(response, stallMs);
  let begun = false;
  let failure: unknown;
  try {
    for await (const event of events) {
      if (!begun) response.setHeader('content-type', eventStreamType);
      begun = true;
      const taken = writer.write(line(event));
      if (taken !== undefined) await taken;
    }
  } catch (error) {
    if (!begun || response.destroyed) throw error;
    failure = error;
  }
  if (failure === undefined) writer.end();
  else writer.end(line({ type: 'error', error: toWireError(failure) }));
};
