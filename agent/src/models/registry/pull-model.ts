import { ApiError, isApiError, type ModelLayer, type OwnModel, type ProgressResponse } from '@ollamamax/api';
import { backoffDelay, sleep } from '@ollamamax/common';
import { checkAdapter } from '../adapter-facts.ts';
import { checkProjector } from '../projector-facts.ts';
import { downloadBlob } from '../http-source.ts';
import { readModelFacts } from '../model-facts.ts';
import type { BlobStore } from '../own/blob-store.ts';
import { layerTypes } from '../own/layer-types.ts';
import { RegistryClient, type RegistryLimits } from './registry-client.ts';
import type { RegistryKey } from './registry-key.ts';
import { fetchManifest } from './registry-manifest.ts';
import type { RegistryName } from './registry-name.ts';
import type { SharedDownloads } from './shared-downloads.ts';

export interface PullOptions {
  readonly blobs: BlobStore;
  readonly downloads: SharedDownloads;
  readonly key: () => Promise<RegistryKey>;
  readonly limits: RegistryLimits;
  readonly signal: AbortSignal;
}

/** Least time between two lines about the same blob, in milliseconds. */
const progressMs = 100;
const maxRedirects = 10;
const short = (digest: string): string => digest.slice('sha256:'.length, 'sha256:'.length + 12);

/** Downloads one blob; what has come of it stays for the next try, here and of another request. */
const download = async (
  client: RegistryClient,
  { digest }: ModelLayer,
  options: Omit<PullOptions, 'downloads' | 'key'>,
  onProgress: (completed: number) => void,
): Promise<void> => {
  const { blobs, limits, signal } = options;
  const release = blobs.hold(digest);
  let completed = 0;
  let failures = 0;
  try {
    for (;;) {
      const before = completed;
      // Logs in when that is needed; a token that has run out meanwhile is asked for anew.
      const head = await client.request(`blobs/${digest}`, { method: 'HEAD' });
      if (head.status === 404)
        throw new ApiError(
          'source_refused',
          `The registry has no blob ${digest}, though the model is made of it.`,
        );
      const { authorization } = client;
      try {
        await downloadBlob(
          {
            url: client.url(`blobs/${digest}`),
            sha256: digest.slice('sha256:'.length),
            path: blobs.path(digest),
            ...(authorization === undefined ? {} : { authorization }),
          },
          {
            cache: { set: (path, _fingerprint, hex) => blobs.noteVerified(path, hex) },
            limits: { stallMs: limits.stallMs, maxRedirects, reserveBytes: limits.reserveBytes },
            signal,
            onProgress: (state, _size, bytes) => {
              if (state !== 'downloading') return;
              completed = bytes;
              onProgress(bytes);
            },
          },
        );
        return;
      } catch (error) {
        signal.throwIfAborted();
        failures = completed > before ? 1 : failures + 1;
        const again =
          isApiError(error) && (error.code === 'source_unreachable' || error.code === 'source_refused');
        const tries = isApiError(error) && error.code === 'source_refused' ? 2 : limits.tries;
        if (!again || failures >= tries) throw error;
        await sleep(backoffDelay(failures - 1, limits.retry), signal);
      }
    }
  } finally {
    release();
  }
};

/** Brings one blob here and tells how far it is. */
async function* pullBlob(
  name: RegistryName,
  layer: ModelLayer,
  options: PullOptions,
): AsyncGenerator<ProgressResponse> {
  const { blobs, downloads, signal } = options;
  const { digest, size: total } = layer;
  const line = (completed: number): ProgressResponse => ({
    status: `pulling ${short(digest)}`,
    digest,
    total,
    ...(completed === 0 ? {} : { completed: Math.min(completed, total) }),
  });
  if ((await blobs.size(digest)) !== undefined) {
    yield line(total);
    return;
  }
  const shared = downloads.join(digest, (own, onProgress) => {
    const theirs = { ...options, signal: own };
    return download(new RegistryClient({ ...theirs, name }), layer, theirs, onProgress);
  });
  try {
    let told = -1;
    const state = { isDone: false };
    const ended = shared.ended.then(() => {
      state.isDone = true;
    });
    // It may fail when this request has left.
    ended.catch(() => undefined);
    while (!state.isDone) {
      if (shared.completed() !== told) {
        told = shared.completed();
        yield line(told);
      }
      await Promise.race([ended, sleep(progressMs, signal)]);
    }
    yield line(total);
  } finally {
    shared.leave();
  }
}

/**
 * Brings all blobs of a model here and tells of each; nothing is agreed on yet.
 * @returns manifest of the model
 * @throws ApiError model_not_found, source_unreachable, source_refused, digest_mismatch, disk_full, model_file_invalid
 */
export async function* pullModel(
  name: RegistryName,
  options: PullOptions,
): AsyncGenerator<ProgressResponse, OwnModel['manifest']> {
  yield { status: 'pulling manifest' };
  const manifest = await fetchManifest(new RegistryClient({ ...options, name }), name);
  const parts = new Map([...manifest.layers, manifest.config].map((layer) => [layer.digest, layer]));
  for (const layer of parts.values()) yield* pullBlob(name, layer, options);
  // Each was verified as it came.
  yield { status: 'verifying sha256 digest' };
  for (const { digest, mediaType } of manifest.layers)
    if (mediaType === layerTypes.model) {
      const { header } = await readModelFacts(options.blobs.path(digest));
      for (const adapter of manifest.layers.filter((layer) => layer.mediaType === layerTypes.adapter))
        await checkAdapter(options.blobs.path(adapter.digest), header);
    } else if (mediaType === layerTypes.projector) await checkProjector(options.blobs.path(digest));
  return manifest;
}
