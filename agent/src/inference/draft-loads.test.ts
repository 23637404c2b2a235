import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { EngineModel } from './engine.ts';
import type { RunnerEngineOptions } from './runner-engine.ts';
import { createTestEngine, tinyModel, type TestEngine } from './test-engine.fixture.ts';

/** A runner that repeats which draft model it was told to load. */
const program = `
  process.on('message', ({ type, spec }) => {
    if (type === 'stop') process.exit();
    if (type !== 'load') return;
    process.send({ type: 'load_failed', code: 'model_load_failed', message: 'draft: ' + spec.draft?.path });
  });
`;

const model = (changed: Partial<EngineModel> = {}): EngineModel =>
  tinyModel({ draft: { digest: 'd', path: '/models/draft.gguf', sizeBytes: 1 }, ...changed });
const projector = { digest: 'eye', path: '/models/mmproj.gguf', sizeBytes: 1 };

let folder = '';
let engine: TestEngine | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'telling-runner-'));
  await writeFile(join(folder, 'runner.mjs'), program);
});
afterEach(async () => {
  await engine?.stop();
  await rm(folder, { recursive: true, force: true });
});

const errorOf = (loaded: EngineModel, options: Partial<RunnerEngineOptions> = {}): Promise<unknown> => {
  engine = createTestEngine({ runnerModule: pathToFileURL(join(folder, 'runner.mjs')), ...options });
  return engine.load(loaded, new AbortController().signal).catch(String);
};

describe('a draft model', () => {
  test('is loaded with the model that it guesses for', async () => {
    expect(await errorOf(model())).toContain('draft: /models/draft.gguf');
  });

  test('is loaded with one that has a projector, where llama-server is missing', async () => {
    expect(await errorOf(model({ projector }))).toContain('draft: /models/draft.gguf');
  });

  test('is not loaded where nothing is guessed', async () => {
    expect(await errorOf(model({ speculation: false }))).toContain('draft: undefined');
  });

  test.each<[string, EngineModel, Partial<RunnerEngineOptions>, boolean]>([
    ['counts where it is loaded', model(), {}, true],
    ['does not count where nothing is guessed', model({ speculation: false }), {}, false],
    [
      'does not count where llama-server computes',
      model({ projector }),
      { llamaServer: 'llama-server' },
      false,
    ],
  ])('%s, when memory is short', async (_what, loaded, options, counts) => {
    const error = await errorOf(loaded, { ...options, availableMemory: () => Promise.resolve(0) });
    expect(error).toContain('and 0 MiB are available');
    expect(String(error).includes('for its draft model')).toBe(counts);
  });
});
