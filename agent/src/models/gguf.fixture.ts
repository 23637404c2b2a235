/** Builds small GGUF files for tests, right ones and wrong ones. */

export interface FixtureEntry {
  readonly key: Buffer;
  readonly type: number;
  readonly payload: Buffer;
}

export interface FixtureTensor {
  readonly name: string;
  readonly shape: readonly bigint[];
  /** When it is not the number of entries of shape. */
  readonly dimensions?: number;
  readonly type: number;
  readonly offset: bigint;
}

export interface Fixture {
  readonly magic: string;
  readonly version: number;
  /** When it is not the number of tensors that follow. */
  readonly tensorCount?: bigint;
  readonly metadataCount?: bigint;
  readonly entries: readonly FixtureEntry[];
  readonly tensors: readonly FixtureTensor[];
  readonly alignment: number;
  readonly dataBytes: number;
}

export const uint8 = (value: number): Buffer => Buffer.from([value]);

export const uint32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value >>> 0);
  return buffer;
};

export const uint64 = (value: bigint): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt.asUintN(64, value));
  return buffer;
};

export const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint64(BigInt(bytes.length)), bytes]);
};

export const entry = (key: string, type: number, payload: Buffer): FixtureEntry => ({
  key: text(key),
  type,
  payload,
});

export const stringEntry = (key: string, value: string): FixtureEntry => entry(key, 8, text(value));
export const numberEntry = (key: string, value: number): FixtureEntry => entry(key, 4, uint32(value));

export const arrayEntry = (
  key: string,
  elementType: number,
  elements: readonly Buffer[],
  length = BigInt(elements.length),
): FixtureEntry => entry(key, 9, Buffer.concat([uint32(elementType), uint64(length), ...elements]));

/** A model with every part that the reader looks at: two tensors and a vocabulary of 100. */
export const validFixture: Fixture = {
  magic: 'GGUF',
  version: 3,
  entries: [
    stringEntry('general.architecture', 'llama'),
    stringEntry('general.license', 'Apache-2.0'),
    numberEntry('general.file_type', 1),
    numberEntry('general.alignment', 64),
    numberEntry('llama.context_length', 128),
    numberEntry('llama.embedding_length', 32),
    numberEntry('llama.block_count', 1),
    entry('llama.rope.freq_base', 6, Buffer.from(new Float32Array([10000.5]).buffer)),
    entry('tokenizer.ggml.add_bos_token', 7, uint8(1)),
    entry('fixture.int64', 11, uint64(-5n)),
    entry('fixture.uint64', 10, uint64(2n ** 63n)),
    entry('fixture.double', 12, Buffer.from(new Float64Array([0.1]).buffer)),
    entry('fixture.nan', 6, Buffer.from(new Float32Array([Number.NaN]).buffer)),
    arrayEntry('fixture.short', 4, [uint32(7), uint32(8)]),
    arrayEntry(
      'fixture.flags',
      7,
      Array.from({ length: 100 }, () => uint8(1)),
    ),
    arrayEntry(
      'tokenizer.ggml.scores',
      6,
      Array.from({ length: 100 }, () => uint32(0)),
    ),
    arrayEntry(
      'tokenizer.ggml.tokens',
      8,
      Array.from({ length: 100 }, (_, index) => text(`token ${index}`)),
    ),
    stringEntry('tokenizer.chat_template', '{% for m in messages %}{{ m.content }}{% endfor %}'),
  ],
  tensors: [
    { name: 'token_embd.weight', shape: [32n, 100n], type: 1, offset: 0n },
    { name: 'output_norm.weight', shape: [32n], type: 0, offset: 6400n },
  ],
  alignment: 64,
  dataBytes: 6528,
};

export const buildGguf = (fixture: Fixture): Buffer => {
  const header = Buffer.concat([
    Buffer.from(fixture.magic, 'latin1'),
    uint32(fixture.version),
    uint64(fixture.tensorCount ?? BigInt(fixture.tensors.length)),
    uint64(fixture.metadataCount ?? BigInt(fixture.entries.length)),
    ...fixture.entries.flatMap(({ key, type, payload }) => [key, uint32(type), payload]),
    ...fixture.tensors.flatMap((tensor) => [
      text(tensor.name),
      uint32(tensor.dimensions ?? tensor.shape.length),
      ...tensor.shape.map(uint64),
      uint32(tensor.type),
      uint64(tensor.offset),
    ]),
  ]);
  const padding = (fixture.alignment - (header.length % fixture.alignment)) % fixture.alignment;
  return Buffer.concat([header, Buffer.alloc(padding + fixture.dataBytes, 1)]);
};

/** The valid fixture with the entry of the same key replaced, or one more. */
export const withEntry = (changed: FixtureEntry): Fixture => {
  const at = validFixture.entries.findIndex(({ key }) => key.equals(changed.key));
  return {
    ...validFixture,
    entries: at < 0 ? [...validFixture.entries, changed] : validFixture.entries.with(at, changed),
  };
};

/** The valid fixture with its first tensor changed. */
export const withTensor = (changed: Partial<FixtureTensor>): Fixture => ({
  ...validFixture,
  tensors: validFixture.tensors.map((tensor, index) => (index === 0 ? { ...tensor, ...changed } : tensor)),
});
