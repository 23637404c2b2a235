import type { Device, Inventory } from './device.ts';

/** The variables of an environment that say which devices may be used. */
export type VisibilityEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * Leaves only devices that the environment allows. `NVIDIA_VISIBLE_DEVICES` is set by Kubernetes' device plugin and by
 * container runtimes (`all`, `none`, `void`, UUIDs or numbers); `CUDA_VISIBLE_DEVICES` and `GGML_VK_VISIBLE_DEVICES` by
 * people. Each narrows down what is left by the one before.
 */
export const visibleDevices = (inventory: Inventory, environment: VisibilityEnvironment): Inventory => {
  const notes = [...inventory.notes];
  let devices = inventory.devices;
  for (const [variable, backend] of [
    ['NVIDIA_VISIBLE_DEVICES', 'cuda'],
    ['CUDA_VISIBLE_DEVICES', 'cuda'],
    ['GGML_VK_VISIBLE_DEVICES', 'vulkan'],
  ] as const) {
    const value = environment[variable]?.trim();
    if (value === undefined || (value === '' && variable !== 'CUDA_VISIBLE_DEVICES')) continue;
    const mine = devices.filter((device) => device.backend === backend);
    if (mine.length === 0) continue;
    const allowed = allowedBy(value, mine);
    if (allowed.length < mine.length)
      notes.push(
        `${variable}=${value} leaves ${allowed.length} of ${mine.length} ${backend} device${mine.length === 1 ? '' : 's'}.`,
      );
    devices = devices.filter((device) => device.backend !== backend || allowed.includes(device));
  }
  return { devices, notes };
};

/** As CUDA reads such lists: what comes behind the first name of no device does not count. */
const allowedBy = (value: string, devices: readonly Device[]): readonly Device[] => {
  if (value === 'all') return devices;
  const allowed: Device[] = [];
  for (const name of value.split(',').map((part) => part.trim())) {
    const device = /^\d+$/.test(name) ? devices[Number(name)] : byPrefix(name, devices);
    if (device === undefined) break;
    if (!allowed.includes(device)) allowed.push(device);
  }
  return allowed;
};

/** A UUID may be shortened as long as it names one device. */
const byPrefix = (name: string, devices: readonly Device[]): Device | undefined => {
  if (!/^(GPU|MIG)-/.test(name)) return undefined;
  const found = devices.filter(({ id }) => id.startsWith(name));
  return found.length === 1 ? found[0] : undefined;
};
