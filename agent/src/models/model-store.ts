import type { ModelChunks, ModelShow, ModelStatus } from '@ollamamax/api';
import type { EngineModel } from '../inference/engine.ts';

/** Model files of this agent: brings about what the catalogue places here, verified before first use. */
export interface ModelStore {
  /** Everything placed on this agent, with progress; `resident` is left out. */
  list(): readonly ModelStatus[];
  /** The model ready to run, or undefined when it is not placed here or not ready. Canonical name. */
  get(name: string): EngineModel | undefined;
  /** Facts for /api/show; `verbose` fills long arrays. @throws ApiError model_not_found, model_not_ready */
  show(name: string, verbose: boolean): Promise<ModelShow>;
  /**
   * The chunks of a model's file, which is read for that the first time.
   * @param signal ends the wait
   * @throws ApiError model_not_found, model_not_ready, source_file_missing; the signal's reason
   */
  chunks(name: string, signal: AbortSignal): Promise<ModelChunks>;
  /** Takes another's word that a file has this SHA-256 (hex), which it has just computed. */
  noteVerified(path: string, digest: string): Promise<void>;
  /** Called on every change of list(). Returns the unsubscribe function. */
  onChange(listener: () => void): () => void;
}
