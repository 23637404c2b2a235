import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

/** Thread that hashes one file: keeps SHA-256 of large models off the thread that answers requests. */
export interface DigestJob {
  readonly path: string;
}

export type DigestMessage =
  | { readonly kind: 'progress'; readonly bytes: number }
  | { readonly kind: 'done'; readonly digest: string; readonly bytes: number }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

const send = (message: DigestMessage): void => parentPort?.postMessage(message);

const progressBytes = 64 * 1024 * 1024;

const hash = (path: string): void => {
  const descriptor = openSync(path, 'r');
  try {
    const sha256 = createHash('sha256');
    const buffer = new Uint8Array(1024 * 1024);
    let total = 0;
    let reported = 0;
    for (;;) {
      const read = readSync(descriptor, buffer, 0, buffer.length, null);
      if (read === 0) break;
      sha256.update(buffer.subarray(0, read));
      total += read;
      if (total - reported >= progressBytes) {
        reported = total;
        send({ kind: 'progress', bytes: total });
      }
    }
    send({ kind: 'done', digest: sha256.digest('hex'), bytes: total });
  } finally {
    closeSync(descriptor);
  }
};

try {
  hash((workerData as DigestJob).path);
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  send({ kind: 'failed', code: code ?? '', message });
}
