import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { ChunkExtent } from './chunk-plan.ts';

/** Thread that hashes the chunks of one file: keeps SHA-256 of large models off the thread that answers requests. */
export interface ChunkDigestJob {
  readonly path: string;
  readonly chunks: readonly ChunkExtent[];
}

export type ChunkDigestMessage =
  /** Lower-case hex, in the order of the chunks. */
  | { readonly kind: 'done'; readonly digests: readonly string[] }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

const send = (message: ChunkDigestMessage): void => parentPort?.postMessage(message);

const buffer = new Uint8Array(1024 * 1024);

const digestOf = (descriptor: number, { offset, length }: ChunkExtent): string => {
  const sha256 = createHash('sha256');
  for (let done = 0; done < length;) {
    const read = readSync(descriptor, buffer, 0, Math.min(buffer.length, length - done), offset + done);
    if (read === 0) throw new Error(`it ends at byte ${offset + done}`);
    sha256.update(buffer.subarray(0, read));
    done += read;
  }
  return sha256.digest('hex');
};

const { path, chunks } = workerData as ChunkDigestJob;
try {
  const descriptor = openSync(path, 'r');
  try {
    send({ kind: 'done', digests: chunks.map((chunk) => digestOf(descriptor, chunk)) });
  } finally {
    closeSync(descriptor);
  }
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  send({ kind: 'failed', code: code ?? '', message });
}
