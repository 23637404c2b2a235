import type { AgentDevices } from '@ollamamax/api';
import type { Logger } from '@ollamamax/common';
import { askBackend } from './ask-backend.ts';
import { DeviceWatch } from './device-watch.ts';
import { machineSources, readInventory } from './read-inventory.ts';

/**
 * Watches the devices of this machine, and has looked once soon.
 * @param module program of the runner, which tells what its library finds
 * @param environment of runners
 */
export const machineDevices = (
  module: URL,
  environment: Readonly<Record<string, string>>,
  logger: Logger,
): DeviceWatch => {
  const sources = machineSources(environment, () => askBackend(module, environment));
  const watch = new DeviceWatch(() => readInventory(sources), logger);
  void watch.look();
  return watch;
};

/** For the agent's status. */
export const describeDevices = (watch: DeviceWatch | undefined): AgentDevices =>
  watch === undefined
    ? { found: [], notes: ['None used: inference.gpu is off.'] }
    : { found: [...watch.known.devices], notes: [...watch.known.notes] };
