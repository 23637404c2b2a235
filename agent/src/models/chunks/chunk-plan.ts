/** Largest chunk: below the 10 MB that the specification allows, and small enough to be sent again. */
export const maxChunkBytes = 8 * 1024 * 1024;
/** Tensors of this size and more begin a chunk of their own; smaller ones share one with their neighbours. */
const ownChunkBytes = 1024 * 1024;

/** A tensor as far as its place in the file is concerned, in bytes from the start of the file. */
export interface TensorExtent {
  readonly offset: number;
  readonly bytes: number;
}

/** Part of a file; a chunk is moved and verified as a whole. */
export interface ChunkExtent {
  readonly offset: number;
  readonly length: number;
}

/**
 * How a file was cut, with the version of the rule: files that are cut alike share the chunks of what they have in common.
 * `gguf-1` follows the tensors; `fixed-1` cuts every 8 MiB, and is for files without tensors that could be read.
 */
export type Chunker = 'gguf-1' | 'fixed-1';

export interface ChunkPlan {
  readonly chunker: Chunker;
  /** In the order of the file, without gaps. */
  readonly chunks: readonly ChunkExtent[];
}

/**
 * Cuts a file into chunks of at most 8 MiB, at the beginnings of its tensors: tensors that a new version leaves as they
 * are keep their chunks wherever they have moved to, as they do when a chat template grows. Depends on sizes and offsets
 * only, so that all agents cut alike.
 * @param tensors undefined: the file has none, or they could not be read
 */
export const planChunks = (fileBytes: number, tensors: readonly TensorExtent[] | undefined): ChunkPlan => {
  if (tensors === undefined || tensors.length === 0) return { chunker: 'fixed-1', chunks: cut(0, fileBytes) };
  const starts = [...new Set(tensors.map(({ offset }) => offset))].sort((a, b) => a - b);
  const chunks = [...cut(0, starts[0] ?? fileBytes)];
  /** Where the run of small tensors begins that is not cut yet. */
  let runStart: number | undefined;
  const endRun = (end: number): void => {
    if (runStart !== undefined) chunks.push(...cut(runStart, end));
    runStart = undefined;
  };
  for (const [index, start] of starts.entries()) {
    // With what fills up behind it: every byte is in a chunk.
    const end = starts[index + 1] ?? fileBytes;
    if (end - start >= ownChunkBytes) {
      endRun(start);
      chunks.push(...cut(start, end));
    } else {
      if (runStart !== undefined && end - runStart > maxChunkBytes) endRun(start);
      runStart ??= start;
    }
  }
  endRun(fileBytes);
  return { chunker: 'gguf-1', chunks };
};

/** Cuts every 8 MiB from the start. */
const cut = (start: number, end: number): readonly ChunkExtent[] =>
  Array.from({ length: Math.ceil((end - start) / maxChunkBytes) }, (_unused, index) => {
    const offset = start + index * maxChunkBytes;
    return { offset, length: Math.min(maxChunkBytes, end - offset) };
  });
