import { describe, expect, test } from '@jest/globals';
import { LoadMemory } from './load-memory.ts';
import { tinyModel } from './test-engine.fixture.ts';

const mebibyte = 1024 ** 2;

/** The bundled model with 8 bits, on a processor that keeps such weights twice. */
const load = { model: tinyModel(), contextSize: 1024, gpuLayers: 0 };
const memoryOf = (availableBytes: number): LoadMemory =>
  new LoadMemory({
    available: () => Promise.resolve(availableBytes),
    copiedTypes: new Set(['Q8_0']),
  });

/** The model guesses for itself. */
const drafted = tinyModel({
  draft: { digest: 'draft', path: load.model.path, sizeBytes: load.model.sizeBytes },
});

describe('what a load takes', () => {
  test('is estimated from the header of the file', async () => {
    const memory = memoryOf(0);
    const { totalBytes, residentBytes, certainBytes } = await memory.estimate(load);
    expect(certainBytes).toBeGreaterThan(load.model.sizeBytes * 0.9);
    expect(residentBytes).toBeGreaterThan(totalBytes + load.model.sizeBytes * 0.5);
    expect((await memory.shortage(load))?.message).toMatch(
      /MiB for the process = \d+ MiB, and 0 MiB are available/,
    );
    expect(await memoryOf(totalBytes).shortage(load)).toBeUndefined();
    expect(await memoryOf(totalBytes - 1).shortage(load)).toBeDefined();
  });

  test('is what was measured at most, without the pages that the kernel takes back', async () => {
    const { totalBytes, residentBytes } = await memoryOf(0).estimate(load);
    const memory = memoryOf(100 * mebibyte + 1);
    memory.measured(load, 80 * mebibyte);
    expect(await memory.shortage(load)).toBeUndefined();
    memory.measured(load, 100 * mebibyte + residentBytes - totalBytes);
    memory.measured(load, 90 * mebibyte);
    expect(await memory.shortage(load)).toBeUndefined();
    memory.measured(load, 102 * mebibyte + residentBytes - totalBytes);
    expect((await memory.shortage(load))?.message).toContain(
      'needs 102 MiB, as measured when it was loaded before',
    );
  });

  test('is never less than weights and context', async () => {
    const { certainBytes } = await memoryOf(0).estimate(load);
    const memory = memoryOf(certainBytes - 1);
    memory.measured(load, 1);
    expect(await memory.shortage(load)).toBeDefined();
  });

  test('is known for the same settings only', async () => {
    const memory = memoryOf(mebibyte);
    memory.measured(load, 300 * mebibyte);
    const others = [
      { ...load, contextSize: 512 },
      { ...load, gpuLayers: 1 },
      { ...load, model: tinyModel({ parallel: 1 }) },
      { ...load, model: tinyModel({ digest: 'another' }) },
      { ...load, model: drafted },
    ];
    for (const other of others) expect((await memory.shortage(other))?.message).not.toContain('as measured');
    expect((await memory.shortage({ ...load }))?.message).toContain('as measured');
  });

  test('is more with a draft model, by what the header of its file tells', async () => {
    const memory = memoryOf(0);
    const [alone, both] = [await memory.estimate(load), await memory.estimate({ ...load, model: drafted })];
    expect(both.certainBytes).toBe(2 * alone.certainBytes);
    expect(both.residentBytes - both.totalBytes).toBe(2 * (alone.residentBytes - alone.totalBytes));
    expect((await memory.shortage({ ...load, model: drafted }))?.message).toContain(
      'MiB for its draft model + ',
    );
  });

  test('is guessed by the size of a file that cannot be read', async () => {
    const model = tinyModel({ digest: 'gone', path: '/no/such/file.gguf', sizeBytes: 512 * mebibyte });
    expect((await memoryOf(0).shortage({ ...load, model }))?.message).toContain('538 MiB for the weights');
  });
});
