import { describe, expect, test } from '@jest/globals';
import {
  driverInformation,
  migGpu,
  migGpuWithoutParts,
  twoGpus,
  uuids,
} from './documented-outputs.fixture.ts';
import { parseDriverInformation, parseGpuList, parseQuery, parseReport } from './nvidia-smi.ts';

const mebibyte = 1024 ** 2;

describe('what nvidia-smi prints', () => {
  test('every GPU is a device with its UUID and memory', () => {
    const { devices, notes } = parseReport(twoGpus.report, twoGpus.list);
    expect(notes).toEqual([]);
    expect(devices).toMatchObject([
      { backend: 'cuda', id: uuids.first, totalBytes: 24_564 * mebibyte, freeBytes: 4564 * mebibyte },
      { backend: 'cuda', id: uuids.second, name: 'NVIDIA GeForce RTX 4090', freeBytes: 24_000 * mebibyte },
    ]);
  });

  test('a GPU in MIG mode is no device; its parts are, with the UUIDs of the list', () => {
    const { devices } = parseReport(migGpu.report, migGpu.list);
    expect(devices).toMatchObject([
      { id: uuids.smallPart, name: 'NVIDIA H100 80GB HBM3 MIG 1g.10gb', totalBytes: 9728 * mebibyte },
      { id: uuids.largePart, name: 'NVIDIA H100 80GB HBM3 MIG 3g.40gb', freeBytes: 40_429 * mebibyte },
    ]);
  });

  test('parts whose UUID nobody tells, and a GPU without parts, are named and not used', () => {
    const untold = expect.stringContaining('does not tell its UUID');
    expect(parseReport(migGpu.report, '')).toEqual({ devices: [], notes: [untold, untold] });
    expect(parseReport(migGpuWithoutParts.report, migGpuWithoutParts.list)).toEqual({
      devices: [],
      notes: [`NVIDIA A100-SXM4-40GB (${uuids.first}) is in MIG mode and has no MIG devices.`],
    });
  });

  test('the list of GPUs has their parts', () => {
    expect(parseGpuList(migGpu.list)).toEqual([
      {
        index: 0,
        name: 'NVIDIA H100 80GB HBM3',
        uuid: uuids.first,
        parts: [
          { index: 0, profile: '1g.10gb', uuid: uuids.smallPart },
          { index: 1, profile: '3g.40gb', uuid: uuids.largePart },
        ],
      },
    ]);
  });

  test('the query gives the same devices as the report', () => {
    expect(parseQuery(twoGpus.query)).toEqual(parseReport(twoGpus.report, twoGpus.list).devices);
  });

  test.each(['', 'No devices were found', 'NVIDIA-SMI has failed because …', '<nvidia_smi_log><gpu id="0">'])(
    'other text has no devices: %j',
    (text) => {
      expect(parseReport(text, text)).toEqual({ devices: [], notes: [] });
      expect(parseGpuList(text)).toEqual([]);
      expect(parseQuery(text)).toEqual([]);
    },
  );

  test('what the driver tells in /proc', () => {
    expect(parseDriverInformation(driverInformation)).toEqual({ name: 'NVIDIA A40', uuid: uuids.first });
    expect(parseDriverInformation('Model: 	 NVIDIA A40\nGPU UUID: 	 GPU-????????-????\n')).toBeUndefined();
  });
});
