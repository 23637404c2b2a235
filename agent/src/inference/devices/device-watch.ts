import type { Logger } from '@ollamamax/common';
import { estimateDeviceMemory } from '../memory-check.ts';
import type { MemoryFacts } from '../memory-facts.ts';
import { chooseDevices, type DeviceChoice } from './choose-devices.ts';
import type { Inventory } from './device.ts';

/** How long an inventory counts: loading is slower, and free memory changes with each load. */
const freshMs = 2000;

/** What is known of the devices of this machine, and which of them a model is loaded on. */
export class DeviceWatch {
  readonly #read: () => Promise<Inventory>;
  readonly #logger: Logger;
  #last: { readonly at: number; readonly inventory: Promise<Inventory> } | undefined;
  #known: Inventory = { devices: [], notes: ['Not looked for yet.'] };

  /** @param read asks the machine; it does not fail */
  constructor(read: () => Promise<Inventory>, logger: Logger) {
    this.#read = read;
    this.#logger = logger;
  }

  /** As it was known last. */
  get known(): Inventory {
    return this.#known;
  }

  /** Not older than two seconds. */
  look(): Promise<Inventory> {
    const now = performance.now();
    if (this.#last === undefined || now - this.#last.at > freshMs)
      this.#last = { at: now, inventory: this.#look() };
    return this.#last.inventory;
  }

  /** What is known is no longer true: a model takes memory of devices, or has given it back. */
  changed(): void {
    this.#last = undefined;
  }

  /** @param facts of the model; undefined: its header cannot be read */
  async choose(facts: MemoryFacts | undefined, contextSize: number, parallel: number): Promise<DeviceChoice> {
    return chooseDevices(
      await this.look(),
      facts === undefined
        ? undefined
        : {
            layers: facts.layers.length,
            bytes: (gpuLayers, devices) =>
              estimateDeviceMemory(facts, contextSize, parallel, gpuLayers, devices),
          },
    );
  }

  async #look(): Promise<Inventory> {
    const inventory = await this.#read();
    const before = JSON.stringify(this.#known.devices.map(({ id }) => id));
    this.#known = inventory;
    if (JSON.stringify(inventory.devices.map(({ id }) => id)) !== before)
      this.#logger.info('devices found', { devices: inventory.devices, notes: inventory.notes });
    return inventory;
  }
}
