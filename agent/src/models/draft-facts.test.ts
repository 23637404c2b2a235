import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { checkDraft } from './draft-facts.ts';
import { readModelFacts } from './model-facts.ts';
import {
  arrayEntry,
  buildGguf,
  entry,
  numberEntry,
  stringEntry,
  text,
  uint8,
  validFixture,
  type FixtureEntry,
} from './gguf.fixture.ts';
import { bundled } from './model-store.fixture.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ollamamax-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tokens = (count: number, changed: ReadonlyMap<number, string> = new Map()): FixtureEntry =>
  arrayEntry(
    'tokenizer.ggml.tokens',
    8,
    Array.from({ length: count }, (_unused, id) => text(changed.get(id) ?? `token ${id}`)),
  );

/** Leaves out the entry of this key. */
const without = (key: string): FixtureEntry => stringEntry(key, '');

/** The valid fixture, as a vocabulary of GPT-2's kind, with other entries in place of its own. */
const written = (name: string, changed: readonly FixtureEntry[] = []): string => {
  const entries = [
    stringEntry('tokenizer.ggml.model', 'gpt2'),
    stringEntry('tokenizer.ggml.pre', 'qwen2'),
    numberEntry('tokenizer.ggml.bos_token_id', 1),
    numberEntry('tokenizer.ggml.eos_token_id', 2),
    ...validFixture.entries,
  ].filter(({ key }) => !changed.some((other) => other.key.equals(key)));
  const given = changed.filter(({ key, payload }) => !payload.equals(without(String(key)).payload));
  const path = join(folder, name);
  writeFileSync(path, buildGguf({ ...validFixture, entries: [...entries, ...given] }));
  return path;
};

const checkAgainst = async (path: string, basePath: string): Promise<void> =>
  checkDraft(path, await readModelFacts(basePath, { verbose: true }));
const check = (draft: readonly FixtureEntry[], base: readonly FixtureEntry[] = []): Promise<void> =>
  checkAgainst(written('draft.gguf', draft), written('base.gguf', base));

const ofFamily = (family: string, ...more: readonly FixtureEntry[]): readonly FixtureEntry[] => [
  stringEntry('general.architecture', family),
  numberEntry(`${family}.context_length`, 128),
  numberEntry(`${family}.embedding_length`, 32),
  numberEntry(`${family}.block_count`, 1),
  ...more,
];

describe('a draft model', () => {
  test.each<[string, readonly FixtureEntry[], (readonly FixtureEntry[])?]>([
    ['of the same vocabulary', []],
    ['of another architecture', ofFamily('qwen2')],
    ['with fewer tokens to fill up', [tokens(100)], [tokens(228)]],
    ['with more tokens to fill up', [tokens(228)], [tokens(100)]],
    [
      'of the usual way to split texts, which the model does not name',
      [stringEntry('tokenizer.ggml.pre', 'default')],
      [without('tokenizer.ggml.pre')],
    ],
    ['that does not name its last token', [without('tokenizer.ggml.eos_token_id')]],
  ])('%s is taken', async (_what, draft, base = []) => {
    await expect(check(draft, base)).resolves.toBeUndefined();
  });

  test.each<[string, readonly FixtureEntry[], string]>([
    [
      'with another text for a token',
      [tokens(100, new Map([[17, 'x']]))],
      'The draft model has another vocabulary than the model (token 17 is "x" in the draft model and "token 17" in ' +
        'the model): give a smaller model of the same family.',
    ],
    [
      'with far more tokens',
      [tokens(229)],
      'the number of tokens is 229 in the draft model and 100 in the model',
    ],
    [
      'with another kind of tokenizer',
      [stringEntry('tokenizer.ggml.model', 'llama')],
      'tokenizer.ggml.model is "llama" in the draft model and "gpt2" in the model',
    ],
    [
      'that splits texts in another way',
      [stringEntry('tokenizer.ggml.pre', 'llama-bpe')],
      'tokenizer.ggml.pre is "llama-bpe" in the draft model and "qwen2" in the model',
    ],
    [
      'that begins with another token',
      [numberEntry('tokenizer.ggml.bos_token_id', 3)],
      'tokenizer.ggml.bos_token_id is 3 in the draft model and 1 in the model',
    ],
    [
      'that ends with another token',
      [numberEntry('tokenizer.ggml.eos_token_id', 3)],
      'tokenizer.ggml.eos_token_id is 3 in the draft model and 2 in the model',
    ],
    [
      'with a token that is long',
      [tokens(100, new Map([[0, 'x'.repeat(1000)]]))],
      `(token 0 is "${'x'.repeat(39)}… in the draft model and "token 0" in the model)`,
    ],
    ['for embeddings', [numberEntry('llama.pooling_type', 1)], 'it only compares texts'],
    ['that ranks', [numberEntry('llama.pooling_type', 4)], 'it only compares texts'],
    ['that reads in both directions', [entry('llama.attention.causal', 7, uint8(0))], 'only compares texts'],
    [
      'that is an adapter',
      [stringEntry('general.type', 'adapter')],
      'cannot be used. The file is a LoRA adapter',
    ],
    ['that is a projector', [stringEntry('general.type', 'mmproj')], 'cannot be used. The file is the image'],
  ])('%s is refused', async (_what, draft, why) => {
    await expect(check(draft)).rejects.toMatchObject({
      code: 'model_file_invalid',
      message: expect.stringContaining(why),
    });
  });

  test.each([
    ['mamba', 'ssm.conv_kernel'],
    ['jamba', 'ssm.state_size'],
    ['rwkv7', 'wkv.head_size'],
    ['lfm2', 'shortconv.l_cache'],
    ['minimax-01', 'attention.head_count'],
  ])('of the architecture %s is refused: its state cannot be taken back', async (family, key) => {
    await expect(check(ofFamily(family, numberEntry(`${family}.${key}`, 4)))).rejects.toMatchObject({
      code: 'model_file_invalid',
      message: expect.stringContaining(`architecture "${family}", whose state cannot be taken back`),
    });
  });

  test('that is no GGUF file is refused, and one that is not there is told of as such', async () => {
    const path = join(folder, 'text.gguf');
    writeFileSync(path, 'no model');
    await expect(checkAgainst(path, written('base.gguf'))).rejects.toMatchObject({
      code: 'model_file_invalid',
    });
    await expect(checkAgainst('/nowhere/d.gguf', written('base.gguf'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  test('of the bundled models guesses for one of the same vocabulary only', async () => {
    const [tiny, small] = [bundled('ollamamax-tiny-q8_0.gguf'), bundled('ollamamax-tiny-q4_0.gguf')];
    await expect(checkAgainst(small, tiny)).resolves.toBeUndefined();
    await expect(checkAgainst(bundled('ollamamax-tiny-embed-f16.gguf'), tiny)).rejects.toMatchObject({
      code: 'model_file_invalid',
    });
  });
});
