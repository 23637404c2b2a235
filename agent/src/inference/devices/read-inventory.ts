import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Inventory } from './device.ts';
import { devicesOfBackend, type LoadedBackend } from './loaded-backend.ts';
import { parseDriverInformation, parseQuery, parseReport } from './nvidia-smi.ts';
import { visibleDevices, type VisibilityEnvironment } from './visible-devices.ts';

/** Where an inventory comes from; recorded outputs in tests. */
export interface InventorySources {
  readonly environment: VisibilityEnvironment;
  /** False: nothing on this machine looks like a GPU, and nothing more is asked. */
  hasGpu(): boolean;
  /** What nvidia-smi prints; undefined: there is none, or it failed. */
  nvidiaSmi(...args: readonly string[]): Promise<string | undefined>;
  /** What the driver tells of each NVIDIA GPU in `/proc`. */
  driverInformation(): Promise<readonly string[]>;
  /** What a process of its own has found that loaded node-llama-cpp; undefined: it failed. */
  backend(): Promise<LoadedBackend | undefined>;
}

const queryFields = 'index,uuid,name,memory.total,memory.free';

/** Devices that runners can use here, with the reasons for those that they cannot. Never fails. */
export const readInventory = async (sources: InventorySources): Promise<Inventory> => {
  if (!sources.hasGpu()) return { devices: [], notes: ['None found: this machine has no device of a GPU.'] };
  const backend = await sources.backend();
  if (backend === undefined)
    return { devices: [], notes: ['None used: the process that was to load the GPU driver failed.'] };
  const nvidia = await nvidiaInventory(sources);
  const seen = nvidia.devices.map(({ name, id }) => `${name} (${id})`).join(', ');
  if (backend.gpu !== 'cuda') {
    const found = devicesOfBackend(backend);
    const unused = seen === '' ? [] : [`Not used by CUDA, whose package is not installed: ${seen}.`];
    return visibleDevices(
      { devices: found.devices, notes: [...found.notes, ...unused, ...nvidia.notes] },
      sources.environment,
    );
  }
  const devices = nvidia.devices.length > 0 ? nvidia.devices : devicesOfBackend(backend).devices;
  return visibleDevices({ devices, notes: nvidia.notes }, sources.environment);
};

const nvidiaInventory = async (sources: InventorySources): Promise<Inventory> => {
  const [report, list] = await Promise.all([sources.nvidiaSmi('-q', '-x'), sources.nvidiaSmi('-L')]);
  if (report !== undefined) {
    const inventory = parseReport(report, list ?? '');
    if (inventory.devices.length > 0 || inventory.notes.length > 0) return inventory;
  }
  const query = await sources.nvidiaSmi(`--query-gpu=${queryFields}`, '--format=csv,noheader,nounits');
  const devices = parseQuery(query ?? '');
  if (devices.length > 0) return { devices, notes: [] };
  const named = (await sources.driverInformation()).flatMap((text) => parseDriverInformation(text) ?? []);
  const notes = named.map(
    ({ name, uuid }) =>
      `The driver names ${name} (${uuid}), but nvidia-smi, which tells its memory, does not run here.`,
  );
  return { devices: [], notes };
};

const toolTimeoutMs = 10_000;
const reportBytes = 8 * 1024 * 1024;
const driverFolder = '/proc/driver/nvidia/gpus';

/** The files by which Linux shows a GPU to programs; other systems are asked by their drivers. */
const deviceFiles = ['/dev/nvidiactl', '/proc/driver/nvidia/version', '/dev/dri', '/dev/kfd', '/dev/dxg'];

/**
 * The sources of this machine.
 * @param backend asks a process of its own, so that a broken driver takes nobody along
 */
export const machineSources = (
  environment: Readonly<Record<string, string>>,
  backend: () => Promise<LoadedBackend | undefined>,
): InventorySources => ({
  environment,
  backend,
  hasGpu: () => process.platform !== 'linux' || deviceFiles.some((file) => existsSync(file)),
  nvidiaSmi: async (...args) => {
    try {
      const options = { env: environment, timeout: toolTimeoutMs, maxBuffer: reportBytes };
      return (await promisify(execFile)('nvidia-smi', args, options)).stdout;
    } catch {
      return undefined;
    }
  },
  driverInformation: async () => {
    const gpus = await readdir(driverFolder).catch((): string[] => []);
    return Promise.all(
      gpus.map((gpu) => readFile(join(driverFolder, gpu, 'information'), 'utf8').catch(() => '')),
    );
  },
});
