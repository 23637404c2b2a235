import { open } from 'node:fs/promises';
import { ApiError, isApiError } from '@ollamamax/api';
import { invalidModelFile } from './gguf-cursor.ts';
import { readGguf, type GgufHeader, type GgufTensor } from './gguf.ts';

const whatToDo =
  'convert it with convert_lora_to_gguf.py of llama.cpp, with the model it was made for as its base';

/** Two small matrices whose product is added to a weight of the model. */
interface Pair {
  readonly a?: GgufTensor;
  readonly b?: GgufTensor;
}

const text = ({ metadata }: GgufHeader, key: string): string => {
  const entry = metadata.get(key);
  if (entry === undefined) return '';
  if (typeof entry.value !== 'string' || entry.type !== 'string')
    throw invalidModelFile(`${key} of the adapter is a ${entry.type}; it must be a string.`);
  return entry.value;
};

/** What llama.cpp reads of an adapter's metadata: a value of another type would end its process. */
const checkMetadata = (header: GgufHeader): void => {
  if (text(header, 'general.type') !== 'adapter')
    throw invalidModelFile('The file is a model, not an adapter; give a LoRA adapter in GGUF.');
  const type = text(header, 'adapter.type');
  if (type !== 'lora')
    throw invalidModelFile(`The adapter is of the kind "${type}"; only LoRA adapters can be applied.`);
  if (header.metadata.has('adapter.alora.invocation_tokens'))
    throw invalidModelFile(
      'The adapter is an activated LoRA, which is to be applied to a part of a prompt only; that is not done here.',
    );
  const alpha = header.metadata.get('adapter.lora.alpha');
  if (alpha !== undefined && (alpha.type !== 'float32' || !Number.isFinite(alpha.value)))
    throw invalidModelFile(`adapter.lora.alpha is a ${alpha.type}; it must be a finite float32.`);
};

/** Types that llama.cpp has no multiplication for. */
const uncomputable = /^(?:I\d+|F64)$/;

/** By the name of the weight that they change. Norms are left out: llama.cpp ignores them. */
const pairsOf = ({ tensors }: GgufHeader): ReadonlyMap<string, Pair> => {
  const pairs = new Map<string, Pair>();
  for (const tensor of tensors) {
    const [, weight = '', part] = /^(.*)\.lora_([ab])$/.exec(tensor.name) ?? [];
    if (uncomputable.test(tensor.type))
      throw invalidModelFile(
        `The tensor ${tensor.name} of the adapter is of type ${tensor.type}; ${whatToDo}.`,
      );
    if (part !== undefined) pairs.set(weight, { ...pairs.get(weight), [part]: tensor });
    else if (!tensor.name.endsWith('_norm.weight'))
      throw invalidModelFile(`The tensor ${tensor.name} of the adapter is not of a LoRA; ${whatToDo}.`);
  }
  if (pairs.size === 0) throw invalidModelFile('The adapter changes no weight.');
  return pairs;
};

const sizes = (tensor: GgufTensor): string => tensor.shape.join(' × ');

const checkPair = (weight: string, { a, b }: Pair, base: GgufTensor | undefined): void => {
  if (a === undefined || b === undefined)
    throw invalidModelFile(`The adapter has only one of the two matrices for ${weight}; it is not complete.`);
  if (base === undefined)
    throw invalidModelFile(
      `The adapter changes ${weight}, which the model does not have: it is for another one.`,
    );
  const [inputs, outputs, ...experts] = base.shape;
  const isAlike = [a, b].every(({ shape }) => shape.slice(2).join() === experts.join());
  // Those for the vocabulary are stored the other way round.
  const isFitting = weight.endsWith('token_embd.weight')
    ? inputs === b.shape[1] && outputs === a.shape[1]
    : inputs === a.shape[0] && outputs === b.shape[1];
  if (!isAlike || !isFitting)
    throw invalidModelFile(
      `The adapter's matrices for ${weight} (${sizes(a)} and ${sizes(b)}) do not fit that of the model ` +
        `(${sizes(base)}): it is for another one.`,
    );
  if (!weight.endsWith('token_embd.weight') && a.shape[1] !== b.shape[0])
    throw invalidModelFile(`The adapter's matrices for ${weight} do not fit each other; ${whatToDo}.`);
};

const headerOf = async (path: string): Promise<GgufHeader> => {
  const handle = await open(path, 'r');
  try {
    return await readGguf(handle);
  } finally {
    await handle.close();
  }
};

/**
 * Makes sure that a file is a LoRA adapter that can be applied to a model.
 * @param base header of the model's file
 * @throws ApiError model_file_invalid; the error of the file system when it cannot be read
 */
export const checkAdapter = async (path: string, base: GgufHeader): Promise<void> => {
  const header = await headerOf(path).catch((error: unknown) => {
    if (isApiError(error) && error.message.includes('safetensors'))
      throw new ApiError('model_file_invalid', `The adapter is in safetensors format; ${whatToDo}.`);
    throw error;
  });
  checkMetadata(header);
  const [own, wanted] = [text(header, 'general.architecture'), text(base, 'general.architecture')];
  if (own !== wanted)
    throw invalidModelFile(
      `The adapter is for models of the architecture "${own}", but this one has "${wanted}".`,
    );
  const weights = new Map(base.tensors.map((tensor) => [tensor.name, tensor]));
  for (const [weight, pair] of pairsOf(header)) checkPair(weight, pair, weights.get(weight));
};
