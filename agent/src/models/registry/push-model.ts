import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { ApiError, type ModelLayer, type OwnModel, type ProgressResponse } from '@ollamamax/api';
import type { BlobStore } from '../own/blob-store.ts';
import { manifestType } from '../own/layer-types.ts';
import { RegistryClient, type RegistryLimits } from './registry-client.ts';
import type { RegistryKey } from './registry-key.ts';
import type { RegistryName } from './registry-name.ts';

export interface PushOptions {
  readonly blobs: BlobStore;
  readonly key: () => Promise<RegistryKey>;
  readonly limits: RegistryLimits;
  readonly signal: AbortSignal;
}

const refused = async (what: string, response: Response): Promise<ApiError> => {
  const said = (await response.text().catch(() => '')).slice(0, 200);
  return new ApiError(
    'source_refused',
    `The registry does not take ${what}: status ${response.status}${said === '' ? '' : `, ${said}`}.`,
  );
};

/** Where the next part of an upload goes. */
const locationOf = (response: Response, before: string): string => {
  const url = URL.parse(response.headers.get('location') ?? '', before);
  if (url?.origin !== new URL(before).origin)
    throw new ApiError(
      'source_refused',
      'The registry does not say, at its own host, where an upload goes on.',
    );
  return url.href;
};

/** Sends one blob in parts, unless the registry has it. */
async function* pushBlob(
  client: RegistryClient,
  { digest, size: total }: ModelLayer,
  { blobs, limits }: PushOptions,
): AsyncGenerator<ProgressResponse> {
  const line = (completed: number): ProgressResponse => ({
    status: `pushing ${digest.slice('sha256:'.length, 'sha256:'.length + 12)}`,
    digest,
    total,
    ...(completed === 0 ? {} : { completed }),
  });
  const head = await client.request(`blobs/${digest}`, { method: 'HEAD' });
  if (head.ok) {
    yield line(total);
    return;
  }
  yield line(0);
  const begun = await client.request('blobs/uploads/', { method: 'POST' });
  if (begun.status !== 202) throw await refused(`the blob ${digest}`, begun);
  let location = locationOf(begun, client.url('blobs/uploads/'));
  const file = await open(blobs.path(digest), 'r');
  try {
    for (let from = 0; from < total;) {
      const start = from;
      const bytes = Math.min(limits.partBytes, total - start);
      const sent = await client.request(location, {
        method: 'PATCH',
        timeoutMs: limits.partMs,
        headers: {
          'content-type': 'application/octet-stream',
          'content-length': String(bytes),
          'content-range': `${start}-${start + bytes - 1}`,
        },
        body: () =>
          Readable.toWeb(
            file.createReadStream({ start, end: start + bytes - 1, autoClose: false }),
          ) as ReadableStream<Uint8Array>,
      });
      if (sent.status !== 202) throw await refused(`the blob ${digest}`, sent);
      location = locationOf(sent, location);
      from += bytes;
      yield line(from);
    }
  } finally {
    await file.close();
  }
  const end = new URL(location);
  end.searchParams.set('digest', digest);
  const ended = await client.request(end.href, { method: 'PUT', headers: { 'content-length': '0' } });
  if (ended.status !== 201 && ended.status !== 200) throw await refused(`the blob ${digest}`, ended);
}

/**
 * Sends a model that is on this agent to a registry and tells of each of its blobs.
 * @throws ApiError source_unreachable, source_refused
 */
export async function* pushModel(
  { manifest }: Pick<OwnModel, 'manifest'>,
  name: RegistryName,
  options: PushOptions,
): AsyncGenerator<ProgressResponse> {
  yield { status: 'retrieving manifest' };
  const client = new RegistryClient({ ...options, name });
  const parts = new Map([...manifest.layers, manifest.config].map((layer) => [layer.digest, layer]));
  for (const layer of parts.values()) yield* pushBlob(client, layer, options);
  yield { status: 'pushing manifest' };
  const text = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, ...manifest });
  const put = await client.request(`manifests/${name.tag}`, {
    method: 'PUT',
    headers: { 'content-type': manifestType },
    body: () => text,
  });
  if (!put.ok) throw await refused(`the model ${name.local}`, put);
}
