import { describe, expect, test } from '@jest/globals';
import { chooseDevices, type DeviceNeed } from './choose-devices.ts';
import type { Backend, Device } from './device.ts';

const gib = 1024 ** 3;

const device = (id: string, freeGib: number, backend: Backend = 'cuda'): Device => ({
  backend,
  id,
  name: `card ${id}`,
  totalBytes: 24 * gib,
  freeBytes: freeGib * gib,
  isUnified: false,
});

/** A model of 32 blocks and an output, half a gibibyte each, and one for the driver on each device. */
const need: DeviceNeed = {
  layers: 32,
  bytes: (gpuLayers, devices) => (gpuLayers * 0.5 + devices) * gib,
};

describe('the choice of devices', () => {
  test('without any the processor computes, and the notes say why', () => {
    expect(chooseDevices({ devices: [], notes: ['None found.'] }, need)).toMatchObject({
      backend: false,
      gpuLayers: 0,
      environment: {},
      reason: 'No GPU is used. None found.',
    });
  });

  test('a model that fits into one device gets the one with the most free memory', () => {
    const choice = chooseDevices({ devices: [device('GPU-a', 21), device('GPU-b', 23)], notes: [] }, need);
    expect(choice).toMatchObject({
      backend: 'cuda',
      gpuLayers: 33,
      environment: { CUDA_VISIBLE_DEVICES: 'GPU-b' },
    });
    expect(choice.reason).toBe(
      'The whole model (17920 MiB) fits into the 21668 MiB that may be used of card GPU-b (GPU-b), the one of 2 with the most free memory.',
    );
  });

  test('one that fits into none is split over as few as hold it', () => {
    const devices = [device('GPU-a', 8), device('GPU-b', 12), device('GPU-c', 11)];
    const choice = chooseDevices({ devices, notes: [] }, need);
    expect(choice.environment).toEqual({ CUDA_VISIBLE_DEVICES: 'GPU-b,GPU-c' });
    expect(choice.gpuLayers).toBe(33);
    expect(choice.reason).toContain('fits into no single device');
  });

  test('of one that is too large, as many blocks as fit are on devices', () => {
    const choice = chooseDevices({ devices: [device('GPU-a', 10)], notes: [] }, need);
    expect(choice.gpuLayers).toBe(16);
    expect(choice.reason).toMatch(
      /^16 of 32 blocks \(9216 MiB\) fit into the 9421 MiB .* all would take 17920 MiB\./,
    );
  });

  test('a device that holds not even one block is not used', () => {
    expect(chooseDevices({ devices: [device('GPU-a', 1)], notes: [] }, need)).toMatchObject({
      backend: false,
      gpuLayers: 0,
      devices: [],
    });
  });

  test('of MIG devices a process gets one: CUDA shows it no more', () => {
    const devices = [device('MIG-a', 9), device('MIG-b', 10)];
    const choice = chooseDevices({ devices, notes: [] }, need);
    expect(choice.environment).toEqual({ CUDA_VISIBLE_DEVICES: 'MIG-b' });
    expect(choice.gpuLayers).toBe(16);
  });

  test('a whole GPU is not split with a MIG device', () => {
    const devices = [device('MIG-a', 9), device('GPU-b', 12), device('GPU-c', 11)];
    expect(chooseDevices({ devices, notes: [] }, need).environment).toEqual({
      CUDA_VISIBLE_DEVICES: 'GPU-b,GPU-c',
    });
  });

  test('devices of Vulkan are named by number, Metal needs no name, and CUDA comes first', () => {
    const vulkan = device('1', 23, 'vulkan');
    expect(chooseDevices({ devices: [device('0', 20, 'vulkan'), vulkan], notes: [] }, need)).toMatchObject({
      backend: 'vulkan',
      environment: { GGML_VK_VISIBLE_DEVICES: '1' },
    });
    expect(chooseDevices({ devices: [device('0', 23, 'metal')], notes: [] }, need)).toMatchObject({
      backend: 'metal',
      environment: {},
    });
    expect(chooseDevices({ devices: [vulkan, device('GPU-a', 20)], notes: [] }, need).backend).toBe('cuda');
  });

  test('a model whose header cannot be read is computed on the processor', () => {
    expect(chooseDevices({ devices: [device('GPU-a', 20)], notes: [] }, undefined).backend).toBe(false);
  });
});
