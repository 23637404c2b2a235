import type { IncomingMessage } from 'node:http';
import { ApiError } from '@ollamamax/api';

/** Whether a request brings a file, which takes as long as it takes. */
export const isUpload = ({ method, url = '' }: Pick<IncomingMessage, 'method' | 'url'>): boolean =>
  method === 'POST' && url.startsWith('/api/blobs/');

/**
 * The bytes of a request as they come. One that sends nothing for `stallMs` is given up: an upload may take hours, but
 * it has to go on.
 * @throws ApiError request_timeout, cancelled
 */
export async function* uploadOf(request: IncomingMessage, stallMs: number): AsyncGenerator<Uint8Array> {
  const stalled = Promise.withResolvers<never>();
  stalled.promise.catch(() => undefined);
  const timer = setTimeout(
    () => stalled.reject(new ApiError('request_timeout', `No byte came for ${stallMs / 1000} s.`)),
    stallMs,
  );
  // The answer still has to go out on the socket when the reading ends early.
  const chunks = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer, undefined>;
  try {
    for (;;) {
      const next = await Promise.race([chunks.next(), stalled.promise]);
      if (next.done === true) break;
      timer.refresh();
      yield next.value;
    }
    if (!request.complete) throw new ApiError('cancelled');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'ECONNRESET' ? new ApiError('cancelled', undefined, { cause: error }) : error;
  } finally {
    clearTimeout(timer);
  }
}
