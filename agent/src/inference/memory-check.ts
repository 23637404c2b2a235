import { ApiError } from '@ollamamax/api';
import type { EngineModel } from './engine.ts';

const mebibyte = 1024 * 1024;

/** The process around the model: Node, llama.cpp and its compute buffers. */
const processBytes = 160 * mebibyte;

/** Where the file's metadata is not known: about what models with grouped attention at 4 bits need. */
const fileBytesPerKvByte = 32_768;

export interface MemoryEstimate {
  readonly totalBytes: number;
  /** The sum in words, for the error message. */
  readonly arithmetic: string;
}

/** File + attention state of every request at full context + 5 % and the process itself. */
export const estimateMemory = (model: EngineModel, contextSize: number): MemoryEstimate => {
  const perToken = model.kvBytesPerToken ?? model.sizeBytes / fileBytesPerKvByte;
  const kvBytes = Math.ceil(perToken * contextSize * model.parallel);
  const marginBytes = Math.ceil(model.sizeBytes * 0.05) + processBytes;
  return {
    totalBytes: model.sizeBytes + kvBytes + marginBytes,
    arithmetic:
      `${mib(model.sizeBytes)} for the file + ${mib(kvBytes)} for ${model.parallel} x ${contextSize} tokens ` +
      `of context + ${mib(marginBytes)} margin = ${mib(model.sizeBytes + kvBytes + marginBytes)}`,
  };
};

export const insufficientMemory = (
  model: EngineModel,
  estimate: MemoryEstimate,
  availableBytes: number,
): ApiError =>
  new ApiError(
    'insufficient_memory',
    `Loading ${model.name} needs ${estimate.arithmetic}, and ${mib(availableBytes)} are available.`,
    { retryAfterSeconds: 10 },
  );

/** What keeps the model from being loaded into the memory available; undefined when it fits. */
export const memoryShortage = (
  model: EngineModel,
  contextSize: number,
  availableBytes: number,
): ApiError | undefined => {
  const estimate = estimateMemory(model, contextSize);
  return estimate.totalBytes <= availableBytes
    ? undefined
    : insufficientMemory(model, estimate, availableBytes);
};

const mib = (bytes: number): string => `${Math.ceil(bytes / mebibyte)} MiB`;
