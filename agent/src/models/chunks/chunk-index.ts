import { open } from 'node:fs/promises';
import { isApiError } from '@ollamamax/api';
import { readGguf } from '../gguf.ts';
import { inHashingThread } from '../hashing-thread.ts';
import type { ChunkDigestJob, ChunkDigestMessage } from './chunk-digest-worker.ts';
import { maxChunkBytes, planChunks, type Chunker, type ChunkExtent, type ChunkPlan } from './chunk-plan.ts';

export interface Chunk extends ChunkExtent {
  /** Lower-case hex SHA-256 of its bytes. */
  readonly sha256: string;
}

/** Which chunks a file consists of. It follows from the bytes of the file, so that it is the same on every agent. */
export interface ChunkIndex {
  readonly chunker: Chunker;
  readonly size: number;
  /** In the order of the file, without gaps. */
  readonly chunks: readonly Chunk[];
}

/**
 * Cuts a file and hashes its chunks, in a thread of its own.
 * @throws the error of the file system, or the signal's reason
 */
export const readChunkIndex = async (path: string, signal: AbortSignal): Promise<ChunkIndex> => {
  const { plan, size } = await planOf(path);
  const digests = await hashChunks({ path, chunks: plan.chunks }, signal);
  return {
    chunker: plan.chunker,
    size,
    chunks: plan.chunks.map((chunk, index) => ({ ...chunk, sha256: digests[index] ?? '' })),
  };
};

const planOf = async (path: string): Promise<{ readonly plan: ChunkPlan; readonly size: number }> => {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const tensors = await readGguf(handle).then(
      (header) => header.tensors,
      (error: unknown) => {
        // What is no model has no tensors.
        if (isApiError(error)) return undefined;
        throw error;
      },
    );
    return { plan: planChunks(size, tensors), size };
  } finally {
    await handle.close();
  }
};

const hashChunks = (job: ChunkDigestJob, signal: AbortSignal): Promise<readonly string[]> =>
  inHashingThread(new URL('./chunk-digest-worker.ts', import.meta.url), job, signal, (told) => {
    const message = told as ChunkDigestMessage;
    if (message.kind === 'done') return message.digests;
    throw Object.assign(new Error(`${job.path}: ${message.message}`), { code: message.code });
  });

const isChunker = (value: unknown): value is Chunker => value === 'gguf-1' || value === 'fixed-1';

/** As it is stored: lengths and digests, for offsets follow from them. */
export const encodeChunkIndex = ({ chunker, size, chunks }: ChunkIndex): string =>
  JSON.stringify({ chunker, size, chunks: chunks.map(({ length, sha256 }) => [length, sha256]) });

/** @throws Error where it is not one, or one whose chunks are not all of the file */
export const decodeChunkIndex = (text: string): ChunkIndex => {
  const stored = JSON.parse(text) as Partial<Record<'chunker' | 'size' | 'chunks', unknown>> | null;
  if (!isChunker(stored?.chunker) || typeof stored.size !== 'number' || !Array.isArray(stored.chunks))
    throw new Error('it is no index of chunks');
  let offset = 0;
  const chunks = stored.chunks.map((entry: unknown): Chunk => {
    const [length, sha256] = Array.isArray(entry) ? (entry as readonly unknown[]) : [];
    if (
      typeof length !== 'number' ||
      !Number.isSafeInteger(length) ||
      length < 1 ||
      length > maxChunkBytes ||
      typeof sha256 !== 'string' ||
      !/^[0-9a-f]{64}$/.test(sha256)
    )
      throw new Error('one of its chunks is none');
    const chunk = { offset, length, sha256 };
    offset += length;
    return chunk;
  });
  if (offset !== stored.size) throw new Error(`its chunks end at ${offset} and the file at ${stored.size}`);
  return { chunker: stored.chunker, size: stored.size, chunks };
};
