import { createHash } from 'node:crypto';
import { open, readFile, rename, rm, stat, statfs, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ApiError, isApiError, type ModelState } from '@ollamamax/api';
import { syncDirectory } from '@ollamamax/common';
import { type DigestCache, fingerprintOf, hashFile } from './file-digest.ts';
import { fileError } from './file-error.ts';
import { openHttpBody, safeUrl, sourceUnreachable, type HttpBody } from './http-request.ts';

/** Bytes and milliseconds. */
export interface HttpSourceLimits {
  /** A source that sends no byte for so long is given up and asked again. */
  readonly stallMs: number;
  readonly maxRedirects: number;
  /** Space that a download must leave free on the disk. */
  readonly reserveBytes: number;
}

export interface HttpSource {
  readonly url: string;
  /** Authorization header for the origin of the URL. */
  readonly authorization?: string;
  readonly sha256: string;
  /** Where the verified file goes; `<path>.partial` holds what has come so far. */
  readonly path: string;
}

export interface DownloadContext {
  readonly cache: Pick<DigestCache, 'set'>;
  readonly limits: HttpSourceLimits;
  readonly signal: AbortSignal;
  readonly onProgress: (state: ModelState, sizeBytes: number, completedBytes: number) => void;
}

/** What is known of a partial file: whose bytes it holds. */
interface PartialNote {
  /** Hash of the URL: the URL itself may hold credentials. */
  readonly source: string;
  readonly etag?: string;
}

const partialOf = (path: string): string => `${path}.partial`;
const noteOf = (path: string): string => `${path}.partial.json`;
const flushBytes = 1024 * 1024;

const exists = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const readNote = async (path: string): Promise<PartialNote | undefined> => {
  try {
    const note = JSON.parse(await readFile(noteOf(path), 'utf8')) as Partial<
      Record<keyof PartialNote, unknown>
    >;
    if (typeof note.source !== 'string') return undefined;
    return { source: note.source, ...(typeof note.etag === 'string' ? { etag: note.etag } : {}) };
  } catch {
    // Without a note the range is asked for without a condition; the digest decides in the end.
    return undefined;
  }
};

const removePartial = async (path: string): Promise<void> => {
  await rm(partialOf(path), { force: true });
  await rm(noteOf(path), { force: true });
};

const checkSpace = async (directory: string, missingBytes: number, reserveBytes: number): Promise<void> => {
  const disk = await statfs(directory);
  const free = disk.bavail * disk.bsize;
  if (free < missingBytes + reserveBytes)
    throw new ApiError(
      'disk_full',
      `${missingBytes} more bytes are needed in ${directory} and ${reserveBytes} must stay free, but only ${free} are free.`,
    );
};

/**
 * One try to bring a file here: goes on where the last one stopped, verifies the whole file and gives it
 * its final name. Does nothing when the file is there.
 * @throws ApiError source_unreachable, source_refused, disk_full, digest_mismatch; the signal's reason
 */
export const downloadBlob = async (source: HttpSource, context: DownloadContext): Promise<void> => {
  if (await exists(source.path)) {
    await removePartial(source.path);
    return;
  }
  try {
    await receive(source, context);
    await settle(source, context);
  } catch (error) {
    if (context.signal.aborted || isApiError(error)) throw error;
    throw fileError(error, source.path);
  }
};

const receive = async (source: HttpSource, context: DownloadContext): Promise<void> => {
  const file = await open(partialOf(source.path), 'a+');
  try {
    const held = (await file.stat()).size;
    const identity = createHash('sha256').update(source.url).digest('hex');
    const note = await readNote(source.path);
    const body = await openHttpBody({
      url: source.url,
      ...(source.authorization === undefined ? {} : { authorization: source.authorization }),
      from: held,
      ...(note?.source === identity && note.etag !== undefined ? { etag: note.etag } : {}),
      stallMs: context.limits.stallMs,
      maxRedirects: context.limits.maxRedirects,
      signal: context.signal,
    });
    try {
      if (body.complete) return;
      if (body.from !== held) await file.truncate(body.from);
      const known: PartialNote = {
        source: identity,
        ...(body.etag === undefined ? {} : { etag: body.etag }),
      };
      await writeNote(source.path, known);
      if (body.total !== undefined)
        await checkSpace(dirname(source.path), body.total - body.from, context.limits.reserveBytes);
      context.onProgress('downloading', body.total ?? body.from, body.from);
      await store(file, body, source, context);
    } finally {
      body.close();
      // What has come is worth keeping, whatever stopped it.
      await file.sync().catch(() => undefined);
    }
  } finally {
    await file.close();
  }
};

const writeNote = async (path: string, note: PartialNote): Promise<void> => {
  const file = await open(noteOf(path), 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify(note));
  } finally {
    await file.close();
  }
};

const store = async (
  file: FileHandle,
  body: HttpBody,
  source: HttpSource,
  context: DownloadContext,
): Promise<void> => {
  let written = body.from;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  const flush = async (): Promise<void> => {
    for (const part of waiting) {
      // Opened for appending: the position is always the end.
      let done = 0;
      while (done < part.length) done += (await file.write(part, done)).bytesWritten;
      written += part.length;
    }
    waiting = [];
    waitingBytes = 0;
    context.onProgress('downloading', body.total ?? written, written);
  };
  try {
    for (;;) {
      const part = await body.read();
      if (part === undefined) break;
      waiting.push(part);
      waitingBytes += part.length;
      if (waitingBytes >= flushBytes) await flush();
    }
  } catch (error) {
    // The bytes before the break are good ones, and resuming starts after them.
    await flush();
    throw error;
  }
  await flush();
  if (body.total !== undefined && written !== body.total)
    throw sourceUnreachable(source.url, `it ended after ${written} of ${body.total} bytes`);
};

const settle = async (source: HttpSource, context: DownloadContext): Promise<void> => {
  const partial = partialOf(source.path);
  const { size } = await stat(partial);
  context.onProgress('verifying', size, 0);
  const digest = await hashFile(partial, context.signal, (bytes) =>
    context.onProgress('verifying', size, bytes),
  );
  if (digest !== source.sha256) {
    await removePartial(source.path);
    throw new ApiError(
      'digest_mismatch',
      `${safeUrl(source.url)} gave ${size} bytes with the SHA-256 ${digest}, but ${source.sha256} is expected.`,
    );
  }
  await rename(partial, source.path);
  await rm(noteOf(source.path), { force: true });
  await syncDirectory(dirname(source.path));
  await context.cache.set(source.path, await fingerprintOf(source.path), digest);
};
