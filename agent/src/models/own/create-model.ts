import {
  ApiError,
  isApiError,
  maxAdapters,
  type CreateBody,
  type ModelLayer,
  type OwnModel,
  type ProgressResponse,
} from '@ollamamax/api';
import { checkAdapter } from '../adapter-facts.ts';
import { modelDetails, readModelFacts } from '../model-facts.ts';
import type { BlobStore } from './blob-store.ts';
import { checkProjector, isProjector } from '../projector-facts.ts';
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

/** Files in which an adapter lies where it was trained. */
const ofTraining = /\.(?:safetensors|bin|json|pth?)$/i;

/** @throws ApiError invalid_request for what this version cannot make */
export const checkCreate = (content: CreateContent): void => {
  const { adapters = {}, files = {}, from = '', quantize = '', quantization = '' } = content;
  const given = Object.keys(files).length;
  if (quantize !== '' || quantization !== '')
    throw refuse('quantize', 'Models are not quantised here: give a file that is, or leave quantize out.');
  if (Object.keys(adapters).some((name) => ofTraining.test(name)))
    throw refuse(
      'adapters',
      'Adapters are taken as GGUF files: convert it with convert_lora_to_gguf.py of llama.cpp first.',
    );
  if (from === '' && given === 0)
    throw refuse('from', 'Neither "from" nor "files" says what the model is made from.');
  if (from !== '' && given > 0) throw refuse('files', 'Give either "from" or "files", not both.');
  if (given > 2)
    throw refuse(
      'files',
      'Give the GGUF file of a model, and that of its projector if it has one, no others.',
    );
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

const layerOf = async (digest: string, { blobs, fetch }: CreateOptions): Promise<ModelLayer> => {
  const size = await fetch(digest);
  const path = blobs.path(digest);
  try {
    if (await isProjector(path)) {
      await checkProjector(path);
      return { mediaType: layerTypes.projector, digest, size };
    }
    await readModelFacts(path);
    return { mediaType: layerTypes.model, digest, size };
  } catch (error) {
    // As a fault of the request, not of a model that is served.
    if (isApiError(error)) throw refuse('files', `The file is not a usable GGUF model: ${error.message}`);
    throw error;
  }
};

const fromFiles = async (digests: readonly string[], options: CreateOptions): Promise<BaseModel> => {
  const layers: ModelLayer[] = [];
  for (const digest of digests) layers.push(await layerOf(digest, options));
  if (layers.filter(({ mediaType }) => mediaType === layerTypes.model).length !== 1)
    throw refuse('files', 'Exactly one of the files must be the model; another one may be its projector.');
  return { layers };
};

const weightsOf = (layers: readonly ModelLayer[]): ModelLayer => {
  const weights = layers.find(({ mediaType }) => mediaType === layerTypes.model);
  if (weights === undefined) throw new ApiError('model_file_invalid', 'The model has no weights.');
  return weights;
};

/** Adapters that are new to a model, each made sure to be one for it. */
const addedAdapters = async (
  digests: readonly string[],
  before: readonly ModelLayer[],
  { blobs, fetch }: CreateOptions,
): Promise<ModelLayer[]> => {
  const known = before.filter(({ mediaType }) => mediaType === layerTypes.adapter);
  const added = [...new Set(digests)].filter((digest) => known.every((layer) => layer.digest !== digest));
  if (added.length === 0) return [];
  if (known.length + added.length > maxAdapters)
    throw refuse('adapters', `A model has ${maxAdapters} adapters at most.`);
  const { header } = await readModelFacts(blobs.path(weightsOf(before).digest));
  const layers: ModelLayer[] = [];
  for (const digest of added) {
    const size = await fetch(digest);
    await checkAdapter(blobs.path(digest), header).catch((error: unknown) => {
      throw isApiError(error) ? refuse('adapters', error.message) : error;
    });
    layers.push({ mediaType: layerTypes.adapter, digest, size });
  }
  return layers;
};

/** The document that registries and other programs read to know what they have. */
const describe = async (blobs: BlobStore, layers: readonly ModelLayer[]): Promise<ModelLayer> => {
  const details = modelDetails(await readModelFacts(blobs.path(weightsOf(layers).digest)), '');
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
  const { adapters = {}, files = {}, from = '' } = content;
  const given = Object.values(files);
  if (given.length > 0) yield { status: 'parsing GGUF' };
  const { layers: before } = given.length === 0 ? await options.base(from) : await fromFiles(given, options);
  if (Object.keys(adapters).length > 0) yield { status: 'parsing GGUF' };
  const added = await addedAdapters(Object.values(adapters), before, options);
  const texts = await newTexts(content, blobs, before);
  const replaced = new Set(texts.filter(([, of]) => of.length > 0).map(([type]) => type));
  const layers = [...before.filter(({ mediaType }) => !replaced.has(mediaType)), ...added];
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
