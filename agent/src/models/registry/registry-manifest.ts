import {
  ApiError,
  compileValidator,
  describeProblems,
  RegistryManifest,
  type ModelLayer,
  type OwnModel,
} from '@ollamamax/api';
import { layerTypes, manifestType } from '../own/layer-types.ts';
import type { RegistryClient } from './registry-client.ts';
import type { RegistryName } from './registry-name.ts';

const validate = compileValidator(RegistryManifest);

const maxManifestBytes = 1024 * 1024;

const refused = (name: RegistryName, why: string): ApiError =>
  new ApiError('source_refused', `The model ${name.local} of ${name.origin} cannot be served here: ${why}.`);

/** The body, or as much of it as is too much. */
const textOf = async (response: Response): Promise<string> => {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    parts.push(part);
    bytes += part.length;
    if (bytes > maxManifestBytes) break;
  }
  return Buffer.concat(parts).toString('utf8');
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** @throws ApiError model_not_found, source_refused, source_unreachable */
export const fetchManifest = async (
  client: RegistryClient,
  name: RegistryName,
): Promise<OwnModel['manifest']> => {
  const response = await client.request(`manifests/${name.tag}`, { headers: { accept: manifestType } });
  if (response.status === 404) {
    await response.body?.cancel();
    throw new ApiError(
      'model_not_found',
      `pull model manifest: ${name.origin} has no model ${name.repository}:${name.tag}`,
      {
        param: 'model',
      },
    );
  }
  if (!response.ok) throw refused(name, `the registry answers with status ${response.status}`);
  const value = parsed(await textOf(response));
  if (value === undefined) throw refused(name, 'its manifest is not JSON, or too large');
  const checked = validate(value);
  if (!checked.ok)
    throw refused(name, `its manifest is not understood: ${describeProblems(checked.problems.slice(0, 3))}`);
  const only = ({ mediaType, digest, size }: ModelLayer): ModelLayer => ({ mediaType, digest, size });
  const manifest = { config: only(checked.value.config), layers: checked.value.layers.map(only) };
  if (!manifest.layers.some(({ mediaType }) => mediaType === layerTypes.model))
    throw refused(name, 'it has no GGUF file');
  return manifest;
};
