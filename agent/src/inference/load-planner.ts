import type { ApiError } from '@ollamamax/api';
import type { EngineModel } from './engine.ts';
import type { LoadMemory } from './load-memory.ts';
import { onProcessor, type DeviceChoice } from './devices/choose-devices.ts';
import type { DeviceWatch } from './devices/device-watch.ts';
import type { LoadSpec } from './runner/protocol.ts';

const undecided = { gpuLayers: 0, environment: {}, reason: undefined } as const;

/** How a model is loaded now: on which devices, and what of the machine's memory it takes. */
export interface LoadPlan {
  readonly choice: Pick<DeviceChoice, 'environment' | 'gpuLayers'> & { readonly reason: string | undefined };
  readonly totalBytes: number;
  /** The load with what was decided about devices. */
  readonly specFor: (spec: LoadSpec) => LoadSpec;
  /** To be told what the runner holds, as often as it is known. */
  readonly measured: (residentBytes: number) => void;
}

export interface LoadPlannerOptions {
  readonly memory: LoadMemory;
  /** Undefined: nothing is decided about devices. */
  readonly devices: DeviceWatch | undefined;
}

/** Brings together what models take and what there is. */
export class LoadPlanner {
  readonly #options: LoadPlannerOptions;

  constructor(options: LoadPlannerOptions) {
    this.#options = options;
  }

  /** What keeps the model from being loaded now; undefined when it fits. */
  async shortage(model: EngineModel, contextSize: number): Promise<ApiError | undefined> {
    const { gpuLayers } = await this.#choose(model, contextSize);
    return this.#options.memory.shortage({ model, contextSize, gpuLayers });
  }

  /** How the load that begins now goes: the next one looks at the devices anew. */
  async plan(model: EngineModel, contextSize: number): Promise<LoadPlan> {
    const choice = await this.#choose(model, contextSize);
    this.#options.devices?.changed();
    return this.#planOf(model, contextSize, choice);
  }

  /**
   * The same load on the processor, after one on devices has failed.
   * @param reason a sentence
   * @throws ApiError insufficient_memory when it does not fit there
   */
  async planWithoutDevices(model: EngineModel, contextSize: number, reason: string): Promise<LoadPlan> {
    const shortage = await this.#options.memory.shortage({ model, contextSize, gpuLayers: 0 });
    if (shortage !== undefined) throw shortage;
    return this.#planOf(model, contextSize, onProcessor(reason));
  }

  async #planOf(
    model: EngineModel,
    contextSize: number,
    choice: DeviceChoice | typeof undecided,
  ): Promise<LoadPlan> {
    const load = { model, contextSize, gpuLayers: choice.gpuLayers };
    const { totalBytes } = await this.#options.memory.estimate(load);
    return {
      choice,
      totalBytes,
      specFor: (spec) =>
        'backend' in choice ? { ...spec, gpu: choice.backend, gpuLayers: choice.gpuLayers } : spec,
      measured: (residentBytes) => this.#options.memory.measured(load, residentBytes),
    };
  }

  async #choose(model: EngineModel, contextSize: number): Promise<DeviceChoice | typeof undecided> {
    const { devices, memory } = this.#options;
    return devices === undefined
      ? undecided
      : devices.choose(await memory.factsOf(model), contextSize, model.parallel);
  }
}
