import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { checkAdapter } from './adapter-facts.ts';
import {
  arrayEntry,
  buildGguf,
  numberEntry,
  stringEntry,
  uint32,
  validFixture,
  type Fixture,
  type FixtureEntry,
} from './gguf.fixture.ts';
import { readGguf, type GgufHeader } from './gguf.ts';
import { bundled, tiny } from './model-store.fixture.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adapters-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const headerOf = async (path: string): Promise<GgufHeader> => {
  const handle = await open(path, 'r');
  try {
    return await readGguf(handle);
  } finally {
    await handle.close();
  }
};

const pirate = bundled('ollamamax-tiny-pirate-lora-f16.gguf');

/** The refusal of a file for the bundled model. */
const refusalOf = async (content: Buffer, base = tiny): Promise<unknown> => {
  const path = join(folder, 'adapter.gguf');
  await writeFile(path, content);
  const header = await headerOf(base);
  return checkAdapter(path, header).then(
    () => undefined,
    (error: unknown) => error,
  );
};

const entries: readonly FixtureEntry[] = [
  stringEntry('general.architecture', 'llama'),
  stringEntry('general.type', 'adapter'),
  stringEntry('adapter.type', 'lora'),
];
const pair = (weight: string, inputs: bigint, rank: bigint, outputs: bigint): Fixture['tensors'] => [
  { name: `${weight}.lora_a`, shape: [inputs, rank], type: 0, offset: 0n },
  { name: `${weight}.lora_b`, shape: [rank, outputs], type: 0, offset: inputs * rank * 4n },
];
const adapter = (changed: Partial<Fixture>): Buffer =>
  buildGguf({
    ...validFixture,
    alignment: 32,
    dataBytes: 1 << 20,
    entries,
    tensors: pair('blk.0.attn_k.weight', 256n, 8n, 64n),
    ...changed,
  });
const withEntry = (key: string, entry: FixtureEntry): Buffer =>
  adapter({
    entries: [...entries.filter((one) => !one.key.equals(stringEntry(key, '').key)), entry],
  });

describe('an adapter', () => {
  test('that is made for the model is taken, also one of the vocabulary or with norms', async () => {
    await expect(checkAdapter(pirate, await headerOf(tiny))).resolves.toBeUndefined();
    expect(await refusalOf(adapter({}))).toBeUndefined();
    const vocabulary = pair('token_embd.weight', 8n, 2048n, 256n).map((tensor) =>
      tensor.name.endsWith('a')
        ? { ...tensor, shape: [8n, 2048n] }
        : { ...tensor, shape: [8n, 256n], offset: 65536n },
    );
    expect(await refusalOf(adapter({ tensors: vocabulary }))).toBeUndefined();
    const [a, b] = pair('blk.0.attn_k.weight', 256n, 8n, 64n);
    const norm = { name: 'blk.0.attn_norm.weight', shape: [256n], type: 0, offset: 65536n };
    expect(await refusalOf(adapter({ tensors: [a!, b!, norm] }))).toBeUndefined();
  });

  const [a, b] = pair('blk.0.attn_k.weight', 256n, 8n, 64n);
  test.each<[string, () => Buffer | Promise<Buffer>, string]>([
    ['a model', () => readFile(tiny), 'is a model, not an adapter'],
    ['cut short', async () => (await readFile(pirate)).subarray(0, 60_000), 'probably not complete'],
    ['no GGUF file', () => Buffer.from('not an adapter'), 'magic number'],
    [
      'in safetensors format',
      () => Buffer.concat([uint32(80), uint32(0), Buffer.from('{"base_model.model.layers.0":{}}')]),
      'convert_lora_to_gguf.py',
    ],
    [
      'for another architecture',
      () => withEntry('general.architecture', stringEntry('general.architecture', 'qwen3')),
      'for models of the architecture "qwen3", but this one has "llama"',
    ],
    [
      'of another kind',
      () => withEntry('adapter.type', stringEntry('adapter.type', 'ia3')),
      'of the kind "ia3"',
    ],
    ['of no kind', () => withEntry('adapter.type', numberEntry('adapter.type', 1)), 'must be a string'],
    [
      'with a strength that is none',
      () => withEntry('adapter.lora.alpha', numberEntry('adapter.lora.alpha', 8)),
      'must be a finite float32',
    ],
    [
      'for a part of the prompt only',
      () => withEntry('x', arrayEntry('adapter.alora.invocation_tokens', 4, [uint32(1)])),
      'activated LoRA',
    ],
    ['without any matrix', () => adapter({ tensors: [] }), 'changes no weight'],
    ['with half of a pair', () => adapter({ tensors: [a!] }), 'only one of the two matrices'],
    [
      'with something else',
      () => adapter({ tensors: [a!, { ...b!, name: 'blk.0.attn_k.bias' }] }),
      'is not of a LoRA',
    ],
    ['of whole numbers', () => adapter({ tensors: [a!, { ...b!, type: 26 }] }), 'of type I32'],
    [
      'for a weight that is not there',
      () => adapter({ tensors: pair('blk.9.attn_k.weight', 256n, 8n, 64n) }),
      'which the model does not have',
    ],
    [
      'for a weight of other sizes',
      () => adapter({ tensors: pair('blk.0.attn_k.weight', 256n, 8n, 128n) }),
      '(256 × 8 and 8 × 128) do not fit that of the model (256 × 64)',
    ],
    [
      'for a weight of experts',
      () =>
        adapter({
          tensors: [
            { ...a!, shape: [256n, 8n, 1n, 2n] },
            { ...b!, offset: 65536n },
          ],
        }),
      'do not fit that of the model',
    ],
    [
      'with matrices that do not fit each other',
      () => adapter({ tensors: [a!, { ...b!, shape: [16n, 64n] }] }),
      'do not fit each other',
    ],
  ])('that is %s is refused', async (_what, content, message) => {
    expect(await refusalOf(await content())).toMatchObject({
      code: 'model_file_invalid',
      message: expect.stringContaining(message),
    });
  });
});
