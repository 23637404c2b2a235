import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Logger } from '@ollamamax/common';
import { readMemoryFacts } from '../memory-facts.ts';
import { createTestEngine, tinyModel, type TestEngine } from '../test-engine.fixture.ts';
import type { Inventory } from './device.ts';
import { DeviceWatch } from './device-watch.ts';
import { migGpu, twoGpus, uuids } from './documented-outputs.fixture.ts';
import { describeDevices } from './machine-devices.ts';
import { parseReport } from './nvidia-smi.ts';

const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => quiet,
};

const gpus = parseReport(twoGpus.report, twoGpus.list);
const watchOf = (inventory: Inventory): DeviceWatch =>
  new DeviceWatch(() => Promise.resolve(inventory), quiet);

describe('the watch of devices', () => {
  test('asks the machine once for questions that come together', async () => {
    let asked = 0;
    const watch = new DeviceWatch(() => Promise.resolve({ ...gpus, notes: [String(++asked)] }), quiet);
    expect(describeDevices(watch)).toEqual({ found: [], notes: ['Not looked for yet.'] });
    await Promise.all([watch.look(), watch.look()]);
    expect(asked).toBe(1);
    watch.changed();
    await watch.look();
    expect(asked).toBe(2);
    expect(describeDevices(watch)).toMatchObject({ found: [{ id: uuids.first }, { id: uuids.second }] });
  });

  test('places a real model whole on the GPU with the most free memory', async () => {
    const { path } = tinyModel();
    const choice = await watchOf(gpus).choose(await readMemoryFacts(path), 2048, 4);
    expect(choice.environment).toEqual({ CUDA_VISIBLE_DEVICES: uuids.second });
    expect(choice.gpuLayers).toBe((await readMemoryFacts(path)).layers.length + 1);
    expect(choice.reason).toMatch(/^The whole model \(\d+ MiB\) fits into the 22080 MiB /);
  });

  test('no devices are described with the reason, and a GPU that is off too', () => {
    expect(describeDevices(undefined)).toEqual({ found: [], notes: ['None used: inference.gpu is off.'] });
  });
});

describe('what a runner is told of devices', () => {
  /** Refuses every load, and says what it was told. */
  const program = `
    process.on('message', (message) => {
      if (message.type !== 'load') return process.exit(0);
      const { gpu, gpuLayers } = message.spec;
      const { CUDA_VISIBLE_DEVICES: visible } = process.env;
      const told = JSON.stringify({ gpu, gpuLayers, visible });
      process.send({ type: 'load_failed', code: 'model_load_failed', message: told });
    });
  `;
  const saidBy = (text: string): unknown => JSON.parse(/\{.*\}/.exec(text)?.[0] ?? '{}');

  let engine: TestEngine | undefined;
  let folder = '';
  afterEach(async () => {
    await engine?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test.each<readonly [string, Inventory, readonly object[]]>([
    ['a GPU', gpus, [{ gpu: 'cuda', gpuLayers: 5, visible: uuids.second }]],
    [
      'a part of a GPU',
      parseReport(migGpu.report, migGpu.list),
      [{ gpu: 'cuda', gpuLayers: 5, visible: uuids.largePart }],
    ],
    ['none', { devices: [], notes: ['None found.'] }, []],
  ])('%s, and then the processor', async (_what, inventory, told) => {
    folder = await mkdtemp(join(tmpdir(), 'telling-runner-'));
    const path = join(folder, 'runner.mjs');
    await writeFile(path, program);
    const environment = { CUDA_VISIBLE_DEVICES: '0,1' };
    engine = createTestEngine({
      gpu: 'auto',
      devices: watchOf(inventory),
      runnerModule: pathToFileURL(path),
      environment: inventory.devices.length === 0 ? {} : environment,
    });
    const failure: unknown = await engine.load(tinyModel(), new AbortController().signal).catch(String);
    expect(saidBy(String(failure))).toMatchObject({ gpu: false, gpuLayers: 0 });
    const onGpu = engine.logged.filter((line) => line.startsWith('model not loaded on a GPU'));
    const reasons = onGpu.map((line) => JSON.parse(line.slice(line.indexOf('{'))) as { reason: string });
    expect(reasons.map(({ reason }) => saidBy(reason))).toEqual(told);
    await engine.stop();
  });
});
