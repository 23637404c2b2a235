import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildGguf, entry, stringEntry, uint8, validFixture, type FixtureEntry } from './gguf.fixture.ts';
import { checkProjector, isProjector } from './projector-facts.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ollamamax-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const written = (entries: readonly FixtureEntry[] | undefined): string => {
  const path = join(folder, 'file.gguf');
  writeFileSync(path, buildGguf(entries === undefined ? validFixture : { ...validFixture, entries }));
  return path;
};

const clip = stringEntry('general.architecture', 'clip');
const sees = entry('clip.has_vision_encoder', 7, uint8(1));

describe('a projector', () => {
  test('is known by its architecture or its type, and taken when it has an encoder for images', async () => {
    expect(await isProjector(written([clip]))).toBe(true);
    expect(await isProjector(written([stringEntry('general.type', 'mmproj')]))).toBe(true);
    expect(await isProjector(written(undefined))).toBe(false);
    await expect(checkProjector(written([clip, sees]))).resolves.toBeUndefined();
  });

  test.each([
    ['a model', undefined, 'a model of its own'],
    ['one for sound', [clip], 'no encoder for images'],
    [
      'one without an encoder',
      [clip, entry('clip.has_vision_encoder', 7, uint8(0))],
      'no encoder for images',
    ],
  ])('%s is refused as one', async (_what, entries, why) => {
    await expect(checkProjector(written(entries))).rejects.toMatchObject({
      code: 'model_file_invalid',
      message: expect.stringContaining(why),
    });
  });

  test('that is no GGUF file is refused', async () => {
    const path = join(folder, 'text.gguf');
    writeFileSync(path, 'no model');
    await expect(checkProjector(path)).rejects.toMatchObject({ code: 'model_file_invalid' });
  });
});
