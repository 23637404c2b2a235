import type { NodeConfig } from '@ollamamax/api';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { RunnerEngineOptions } from './runner-engine.ts';

/** What the configuration of an agent says about its engine. */
export const engineSettings = ({
  inference,
  limits,
  storage,
}: NodeConfig): Omit<RunnerEngineOptions, 'logger' | 'maxLoadedModels'> => ({
  threads: inference.threads === 0 ? availableParallelism() : inference.threads,
  gpu: inference.gpu === 'off' ? false : inference.gpu,
  llamaServer: inference.llamaServer,
  loadTimeoutMs: inference.loadSeconds * 1000,
  queueTimeoutMs: limits.queueSeconds * 1000,
  stallTimeoutMs: limits.writeStallSeconds * 2000,
  states: {
    memoryBytes: inference.stateMemoryBytes,
    diskBytes: inference.stateDiskBytes,
    folder: join(storage.cacheDir, 'states'),
  },
});
