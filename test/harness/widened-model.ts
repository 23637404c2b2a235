import { open, readFile } from 'node:fs/promises';
import { numberEntry, text, uint64 } from '../../agent/src/models/gguf.fixture.ts';
import { readGguf } from '../../agent/src/models/gguf.ts';
import { cachedModel } from './bench-models.ts';
import { tinyModel } from './local-cluster.ts';

/** Changes whenever the same width gives another file. */
const formatVersion = 1;
const alignment = 32;
/** Q8_0: so many weights in so many bytes. */
const block = { elements: 32, bytes: 34 } as const;

const bytesOf = (elements: number): number => (elements / block.elements) * block.bytes;

/** Puts a value where the bytes before it stand, which must be there once. */
const patch = (header: Buffer, before: Buffer, value: Buffer): void => {
  const at = header.indexOf(before);
  if (at < 0 || header.indexOf(before, at + 1) >= 0)
    throw new Error(`The bundled model is not as expected; is ${tinyModel} damaged?`);
  value.copy(header, at + before.length);
};

/** A matrix whose rows are repeated until there are as many as wanted. */
const withMoreRows = (rows: Buffer, factor: number): readonly Buffer[] =>
  Array.from({ length: factor }, () => rows);

/** A matrix whose rows go on with zeros. */
const withLongerRows = (rows: Buffer, rowBytes: number, longer: number): readonly Buffer[] =>
  Array.from({ length: rows.length / rowBytes }, (_unused, row) => [
    rows.subarray(row * rowBytes, (row + 1) * rowBytes),
    Buffer.alloc(longer - rowBytes),
  ]).flat();

const writeWidened = async (path: string, factor: number): Promise<void> => {
  await using tiny = await open(tinyModel);
  const { metadata, tensors, dataOffset } = await readGguf(tiny);
  const width = Number(metadata.get('llama.feed_forward_length')?.value);
  const whole = await readFile(tinyModel);
  const header = Buffer.from(whole.subarray(0, dataOffset));
  const { key } = numberEntry('llama.feed_forward_length', width);
  const entryHead = Buffer.concat([key, Buffer.from([4, 0, 0, 0])]);
  patch(header, entryHead, numberEntry('', width * factor).payload);
  await using file = await open(path, 'w');
  await file.write(header);
  let offset = 0;
  for (const { name, shape, offset: from, bytes, type } of tensors) {
    const dimensions = Buffer.alloc(4);
    dimensions.writeUInt32LE(shape.length);
    const ggmlType = Buffer.from([type === 'Q8_0' ? 8 : 0, 0, 0, 0]);
    const isGate = /ffn_(gate|up)\.weight$/.test(name);
    const isDown = name.endsWith('ffn_down.weight');
    const widened = shape.map((size, axis) =>
      (isGate && axis === 1) || (isDown && axis === 0) ? size * factor : size,
    );
    const infoHead = Buffer.concat([text(name), dimensions]);
    patch(
      header,
      infoHead,
      Buffer.concat([...widened.map((size) => uint64(BigInt(size))), ggmlType, uint64(BigInt(offset))]),
    );
    const data = whole.subarray(from, from + bytes);
    const pieces = isGate
      ? withMoreRows(data, factor)
      : isDown
        ? withLongerRows(data, bytesOf(width), bytesOf(width * factor))
        : [data];
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const gap = Buffer.alloc((alignment - (length % alignment)) % alignment);
    for (const piece of [...pieces, gap]) await file.write(piece);
    offset += length + gap.length;
  }
  await file.write(header, 0, header.length, 0);
};

/**
 * The bundled chat model with feed-forward layers so many times as wide, which add nothing: it says what the bundled
 * model says, and takes as long as a model of its size. 400 million parameters with a factor of 257.
 * @returns the path of the file below the user's cache folder; it is written when it is not there yet
 */
export const widenedModel = (factor: number): Promise<string> =>
  cachedModel(`widened-${factor}-${formatVersion}.gguf`, (path) => writeWidened(path, factor));
