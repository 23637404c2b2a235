import {
  ApiError,
  isApiError,
  type CreateBody,
  type ModelLayer,
  type OwnModel,
  type ProgressResponse,
} from '@ollamamax/api';
import { modelDetails, readModelFacts } from '../model-facts.ts';
import type { BlobStore } from './blob-store.ts';
import { configType, layerTypes } from './layer-types.ts';

/** What a model is made from. */
export interface BaseModel {
  readonly layers: readonly ModelLayer[];
}

export interface CreateOptions {
  readonly blobs: BlobStore;
  /** Layers of a model that is on this agent. @throws ApiError model_not_found, model_not_ready */
  readonly base: (name: string) => Promise<BaseModel>;
  /** Makes sure that a blob is here. @returns its bytes. @throws ApiError blob_not_found */
  readonly fetch: (digest: string) => Promise<number>;
}

/** Fields that say what is in the new model. */
export type CreateContent = Omit<CreateBody, 'model' | 'name' | 'stream'>;

const refuse = (param: string, why: string): ApiError => new ApiError('invalid_request', why, { param });

/** @throws ApiError invalid_request for what this version cannot make */
export const checkCreate = (content: CreateContent): void => {
  const { adapters = {}, files = {}, from = '', quantize = '', quantization = '' } = content;
  const given = Object.keys(files).length;
  if (quantize !== '' || quantization !== '')
    throw refuse('quantize', 'Models are not quantised here: give a file that is, or leave quantize out.');
  if (Object.keys(adapters).length > 0)
    throw refuse(
      'adapters',
      'Adapters are not served in this version: merge the adapter into its model first.',
    );
  if (from === '' && given === 0)
    throw refuse('from', 'Neither "from" nor "files" says what the model is made from.');
  if (from !== '' && given > 0) throw refuse('files', 'Give either "from" or "files", not both.');
  if (given > 1)
    throw refuse('files', 'Give exactly one file, a GGUF model; others are not taken in this version.');
};

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** The parameters of the model it is made from, below its own. */
const mergedParameters = async (
  blobs: BlobStore,
  layers: readonly ModelLayer[],
  parameters: CreateContent['parameters'],
): Promise<Buffer | undefined> => {
  if (parameters === undefined || Object.keys(parameters).length === 0) return undefined;
  const before = layers.findLast(({ mediaType }) => mediaType === layerTypes.params);
  const known: unknown =
    before === undefined ? {} : JSON.parse((await blobs.read(before.digest, 65536)).toString());
  return json({ ...(known as object), ...parameters });
};

/** New texts by their kind; those that are not given stay as they were. */
const newTexts = async (
  content: CreateContent,
  blobs: BlobStore,
  layers: readonly ModelLayer[],
): Promise<[string, Buffer[]][]> => {
  const { license = [], messages = [], system = '', template = '' } = content;
  const licenses = (typeof license === 'string' ? [license] : license).filter((text) => text !== '');
  const parameters = await mergedParameters(blobs, layers, content.parameters);
  return [
    [layerTypes.template, template === '' ? [] : [Buffer.from(template)]],
    [layerTypes.system, system === '' ? [] : [Buffer.from(system)]],
    [layerTypes.params, parameters === undefined ? [] : [parameters]],
    [layerTypes.messages, messages.length === 0 ? [] : [json(messages)]],
    [layerTypes.license, licenses.map((text) => Buffer.from(text))],
  ];
};

const fromFile = async (digest: string, { blobs, fetch }: CreateOptions): Promise<BaseModel> => {
  const size = await fetch(digest);
  // As a fault of the request, not of a model that is served.
  await readModelFacts(blobs.path(digest)).catch((error: unknown) => {
    if (isApiError(error)) throw refuse('files', `The file is not a usable GGUF model: ${error.message}`);
    throw error;
  });
  return { layers: [{ mediaType: layerTypes.model, digest, size }] };
};

/** The document that registries and other programs read to know what they have. */
const describe = async (blobs: BlobStore, layers: readonly ModelLayer[]): Promise<ModelLayer> => {
  const weights = layers.find(({ mediaType }) => mediaType === layerTypes.model);
  if (weights === undefined) throw new ApiError('model_file_invalid', 'The model has no weights.');
  const details = modelDetails(await readModelFacts(blobs.path(weights.digest)), '');
  const { digest, size } = await blobs.add(
    json({
      model_format: details.format,
      model_family: details.family,
      model_families: [details.family],
      model_type: details.parameterSize,
      file_type: details.quantization,
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
    }),
  );
  return { mediaType: configType, digest, size };
};

/**
 * Makes the blobs of a new model on this agent and tells of each; nothing is agreed on yet.
 * @param content checked by checkCreate
 * @returns manifest of the model
 * @throws ApiError model_not_found, model_not_ready, blob_not_found, invalid_request, disk_full
 */
export async function* createModel(
  content: CreateContent,
  options: CreateOptions,
): AsyncGenerator<ProgressResponse, OwnModel['manifest']> {
  const { blobs } = options;
  const { files = {}, from = '' } = content;
  const [file] = Object.values(files);
  if (file !== undefined) yield { status: 'parsing GGUF' };
  const { layers: before } = file === undefined ? await options.base(from) : await fromFile(file, options);
  const texts = await newTexts(content, blobs, before);
  const replaced = new Set(texts.filter(([, of]) => of.length > 0).map(([type]) => type));
  const layers = before.filter(({ mediaType }) => !replaced.has(mediaType));
  for (const { digest } of layers) yield { status: `using existing layer ${digest}` };
  for (const [mediaType, all] of texts)
    for (const text of all) {
      const { digest, size, isNew } = await blobs.add(text);
      layers.push({ mediaType, digest, size });
      yield { status: `${isNew ? 'creating new' : 'using existing'} layer ${digest}` };
    }
  const config = await describe(blobs, layers);
  return { config, layers };
}
