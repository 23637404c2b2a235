import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ApiError, isApiError, type ModelSource, type ModelSpec, type ModelState } from '@ollamamax/api';
import type { Logger } from '@ollamamax/common';
import {
  type DigestCache,
  fingerprintOf,
  hashFile,
  sameFingerprint,
  type Fingerprint,
} from './file-digest.ts';
import { fileError } from './file-error.ts';
import { type HttpSource, type HttpSourceLimits, downloadBlob } from './http-source.ts';

/** Where bytes come from, and which they must be. */
export interface WantedFile {
  readonly source: ModelSource;
  /** Lower-case hex; what comes from http has it. */
  readonly sha256?: string;
}

/** A file whose digest is known, as it was then. */
export interface VerifiedFile {
  readonly path: string;
  readonly digest: string;
  readonly fingerprint: Fingerprint;
}

export interface FileContext {
  /** Of the model, for messages. */
  readonly name: string;
  readonly blobDir: string;
  readonly cache: DigestCache;
  readonly limits: HttpSourceLimits;
  readonly logger: Logger;
  /** Runs work that reads or writes whole files: few at a time, and one at a time per key. */
  readonly heavy: <T>(key: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;
  /** A download has its turn. */
  readonly onTurn: () => void;
  readonly onProgress: (state: ModelState, sizeBytes: number, completedBytes: number) => void;
}

/** The files that a model is made of: its weights, then its adapters, its projector and its draft model. */
export const wantedFiles = ({
  source,
  sha256,
  adapters = [],
  projector,
  draft,
}: ModelSpec): readonly WantedFile[] => [
  { source, ...(sha256 === undefined ? {} : { sha256 }) },
  ...adapters,
  ...(projector === undefined ? [] : [projector]),
  ...(draft === undefined ? [] : [draft]),
];

const fingerprint = async (path: string): Promise<Fingerprint> => {
  try {
    return await fingerprintOf(path);
  } catch (error) {
    throw fileError(error, path);
  }
};

const hash = async (
  path: string,
  before: Fingerprint,
  { cache, onProgress }: FileContext,
  signal: AbortSignal,
): Promise<string> => {
  // Another model of the same file may have been at it while this one waited.
  const known = cache.get(path, before);
  if (known !== undefined) return known;
  onProgress('verifying', before.size, 0);
  const digest = await hashFile(path, signal, (completedBytes) =>
    onProgress('verifying', before.size, completedBytes),
  ).catch((error: unknown) => {
    throw signal.aborted ? error : fileError(error, path);
  });
  if (!sameFingerprint(await fingerprint(path), before))
    throw new ApiError('source_file_missing', `${path} was being written while it was verified.`);
  await cache.set(path, before, digest);
  return digest;
};

/** Makes sure of the digest of a file that is there. */
const verify = async (
  path: string,
  expected: string | undefined,
  context: FileContext,
  signal: AbortSignal,
): Promise<VerifiedFile> => {
  const found = await fingerprint(path);
  const known = context.cache.get(path, found);
  const digest = known ?? (await context.heavy(path, signal, () => hash(path, found, context, signal)));
  if (expected !== undefined && digest !== expected)
    throw new ApiError('digest_mismatch', `${path} has the SHA-256 ${digest}, but ${expected} is expected.`);
  return { path, digest, fingerprint: found };
};

const download = (job: HttpSource, context: FileContext, signal: AbortSignal): Promise<void> =>
  context.heavy(job.sha256, signal, () => {
    context.onTurn();
    const { cache, limits, onProgress } = context;
    return downloadBlob(job, { cache, limits, signal, onProgress });
  });

/** Leaves a file alone that another model of the same digest has fetched anew by now. */
const removeDamaged = async (job: HttpSource, { cache }: FileContext): Promise<void> => {
  const digest = cache.get(job.path, await fingerprint(job.path));
  if (digest !== job.sha256) await rm(job.path, { force: true });
};

const fetchFile = async (
  url: string,
  sha256: string | undefined,
  context: FileContext,
  signal: AbortSignal,
): Promise<VerifiedFile> => {
  if (sha256 === undefined)
    throw new ApiError('invalid_request', `${context.name}: what comes from http needs sha256.`);
  const path = join(context.blobDir, `sha256-${sha256}`);
  const job: HttpSource = { url, sha256, path };
  await download(job, context, signal);
  try {
    return await verify(path, sha256, context, signal);
  } catch (error) {
    if (!isApiError(error) || error.code !== 'digest_mismatch') throw error;
    context.logger.warn('The downloaded file is damaged; it is fetched anew.', { path });
  }
  await context.heavy(sha256, signal, () => removeDamaged(job, context));
  await download(job, context, signal);
  return verify(path, sha256, context, signal);
};

/**
 * Brings a file about and makes sure of its digest.
 * @throws ApiError source_file_missing, source_unreachable, source_refused, disk_full, digest_mismatch; the signal's
 *   reason
 */
export const bringFile = (
  { source, sha256 }: WantedFile,
  context: FileContext,
  signal: AbortSignal,
): Promise<VerifiedFile> =>
  'file' in source
    ? verify(resolve(source.file), sha256, context, signal)
    : fetchFile(source.http, sha256, context, signal);
