/** What computes on a GPU. AMD's GPUs are used by Vulkan: node-llama-cpp has no build for ROCm. */
export type Backend = 'cuda' | 'metal' | 'vulkan';

/** A GPU, or a part of one that is a device of its own (MIG). */
export interface Device {
  readonly backend: Backend;
  /** What a runner is told of it by: `GPU-…` or `MIG-…` for CUDA, the number for Vulkan, `0` for Metal. */
  readonly id: string;
  readonly name: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** The memory of the machine is that of the device too. */
  readonly isUnified: boolean;
}

/** The devices a runner could use, and what was left out or not found, in sentences. */
export interface Inventory {
  readonly devices: readonly Device[];
  readonly notes: readonly string[];
}
