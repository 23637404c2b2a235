import type { Device, Inventory } from './device.ts';

const mebibyte = 1024 * 1024;

/** A GPU as `nvidia-smi -L` lists it, with its parts. */
export interface ListedGpu {
  readonly index: number;
  readonly name: string;
  readonly uuid: string;
  readonly parts: readonly { readonly index: number; readonly profile: string; readonly uuid: string }[];
}

const gpuLine = /^GPU (\d+): (.+) \(UUID: (GPU-[^)\s]+)\)\s*$/;
const partLine = /^\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (MIG-[^)\s]+)\)\s*$/;

/** Reads what `nvidia-smi -L` prints: the only place where every driver tells the UUIDs of MIG devices. */
export const parseGpuList = (text: string): readonly ListedGpu[] => {
  const gpus: (ListedGpu & { readonly parts: ListedGpu['parts'][number][] })[] = [];
  for (const line of text.split('\n')) {
    const [, index, name = '', uuid = ''] = gpuLine.exec(line) ?? [];
    if (index !== undefined) gpus.push({ index: Number(index), name, uuid, parts: [] });
    const [, profile = '', part, partUuid = ''] = partLine.exec(line) ?? [];
    if (part !== undefined) gpus.at(-1)?.parts.push({ index: Number(part), profile, uuid: partUuid });
  }
  return gpus;
};

/** Contents of elements of this name, in order; enough for a report whose elements of one name are not nested. */
const elements = (xml: string, name: string): readonly string[] =>
  [...xml.matchAll(new RegExp(`<${name}(?: [^>]*)?>([\\s\\S]*?)</${name}>`, 'g'))].map(
    ([, content = '']) => content,
  );

const textOf = (xml: string, name: string): string => elements(xml, name)[0]?.trim() ?? '';

/** `81559 MiB` in bytes; 0 for `N/A` and whatever else is no size. */
const bytesOf = (size: string): number => {
  const [, count] = /^(\d+) MiB$/.exec(size) ?? [];
  return count === undefined ? 0 : Number(count) * mebibyte;
};

const memoryOf = (xml: string): Pick<Device, 'totalBytes' | 'freeBytes'> => {
  const memory = elements(xml, 'fb_memory_usage')[0] ?? '';
  const totalBytes = bytesOf(textOf(memory, 'total'));
  const free = bytesOf(textOf(memory, 'free'));
  return { totalBytes, freeBytes: Math.min(free, totalBytes) };
};

/**
 * Reads what `nvidia-smi -q -x` prints. A GPU in MIG mode is not a device: its parts are.
 * @param list what `nvidia-smi -L` prints, for the UUIDs of the parts
 */
export const parseReport = (xml: string, list: string): Inventory => {
  const listed = new Map(parseGpuList(list).map((gpu) => [gpu.uuid, gpu]));
  const devices: Device[] = [];
  const notes: string[] = [];
  for (const gpu of elements(xml, 'gpu')) {
    const name = textOf(gpu, 'product_name');
    const parts = elements(gpu, 'mig_device');
    const whole = gpu.replace(/<mig_devices>[\s\S]*?<\/mig_devices>/, '');
    const uuid = textOf(whole, 'uuid');
    if (textOf(whole, 'current_mig') !== 'Enabled') {
      const device = nvidiaDevice(uuid, name, memoryOf(whole));
      if (device.totalBytes > 0) devices.push(device);
      else notes.push(`${name} (${uuid}) does not tell its memory.`);
      continue;
    }
    if (parts.length === 0) notes.push(`${name} (${uuid}) is in MIG mode and has no MIG devices.`);
    for (const part of parts) {
      const known = listed.get(uuid)?.parts.find(({ index }) => String(index) === textOf(part, 'index'));
      const partUuid = known?.uuid ?? textOf(part, 'uuid');
      if (partUuid.startsWith('MIG-'))
        devices.push(nvidiaDevice(partUuid, `${name} MIG ${known?.profile ?? ''}`.trim(), memoryOf(part)));
      else notes.push(`A MIG device of ${name} (${uuid}) does not tell its UUID.`);
    }
  }
  return { devices, notes };
};

/**
 * Reads what `nvidia-smi --query-gpu=index,uuid,name,memory.total,memory.free --format=csv,noheader,nounits` prints.
 * It knows nothing of MIG devices.
 */
export const parseQuery = (csv: string): readonly Device[] =>
  csv.split('\n').flatMap((line) => {
    const [, uuid = '', name = '', total = '', free = ''] = line.split(',').map((field) => field.trim());
    const totalBytes = bytesOf(`${total} MiB`);
    if (!uuid.startsWith('GPU-') || totalBytes === 0) return [];
    return [
      nvidiaDevice(uuid, name, { totalBytes, freeBytes: Math.min(bytesOf(`${free} MiB`), totalBytes) }),
    ];
  });

const nvidiaDevice = (
  id: string,
  name: string,
  memory: Pick<Device, 'totalBytes' | 'freeBytes'>,
): Device => ({ backend: 'cuda', id, name, ...memory, isUnified: false });

/**
 * Reads a file `/proc/driver/nvidia/gpus/<address>/information`: what the driver tells where nvidia-smi is missing.
 * @returns undefined when it names no GPU
 */
export const parseDriverInformation = (
  text: string,
): { readonly name: string; readonly uuid: string } | undefined => {
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.+?)\\s*$`, 'm').exec(text)?.[1] ?? '';
  const uuid = field('GPU UUID');
  return /^GPU-[0-9a-f-]+$/.test(uuid) ? { name: field('Model'), uuid } : undefined;
};
