import type { Buffer } from 'node:buffer';
import { type GgufCursor, invalidModelFile } from './gguf-cursor.ts';
import { arrayType, maxima, stringType, summaryElements, valueTypes } from './gguf-format.ts';

export type GgufScalar = string | number | boolean;

/** null: a long array that was not asked for, or a number that JSON cannot hold (NaN, infinity). */
export type GgufValue = GgufScalar | null | readonly (GgufScalar | null)[];

export interface GgufEntry {
  /** uint32, string, array, … */
  readonly type: string;
  readonly value: GgufValue;
  /** Elements of an array, also when value is null. */
  readonly length?: number;
}

export type GgufMetadata = ReadonlyMap<string, GgufEntry>;

/** The shortest decimal number that is the same 32-bit float, as other tools print it. */
const shortestFloat32 = (value: number): number | null => {
  if (!Number.isFinite(value)) return null;
  for (let digits = 6; digits <= 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
};

/** 64-bit numbers beyond 2^53 stay exact as decimal text. */
const exact = (value: bigint): number | string =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value.toString();

const scalarReaders: Readonly<Record<string, (bytes: Buffer, key: string) => GgufScalar | null>> = {
  uint8: (bytes) => bytes.readUInt8(),
  int8: (bytes) => bytes.readInt8(),
  uint16: (bytes) => bytes.readUInt16LE(),
  int16: (bytes) => bytes.readInt16LE(),
  uint32: (bytes) => bytes.readUInt32LE(),
  int32: (bytes) => bytes.readInt32LE(),
  float32: (bytes) => shortestFloat32(bytes.readFloatLE()),
  uint64: (bytes) => exact(bytes.readBigUInt64LE()),
  int64: (bytes) => exact(bytes.readBigInt64LE()),
  float64: (bytes) => {
    const value = bytes.readDoubleLE();
    return Number.isFinite(value) ? value : null;
  },
  bool: (bytes, key) => {
    const value = bytes.readUInt8();
    if (value > 1) throw invalidModelFile(`${key} is a bool with the value ${value}; 0 and 1 are possible.`);
    return value === 1;
  },
};

const typeOf = (id: number, what: string): { readonly name: string; readonly bytes: number } => {
  const type = valueTypes.get(id);
  if (type === undefined) throw invalidModelFile(`${what} has the unknown type ${id}.`);
  return type;
};

/** Reads metadata entries within a budget of memory. */
class MetadataReader {
  readonly #cursor: GgufCursor;
  readonly #verbose: boolean;
  #budget: number;

  constructor(cursor: GgufCursor, verbose: boolean) {
    this.#cursor = cursor;
    this.#verbose = verbose;
    this.#budget = verbose ? maxima.keptBytesVerbose : maxima.keptBytes;
  }

  #spend(bytes: number): void {
    this.#budget -= bytes;
    if (this.#budget < 0)
      throw invalidModelFile(`The metadata take more memory than is allowed (at ${this.#cursor.field}).`);
  }

  async #string(maximum: number): Promise<string> {
    const length = await this.#cursor.count(maximum);
    this.#spend(length * 2 + 32);
    return (await this.#cursor.copy(length)).toString('utf8');
  }

  /** The next string if the window holds all of it; else undefined, and nothing has been read. */
  #stringInWindow(): string | undefined {
    const start = this.#cursor.position;
    const length = this.#cursor.checkedCount(this.#cursor.take(8).readBigUInt64LE(), maxima.stringBytes);
    if (this.#cursor.available < length) {
      this.#cursor.rewind(start);
      return undefined;
    }
    this.#spend(length * 2 + 32);
    return this.#cursor.take(length).toString('utf8');
  }

  async #scalar(
    type: { readonly name: string; readonly bytes: number },
    key: string,
  ): Promise<GgufScalar | null> {
    if (type.bytes === 0) return this.#string(maxima.stringBytes);
    await this.#cursor.need(type.bytes);
    this.#spend(16);
    return scalarReaders[type.name]?.(this.#cursor.take(type.bytes), key) ?? null;
  }

  async key(index: number): Promise<string> {
    this.#cursor.field = `the length of metadata key ${index}`;
    const key = await this.#string(maxima.keyBytes);
    if (!/^[\x21-\x7e]+$/.test(key))
      throw invalidModelFile(
        `Metadata key ${index} is empty or has characters that are not printable ASCII.`,
      );
    return key;
  }

  async entry(key: string): Promise<GgufEntry> {
    const shown = key.length > 80 ? `${key.slice(0, 80)}…` : key;
    this.#cursor.field = `the type of ${shown}`;
    const typeId = await this.#cursor.uint32();
    const type = typeOf(typeId, shown);
    this.#cursor.field = shown;
    return typeId === arrayType
      ? this.#array(shown)
      : { type: type.name, value: await this.#scalar(type, shown) };
  }

  async #array(key: string): Promise<GgufEntry> {
    this.#cursor.field = `the element type of ${key}`;
    const elementId = await this.#cursor.uint32();
    const element = typeOf(elementId, `The elements of ${key}`);
    if (elementId === arrayType) throw invalidModelFile(`${key} is an array of arrays, which no model uses.`);
    this.#cursor.field = `the number of elements of ${key}`;
    const length = await this.#cursor.count(maxima.arrayElements);
    const leastBytes = length * (elementId === stringType ? 8 : element.bytes);
    if (leastBytes > this.#cursor.remaining)
      throw invalidModelFile(
        `${key} says it has ${length} elements, but the file has only ${this.#cursor.remaining} more bytes.`,
      );
    this.#cursor.field = key;
    if (length > summaryElements && !this.#verbose) {
      await (elementId === stringType ? this.#skipStrings(length) : this.#skipScalars(element, length, key));
      return { type: 'array', value: null, length };
    }
    const values: (GgufScalar | null)[] = [];
    for (let index = 0; index < length; index += 1) {
      // A vocabulary has hundreds of thousands of elements: waiting for each would take seconds.
      if (this.#cursor.available < Math.max(element.bytes, 8)) values.push(await this.#scalar(element, key));
      else if (elementId === stringType)
        values.push(this.#stringInWindow() ?? (await this.#scalar(element, key)));
      else {
        this.#spend(16);
        values.push(scalarReaders[element.name]?.(this.#cursor.take(element.bytes), key) ?? null);
      }
    }
    return { type: 'array', value: values, length };
  }

  async #skipScalars(
    element: { readonly name: string; readonly bytes: number },
    length: number,
    key: string,
  ): Promise<void> {
    if (element.name !== 'bool') {
      this.#cursor.skip(element.bytes * length);
      return;
    }
    for (let index = 0; index < length; index += 1) {
      if (this.#cursor.available === 0) await this.#cursor.need(1);
      scalarReaders.bool?.(this.#cursor.take(1), key);
    }
  }

  async #skipStrings(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      if (this.#cursor.available < 8) await this.#cursor.need(8);
      this.#cursor.skip(
        this.#cursor.checkedCount(this.#cursor.take(8).readBigUInt64LE(), maxima.stringBytes),
      );
    }
  }
}

/** @throws ApiError model_file_invalid */
export const readMetadata = async (
  cursor: GgufCursor,
  count: number,
  verbose: boolean,
): Promise<GgufMetadata> => {
  const reader = new MetadataReader(cursor, verbose);
  const metadata = new Map<string, GgufEntry>();
  for (let index = 0; index < count; index += 1) {
    const key = await reader.key(index);
    if (metadata.has(key)) throw invalidModelFile(`Metadata key ${key} is there twice.`);
    metadata.set(key, await reader.entry(key));
  }
  return metadata;
};
