import { open } from 'node:fs/promises';
import { invalidModelFile } from './gguf-cursor.ts';
import { readGguf, type GgufHeader } from './gguf.ts';

const valueOf = ({ metadata }: GgufHeader, key: string): unknown => metadata.get(key)?.value;

const headerOf = async (path: string): Promise<GgufHeader> => {
  const handle = await open(path, 'r');
  try {
    return await readGguf(handle);
  } finally {
    await handle.close();
  }
};

const isOfProjector = (header: GgufHeader): boolean =>
  valueOf(header, 'general.architecture') === 'clip' || valueOf(header, 'general.type') === 'mmproj';

/**
 * Whether a GGUF file is the projector of a model, not a model.
 * @throws ApiError model_file_invalid; the error of the file system when it cannot be read
 */
export const isProjector = async (path: string): Promise<boolean> => isOfProjector(await headerOf(path));

/**
 * Makes sure that a file is an image projector. Whether it fits a model shows when both are loaded.
 * @throws ApiError model_file_invalid; the error of the file system when it cannot be read
 */
export const checkProjector = async (path: string): Promise<void> => {
  const header = await headerOf(path);
  if (!isOfProjector(header))
    throw invalidModelFile(
      'The projector is a model of its own; give the file that comes beside the model, mostly named mmproj-….gguf.',
    );
  if (valueOf(header, 'clip.has_vision_encoder') !== true)
    throw invalidModelFile('The projector has no encoder for images.');
};
