import { describe, expect, test } from '@jest/globals';
import { askBackend } from './ask-backend.ts';
import { driverInformation, migGpu, twoGpus, uuids } from './documented-outputs.fixture.ts';
import type { LoadedBackend } from './loaded-backend.ts';
import { machineSources, readInventory, type InventorySources } from './read-inventory.ts';

const gib = 1024 ** 3;

const cuda: LoadedBackend = {
  gpu: 'cuda',
  names: ['NVIDIA GeForce RTX 4090', 'NVIDIA GeForce RTX 4090'],
  memory: { total: 48 * gib, free: 28 * gib, unifiedSize: 0 },
};

const sources = (
  given: Partial<InventorySources>,
  smi: Partial<Record<'report' | 'list' | 'query', string>> = {},
): InventorySources => ({
  environment: {},
  hasGpu: () => true,
  nvidiaSmi: async (first) => (first === '-q' ? smi.report : first === '-L' ? smi.list : smi.query),
  driverInformation: async () => [],
  backend: async () => cuda,
  ...given,
});

const idsOf = async (from: InventorySources): Promise<readonly string[]> =>
  (await readInventory(from)).devices.map(({ id }) => id);

describe('the inventory of devices', () => {
  test('a machine without device files is asked no further', async () => {
    const asked = (): never => {
      throw new Error('asked');
    };
    const inventory = await readInventory(
      sources({ hasGpu: () => false, backend: asked, nvidiaSmi: asked, driverInformation: asked }),
    );
    expect(inventory).toEqual({ devices: [], notes: ['None found: this machine has no device of a GPU.'] });
  });

  test('devices of CUDA are those of nvidia-smi, by report or by query', async () => {
    expect(await idsOf(sources({}, twoGpus))).toEqual([uuids.first, uuids.second]);
    const { query } = twoGpus;
    expect(await idsOf(sources({}, { query }))).toEqual([uuids.first, uuids.second]);
  });

  test('without nvidia-smi they are those of the library, numbered, and the driver names them', async () => {
    const inventory = await readInventory(sources({ driverInformation: async () => [driverInformation] }));
    expect(inventory.devices).toMatchObject([
      { id: '0', totalBytes: 24 * gib, freeBytes: 14 * gib },
      { id: '1', totalBytes: 24 * gib, freeBytes: 14 * gib },
    ]);
    expect(inventory.notes).toEqual([expect.stringContaining(`NVIDIA A40 (${uuids.first})`)]);
  });

  test('a GPU whose package is not installed is told of, and Vulkan is used where it is there', async () => {
    const gpu = { gpu: false, names: [], memory: { total: 0, free: 0, unifiedSize: 0 } } as const;
    const none = await readInventory(sources({ backend: async () => gpu }, twoGpus));
    expect(none.devices).toEqual([]);
    expect(none.notes.join(' ')).toContain(
      `CUDA, whose package is not installed: NVIDIA GeForce RTX 4090 (${uuids.first})`,
    );
    const vulkan = { ...cuda, gpu: 'vulkan', names: ['AMD Radeon RX 7900 XTX (RADV NAVI31)'] } as const;
    expect((await readInventory(sources({ backend: async () => vulkan }))).devices).toMatchObject([
      { backend: 'vulkan', id: '0', name: 'AMD Radeon RX 7900 XTX (RADV NAVI31)', totalBytes: 48 * gib },
    ]);
  });

  test('the memory of a laptop with Metal is that of the machine', async () => {
    const metal = {
      gpu: 'metal',
      names: ['Apple M3 Pro'],
      memory: { total: 27 * gib, free: 20 * gib, unifiedSize: 27 * gib },
    } as const;
    expect((await readInventory(sources({ backend: async () => metal }))).devices).toMatchObject([
      { backend: 'metal', name: 'Apple M3 Pro', isUnified: true, freeBytes: 20 * gib },
    ]);
  });

  test('a driver that takes its process along leaves no devices and says so', async () => {
    expect(await readInventory(sources({ backend: async () => undefined }, twoGpus))).toEqual({
      devices: [],
      notes: ['None used: the process that was to load the GPU driver failed.'],
    });
  });

  test.each<readonly [Record<string, string>, readonly string[]]>([
    [{ NVIDIA_VISIBLE_DEVICES: 'all' }, [uuids.first, uuids.second]],
    [{ NVIDIA_VISIBLE_DEVICES: uuids.second }, [uuids.second]],
    [{ NVIDIA_VISIBLE_DEVICES: 'void' }, []],
    [{ NVIDIA_VISIBLE_DEVICES: 'none' }, []],
    [{ NVIDIA_VISIBLE_DEVICES: '' }, [uuids.first, uuids.second]],
    [{ CUDA_VISIBLE_DEVICES: '1,0' }, [uuids.first, uuids.second]],
    [{ CUDA_VISIBLE_DEVICES: '1' }, [uuids.second]],
    [{ CUDA_VISIBLE_DEVICES: 'GPU-1111' }, [uuids.first]],
    [{ CUDA_VISIBLE_DEVICES: '0,7,1' }, [uuids.first]],
    [{ CUDA_VISIBLE_DEVICES: '-1' }, []],
    [{ CUDA_VISIBLE_DEVICES: '' }, []],
    [{ NVIDIA_VISIBLE_DEVICES: uuids.second, CUDA_VISIBLE_DEVICES: '0' }, [uuids.second]],
  ])('the environment narrows it down: %j', async (environment, ids) => {
    expect(await idsOf(sources({ environment }, twoGpus))).toEqual(ids);
  });

  test('a MIG device that Kubernetes gave is the only one, and the reason is told', async () => {
    const environment = { NVIDIA_VISIBLE_DEVICES: uuids.largePart };
    const { devices, notes } = await readInventory(sources({ environment }, migGpu));
    expect(devices).toMatchObject([{ id: uuids.largePart }]);
    expect(notes).toEqual([`NVIDIA_VISIBLE_DEVICES=${uuids.largePart} leaves 1 of 2 cuda devices.`]);
  });
});

describe('asking a process of its own', () => {
  const runner = new URL('../runner/main.ts', import.meta.url);

  test('the runner tells what its library finds, and this machine is described', async () => {
    const backend = await askBackend(runner, {});
    expect(backend?.memory.total).toBeGreaterThanOrEqual(0);
    const inventory = await readInventory(machineSources({}, async () => backend));
    expect(inventory.devices.length + inventory.notes.length).toBeGreaterThan(0);
  });

  test('a process that ends without an answer is told from one that answers', async () => {
    expect(await askBackend(new URL('./no-such-program.ts', import.meta.url), {})).toBeUndefined();
  });

  test('a process that takes too long is ended', async () => {
    expect(await askBackend(runner, {}, 1)).toBeUndefined();
  });
});
