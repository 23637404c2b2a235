import type { FileHandle } from 'node:fs/promises';
import { describeForeignFormat } from './foreign-format.ts';
import { GgufCursor, invalidModelFile } from './gguf-cursor.ts';
import { defaultAlignment, maxima, tensorTypes } from './gguf-format.ts';
import { readMetadata, type GgufMetadata } from './gguf-metadata.ts';

export type { GgufMetadata } from './gguf-metadata.ts';

export interface GgufTensor {
  readonly name: string;
  /** F32, Q8_0, … */
  readonly type: string;
  /** Dimensions in the order of the file: the fastest running first. */
  readonly shape: readonly number[];
  /** From the start of the file. */
  readonly offset: number;
  readonly bytes: number;
  readonly elements: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly metadata: GgufMetadata;
  readonly tensors: readonly GgufTensor[];
  /** Where tensor data starts. */
  readonly dataOffset: number;
  readonly fileBytes: number;
}

export interface ReadGgufOptions {
  /** Keep long arrays (vocabulary, merges) instead of null. */
  readonly verbose?: boolean;
}

/**
 * Reads the header of a GGUF file with positional reads and holds every number in it against the file's
 * size and fixed maxima. Native code only ever sees files that have passed here.
 * @throws ApiError model_file_invalid naming the field that is wrong
 */
export const readGguf = async (handle: FileHandle, options: ReadGgufOptions = {}): Promise<GgufHeader> => {
  const stat = await handle.stat();
  if (!stat.isFile()) throw invalidModelFile('It is not a regular file.');
  const cursor = new GgufCursor(handle, stat.size);
  const version = await readPreamble(cursor);
  cursor.field = 'the number of tensors';
  const tensorCount = await cursor.count(maxima.tensors);
  cursor.field = 'the number of metadata entries';
  const metadataCount = await cursor.count(maxima.metadataEntries);
  const metadata = await readMetadata(cursor, metadataCount, options.verbose === true);
  const alignment = alignmentOf(metadata);
  const listed = await readTensorList(cursor, tensorCount, alignment);
  const dataOffset = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = listed.map((tensor) => ({ ...tensor, offset: tensor.offset + dataOffset }));
  checkExtents(tensors, stat.size);
  return { version, metadata, tensors, dataOffset, fileBytes: stat.size };
};

const readPreamble = async (cursor: GgufCursor): Promise<number> => {
  cursor.field = 'the magic number';
  await cursor.need(Math.min(cursor.size, 512));
  const head = cursor.take(Math.min(cursor.available, 512));
  if (head.subarray(0, 4).toString('latin1') !== 'GGUF') throw invalidModelFile(describeForeignFormat(head));
  if (head.length < 24)
    throw invalidModelFile(`The file ends inside the header: it has ${head.length} bytes.`);
  const version = head.readUInt32LE(4);
  if (version !== 2 && version !== 3) {
    if (version === 1)
      throw invalidModelFile('The file has GGUF version 1; convert the model anew with a current llama.cpp.');
    if ((version & 0xffff) === 0 && version !== 0)
      throw invalidModelFile('The file is a big-endian GGUF; get a little-endian one.');
    throw invalidModelFile(`The GGUF version is ${version}; versions 2 and 3 are supported.`);
  }
  cursor.rewind(8);
  return version;
};

const alignmentOf = (metadata: GgufMetadata): number => {
  const entry = metadata.get('general.alignment');
  if (entry === undefined) return defaultAlignment;
  const value = entry.value;
  if (
    entry.type !== 'uint32' ||
    typeof value !== 'number' ||
    value < 8 ||
    value > maxima.alignment ||
    !Number.isInteger(Math.log2(value))
  )
    throw invalidModelFile(
      `general.alignment is ${String(value)} (${entry.type}); it must be a uint32, a power of two from 8 to ${maxima.alignment}.`,
    );
  return value;
};

const readTensorList = async (
  cursor: GgufCursor,
  count: number,
  alignment: number,
): Promise<GgufTensor[]> => {
  const tensors: GgufTensor[] = [];
  const names = new Set<string>();
  for (let index = 0; index < count; index += 1) {
    const tensor = await readTensor(cursor, index, alignment);
    if (names.has(tensor.name)) throw invalidModelFile(`Tensor ${tensor.name} is listed twice.`);
    names.add(tensor.name);
    tensors.push(tensor);
  }
  return tensors;
};

const readTensor = async (cursor: GgufCursor, index: number, alignment: number): Promise<GgufTensor> => {
  cursor.field = `the length of the name of tensor ${index}`;
  const nameBytes = await cursor.count(maxima.tensorNameBytes);
  if (nameBytes === 0) throw invalidModelFile(`Tensor ${index} has no name.`);
  cursor.field = `the name of tensor ${index}`;
  const name = (await cursor.copy(nameBytes)).toString('utf8');
  if (!/^[\x21-\x7e]+$/.test(name))
    throw invalidModelFile(`The name of tensor ${index} has characters that are not printable ASCII.`);
  cursor.field = `the number of dimensions of tensor ${name}`;
  const dimensions = await cursor.uint32();
  if (dimensions < 1 || dimensions > maxima.dimensions)
    throw invalidModelFile(
      `Tensor ${name} has ${dimensions} dimensions; 1 to ${maxima.dimensions} are possible.`,
    );
  const shape: number[] = [];
  let elements = 1;
  for (let dimension = 0; dimension < dimensions; dimension += 1) {
    cursor.field = `dimension ${dimension} of tensor ${name}`;
    const length = await cursor.count(Number.MAX_SAFE_INTEGER);
    elements *= length;
    if (length === 0 || !Number.isSafeInteger(elements))
      throw invalidModelFile(
        `The dimensions of tensor ${name} are impossible (${[...shape, length].join(' × ')}).`,
      );
    shape.push(length);
  }
  cursor.field = `the type of tensor ${name}`;
  const typeId = await cursor.uint32();
  const type = tensorTypes.get(typeId);
  if (type === undefined) throw invalidModelFile(`Tensor ${name} has the unknown type ${typeId}.`);
  if ((shape[0] ?? 0) % type.blockElements !== 0)
    throw invalidModelFile(
      `Dimension 0 of tensor ${name} is ${shape[0]}, which is no multiple of the ${type.blockElements} of ${type.name}.`,
    );
  const bytes = (elements / type.blockElements) * type.blockBytes;
  cursor.field = `the offset of tensor ${name}`;
  const offset = await cursor.count(Number.MAX_SAFE_INTEGER);
  if (offset % alignment !== 0)
    throw invalidModelFile(
      `The offset of tensor ${name} (${offset}) is no multiple of the alignment ${alignment}.`,
    );
  return { name, type: type.name, shape, offset, bytes, elements };
};

const checkExtents = (tensors: readonly GgufTensor[], fileBytes: number): void => {
  let end = 0;
  let before = '';
  for (const tensor of tensors.toSorted((a, b) => a.offset - b.offset)) {
    if (tensor.offset < end)
      throw invalidModelFile(`Tensors ${before} and ${tensor.name} overlap at offset ${tensor.offset}.`);
    end = tensor.offset + tensor.bytes;
    before = tensor.name;
    if (end > fileBytes)
      throw invalidModelFile(
        `Tensor ${tensor.name} ends at byte ${end}, but the file has ${fileBytes}; it is probably not complete.`,
      );
  }
};
