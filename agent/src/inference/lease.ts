import type { EngineModel } from './engine.ts';
import type { RunnerProcess } from './runner-process.ts';

/** What a request needs of a model's runner. */
export interface Demand {
  readonly model: EngineModel;
  readonly contextSize: number;
  readonly keepAliveSeconds: number;
  /** False: only be loaded, no place is taken. */
  readonly needsSlot: boolean;
  /** Users take turns. */
  readonly user: string;
  /** Told when it begins to wait and when its place has changed since, once a second at most. */
  readonly onQueue?: (position: number, expectedWaitSeconds: number) => void;
}

/** A place on a runner. `release` when the runner has confirmed the end of the work. */
export interface Lease {
  readonly runner: RunnerProcess;
  readonly loadNs: number;
  readonly queueNs: number;
  /** @param healthy whether the runner answered to the end. */
  release(healthy: boolean): void;
}
