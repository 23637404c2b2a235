import { ApiError, type InferenceRequest } from '@ollamamax/api';
import type { EngineModel } from './engine.ts';
import { imageSize } from './image-file.ts';

/** Pixels of an image: unpacked it takes some bytes for each, however small its file is. */
const mostPixels = 64 * 1024 * 1024;

/** The images of a request in base64, in their order. */
export const imagesOf = (input: InferenceRequest['input']): readonly string[] => {
  switch (input.kind) {
    case 'chat':
    case 'render':
      return input.messages.flatMap(({ images = [] }) => images.map(({ data }) => data));
    case 'prompt':
      return input.images ?? [];
    default:
      return [];
  }
};

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** What is wrong with an image; undefined for one that llama-server may be given. */
const problemOf = (data: string): string | undefined => {
  if (!base64.test(data)) return 'is not the content of a file in base64';
  const size = imageSize(Buffer.from(data, 'base64'));
  if (size === undefined) return 'is not in PNG, JPEG, GIF or WebP';
  const pixels = size.width * size.height;
  return pixels > 0 && pixels <= mostPixels
    ? undefined
    : `has ${size.width} × ${size.height} pixels, and from 1 to ${mostPixels} in all can be read`;
};

/**
 * Refuses images that are none, and all images where nothing can look at them.
 * @param llamaServer the program that looks at images here, if any
 * @throws ApiError capability_missing, invalid_request
 */
export const checkImages = (
  model: EngineModel,
  input: InferenceRequest['input'],
  llamaServer: string | undefined,
): void => {
  const images = imagesOf(input);
  if (images.length === 0) return;
  if (model.projector === undefined)
    throw new ApiError('capability_missing', `"${model.name}" does not support images.`);
  if (llamaServer === undefined)
    throw new ApiError(
      'capability_missing',
      `${model.name} can read images, but this agent has no program that shows them to it: install llama-server of ` +
        'llama.cpp (https://github.com/ggml-org/llama.cpp/releases) and name it in inference.llamaServer of ' +
        'node.yaml, or in OLLAMAMAX_LLAMA_SERVER.',
      { param: 'images' },
    );
  for (const [index, data] of images.entries()) {
    const problem = problemOf(data);
    if (problem !== undefined)
      throw new ApiError('invalid_request', `Image ${index + 1} of the request ${problem}.`);
  }
};
