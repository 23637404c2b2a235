import type { IncomingMessage } from 'node:http';
import { ApiError } from '@ollamamax/api';

/**
 * Reads a whole JSON body, of a request or of a response.
 * @throws ApiError body_too_large, missing_body, invalid_json; the stream's own error when it breaks
 */
export const readJsonBody = async (message: IncomingMessage, maxBytes: number): Promise<unknown> => {
  const tooLarge = (): ApiError =>
    new ApiError('body_too_large', `The body is larger than the limit of ${maxBytes} bytes.`);
  if (Number(message.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop must not destroy the message: the answer still has to go out on its socket.
  for await (const chunk of message.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk as Buffer);
  }
  if (size === 0) throw new ApiError('missing_body');
  try {
    return JSON.parse(Buffer.concat(chunks, size).toString('utf8')) as unknown;
  } catch (error) {
    throw new ApiError('invalid_json', undefined, { cause: error });
  }
};
