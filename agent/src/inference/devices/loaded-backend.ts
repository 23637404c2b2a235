import type { Backend, Device, Inventory } from './device.ts';

/** What node-llama-cpp tells in a process that has loaded it: all devices of its backend together. */
export interface LoadedBackend {
  /** `false`: it computes on the processor. */
  readonly gpu: Backend | false;
  /** In the backend's own order. */
  readonly names: readonly string[];
  /** Bytes of all devices together. */
  readonly memory: { readonly total: number; readonly free: number; readonly unifiedSize: number };
}

/**
 * Devices as a loaded backend names them. It tells one sum of memory for all of them, which is taken to be spread
 * evenly; a CUDA device that nvidia-smi has told of too is known better from there.
 */
export const devicesOfBackend = ({ gpu, names, memory }: LoadedBackend): Inventory => {
  if (gpu === false) return { devices: [], notes: ['node-llama-cpp finds no GPU that it has a build for.'] };
  const share = (bytes: number): number => Math.floor(bytes / Math.max(1, names.length));
  const devices = names.map((name, index): Device => ({
    backend: gpu,
    id: String(index),
    name,
    totalBytes: share(memory.total),
    freeBytes: share(memory.free),
    isUnified: gpu === 'metal' || memory.unifiedSize >= memory.total,
  }));
  return { devices, notes: devices.length === 0 ? [`${gpu} is there and has no devices.`] : [] };
};
