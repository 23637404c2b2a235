import type { Device, Inventory } from './device.ts';

/** Which devices a model is loaded on, and how its runner is told. */
export interface DeviceChoice {
  readonly backend: Device['backend'] | false;
  readonly devices: readonly Device[];
  /** Blocks on devices; one more than the model has: its output too. */
  readonly gpuLayers: number;
  /** Added to the environment of the runner. */
  readonly environment: Readonly<Record<string, string>>;
  /** A sentence for people. */
  readonly reason: string;
}

/** What a model takes on devices. */
export interface DeviceNeed {
  /** Blocks of the model. */
  readonly layers: number;
  /** Bytes with so many blocks on so many devices, all of them together. */
  readonly bytes: (gpuLayers: number, devices: number) => number;
}

/** The best first: CUDA is faster than Vulkan on the same GPU. */
const backends = ['cuda', 'metal', 'vulkan'] as const;

/** Of the free memory, this part is left to the driver and to what else grows. */
const usedShare = 0.92;

const mib = (bytes: number): string => `${Math.round(bytes / 1024 ** 2)} MiB`;

/** No devices, for this reason. */
export const onProcessor = (reason: string): DeviceChoice => ({
  backend: false,
  devices: [],
  gpuLayers: 0,
  environment: {},
  reason,
});

const usable = (devices: readonly Device[]): number =>
  devices.reduce((sum, { freeBytes }) => sum + freeBytes * usedShare, 0);

/**
 * One device if the model fits into it, the one with the most free memory; else as few as hold it together; else as
 * many of its blocks as fit on all of them. Devices of one backend only, and of MIG devices one: CUDA shows a process
 * no more.
 */
export const chooseDevices = ({ devices, notes }: Inventory, need: DeviceNeed | undefined): DeviceChoice => {
  const backend = backends.find((each) => devices.some((device) => device.backend === each));
  if (backend === undefined) return onProcessor(['No GPU is used.', ...notes].join(' '));
  if (need === undefined) return onProcessor('The header of the model cannot be read.');
  const sorted = devices
    .filter((device) => device.backend === backend)
    .toSorted((a, b) => b.freeBytes - a.freeBytes || (a.id < b.id ? -1 : 1));
  const [largest] = sorted;
  const candidates = largest?.id.startsWith('MIG-') === true ? [largest] : withoutParts(sorted);
  const all = need.layers + 1;
  for (let count = 1; count <= candidates.length; count += 1) {
    const some = candidates.slice(0, count);
    const bytes = need.bytes(all, count);
    if (bytes <= usable(some)) return chosen(backend, some, all, wholeReason(some, candidates, bytes));
  }
  const whole = need.bytes(all, candidates.length);
  for (let layers = need.layers; layers > 0; layers -= 1) {
    const bytes = need.bytes(layers, candidates.length);
    if (bytes > usable(candidates)) continue;
    return chosen(
      backend,
      candidates,
      layers,
      `${layers} of ${need.layers} blocks (${mib(bytes)}) fit into the ${mib(usable(candidates))} that may be used of ${named(candidates)}; all would take ${mib(whole)}. The rest is computed on the processor.`,
    );
  }
  return onProcessor(
    `No block of the model fits into the ${mib(usable(candidates))} that may be used of ${named(candidates)}.`,
  );
};

const withoutParts = (devices: readonly Device[]): readonly Device[] =>
  devices.filter(({ id }) => !id.startsWith('MIG-'));

const named = (devices: readonly Device[]): string =>
  devices.map(({ name, id }) => `${name} (${id})`).join(' and ');

const wholeReason = (some: readonly Device[], all: readonly Device[], bytes: number): string => {
  if (some.length > 1)
    return `The model (${mib(bytes)}) fits into no single device; ${named(some)} hold it together, with ${mib(usable(some))} that may be used.`;
  const among = all.length > 1 ? `, the one of ${all.length} with the most free memory` : '';
  return `The whole model (${mib(bytes)}) fits into the ${mib(usable(some))} that may be used of ${named(some)}${among}.`;
};

const chosen = (
  backend: Device['backend'],
  devices: readonly Device[],
  gpuLayers: number,
  reason: string,
): DeviceChoice => ({ backend, devices, gpuLayers, environment: runnerVariables(backend, devices), reason });

/** How llama.cpp is shown only these devices. */
const runnerVariables = (
  backend: Device['backend'],
  devices: readonly Device[],
): Readonly<Record<string, string>> => {
  const ids = devices.map(({ id }) => id).join(',');
  switch (backend) {
    case 'cuda':
      return { CUDA_VISIBLE_DEVICES: ids };
    case 'vulkan':
      return { GGML_VK_VISIBLE_DEVICES: ids };
    case 'metal':
      return {};
  }
};
