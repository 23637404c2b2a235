import { ApiError } from '@ollamamax/api';
import { readFile } from 'node:fs/promises';
import { freemem } from 'node:os';
import { join } from 'node:path';
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

const number = (text: string | undefined): number | undefined => {
  const value = text === undefined ? Number.NaN : Number.parseInt(text, 10);
  return Number.isFinite(value) ? value : undefined;
};

/**
 * Bytes a new process may take: what the kernel calls available, and not more than the control group (v2 or v1)
 * still allows, whose file cache counts as free.
 * @param root of the file system; other than `/` in tests.
 */
export const readAvailableMemory = async (root = '/'): Promise<number> => {
  const read = (path: string): Promise<string | undefined> =>
    readFile(join(root, path), 'utf8').catch(() => undefined);
  const meminfo = await read('proc/meminfo');
  const kibibytes = number(/^MemAvailable:\s+(\d+) kB/m.exec(meminfo ?? '')?.[1]);
  const host = kibibytes === undefined ? freemem() : kibibytes * 1024;
  const groups = [
    ['memory.max', 'memory.current', 'memory.stat', /^inactive_file (\d+)/m],
    [
      'memory/memory.limit_in_bytes',
      'memory/memory.usage_in_bytes',
      'memory/memory.stat',
      /^total_inactive_file (\d+)/m,
    ],
  ] as const;
  for (const [limitFile, usageFile, statFile, cachePattern] of groups) {
    const limit = number(await read(`sys/fs/cgroup/${limitFile}`));
    const usage = number(await read(`sys/fs/cgroup/${usageFile}`));
    if (limit === undefined || usage === undefined) continue;
    const cache = number(cachePattern.exec((await read(`sys/fs/cgroup/${statFile}`)) ?? '')?.[1]) ?? 0;
    return Math.max(0, Math.min(host, limit - usage + cache));
  }
  return host;
};
