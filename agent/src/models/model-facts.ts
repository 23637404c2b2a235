import { open } from 'node:fs/promises';
import type { ModelDetails } from '@ollamamax/api';
import { toolFormatOf } from '../inference/tool-formats/tool-formats.ts';
import { invalidModelFile } from './gguf-cursor.ts';
import { fileTypes } from './gguf-format.ts';
import { readGguf, type GgufHeader, type GgufMetadata, type ReadGgufOptions } from './gguf.ts';

/** What a usable model file says of itself. */
export interface ModelFacts {
  readonly header: GgufHeader;
  /** Chat template of the file, or '' without one. */
  readonly template: string;
  readonly license: string;
}

/** Parameter counts as Ollama shows them: 2.75M, 7.2B, 137K. */
export const humanCount = (count: number): string => {
  if (count >= 1e9) return `${Number.isInteger(count / 1e9) ? count / 1e9 : (count / 1e9).toFixed(1)}B`;
  if (count >= 1e6) return `${Number.isInteger(count / 1e6) ? count / 1e6 : (count / 1e6).toFixed(2)}M`;
  if (count >= 1e3) return `${(count / 1e3).toFixed(0)}K`;
  return String(count);
};

const text = (metadata: GgufMetadata, key: string): string => {
  const entry = metadata.get(key);
  if (entry === undefined) return '';
  if (typeof entry.value !== 'string' || entry.type !== 'string')
    throw invalidModelFile(`${key} is a ${entry.type}; it must be a string.`);
  return entry.value;
};

const integer = (metadata: GgufMetadata, key: string): number | undefined => {
  const entry = metadata.get(key);
  if (entry === undefined) return undefined;
  if (typeof entry.value !== 'number' || !Number.isInteger(entry.value) || !entry.type.includes('int'))
    throw invalidModelFile(`${key} is a ${entry.type}; it must be an integer.`);
  return entry.value;
};

const positive = (metadata: GgufMetadata, key: string): number => {
  const value = integer(metadata, key);
  if (value === undefined) throw invalidModelFile(`The file has no ${key}.`);
  if (value < 1 || value > 2 ** 31 - 1) throw invalidModelFile(`${key} is ${value}, which is impossible.`);
  return value;
};

const checkUsable = (header: GgufHeader): void => {
  const { metadata } = header;
  const architecture = text(metadata, 'general.architecture');
  if (architecture === '') throw invalidModelFile('The file has no general.architecture.');
  const type = text(metadata, 'general.type');
  if (type === 'adapter')
    throw invalidModelFile('The file is a LoRA adapter, not a model; give the model it was made for.');
  if (type === 'mmproj' || architecture === 'clip')
    throw invalidModelFile('The file is the image projector of a model, not the model; give the model file.');
  const parts = integer(metadata, 'split.count') ?? 0;
  if (parts > 1)
    throw invalidModelFile(
      `The file is one of ${parts} parts; join them with "llama-gguf-split --merge" of llama.cpp.`,
    );
  if (header.tensors.length === 0)
    throw invalidModelFile('The file has no tensors; it holds only a vocabulary.');
  positive(metadata, `${architecture}.context_length`);
  positive(metadata, `${architecture}.embedding_length`);
  positive(metadata, `${architecture}.block_count`);
  // Read again for the details; a wrong type is to be refused here and now.
  integer(metadata, 'general.file_type');
  integer(metadata, `${architecture}.pooling_type`);
  const tokens = metadata.get('tokenizer.ggml.tokens');
  if ((tokens?.length ?? 0) === 0)
    throw invalidModelFile('The file has no vocabulary (tokenizer.ggml.tokens).');
};

/**
 * Reads a model file's header and refuses what cannot be served as a model.
 * @throws ApiError model_file_invalid; the error of the file system when it cannot be read
 */
export const readModelFacts = async (path: string, options: ReadGgufOptions = {}): Promise<ModelFacts> => {
  const handle = await open(path, 'r');
  try {
    const header = await readGguf(handle, options);
    checkUsable(header);
    return {
      header,
      template: text(header.metadata, 'tokenizer.chat_template'),
      license: text(header.metadata, 'general.license'),
    };
  } finally {
    await handle.close();
  }
};

/** The type most parameters have, for files that do not say how they are quantised. */
const commonestType = (header: GgufHeader): string => {
  const elements = new Map<string, number>();
  for (const tensor of header.tensors)
    elements.set(tensor.type, (elements.get(tensor.type) ?? 0) + tensor.elements);
  return [...elements].reduce((most, next) => (next[1] > most[1] ? next : most))[0];
};

/** llama.cpp's pooling types: 0 none, 1 mean, 2 cls, 3 last, 4 rank. */
const rankPooling = 4;

/** What a model can do here: filling in (`insert`) and `thinking` are left out until agents can ask for them. */
const capabilitiesOf = (
  metadata: GgufMetadata,
  architecture: string,
  template: string,
  hasProjector: boolean,
): string[] => {
  const pooling = integer(metadata, `${architecture}.pooling_type`) ?? 0;
  if (pooling === rankPooling) return [];
  if (pooling > 0 || metadata.get(`${architecture}.attention.causal`)?.value === false) return ['embedding'];
  return [
    'completion',
    // Those whose calls nobody here can read would only be a disappointment.
    ...(/\btools\b/.test(template) && toolFormatOf(template) !== undefined ? ['tools'] : []),
    ...(hasProjector ? ['vision'] : []),
  ];
};

/**
 * @param template the template the model is served with: its own, or the one of the specification
 * @param hasProjector whether an image projector comes with it
 */
export const modelDetails = (facts: ModelFacts, template: string, hasProjector = false): ModelDetails => {
  const { metadata } = facts.header;
  const family = text(metadata, 'general.architecture');
  const parameterCount = facts.header.tensors.reduce((sum, tensor) => sum + tensor.elements, 0);
  const fileType = integer(metadata, 'general.file_type');
  return {
    format: 'gguf',
    family,
    parameterCount,
    parameterSize: humanCount(parameterCount),
    quantization:
      (fileType === undefined ? undefined : fileTypes.get(fileType)) ?? commonestType(facts.header),
    contextLength: positive(metadata, `${family}.context_length`),
    embeddingLength: positive(metadata, `${family}.embedding_length`),
    capabilities: capabilitiesOf(metadata, family, template, hasProjector),
  };
};

/**
 * Metadata under the names of the file, plus general.parameter_count as Ollama adds it. The chat template
 * is left out: it is shown on its own.
 */
export const modelInfo = (facts: ModelFacts): Record<string, unknown> => ({
  ...Object.fromEntries(
    [...facts.header.metadata]
      .filter(([key]) => key !== 'tokenizer.chat_template')
      .map(([key, entry]) => [key, entry.value]),
  ),
  'general.parameter_count': facts.header.tensors.reduce((sum, tensor) => sum + tensor.elements, 0),
});
