import type { ApiError } from '@ollamamax/api';
import type { EngineModel } from './engine.ts';
import { estimateMemory, insufficientMemory, mib, type MemoryEstimate } from './memory-check.ts';
import { readMemoryFacts, type MemoryFacts } from './memory-facts.ts';
import { copiedTypesHere } from './processor-copies.ts';

/** How a model is to be loaded, as far as memory is concerned. */
export interface Load {
  readonly model: EngineModel;
  readonly contextSize: number;
  /** Blocks on GPUs. */
  readonly gpuLayers: number;
}

export interface LoadMemoryOptions {
  /** Bytes that may be taken for a model now. */
  readonly available: () => Promise<number>;
  /** Types of matrices that the processor keeps twice; those of this machine when left out. */
  readonly copiedTypes?: ReadonlySet<string>;
}

/** Loads that are remembered; the oldest go. */
const remembered = 200;

const keyOf = ({ model, contextSize, gpuLayers }: Load): string =>
  JSON.stringify([
    model.digest,
    (model.adapters ?? []).map(({ digest }) => digest),
    model.projector?.digest,
    model.draft?.digest,
    contextSize,
    model.parallel,
    gpuLayers,
  ]);

/**
 * What loads of models take: estimated from the header of the file at first, and as it was measured once a model has
 * been loaded with the same settings.
 */
export class LoadMemory {
  readonly #options: LoadMemoryOptions;
  readonly #copiedTypes: ReadonlySet<string>;
  readonly #facts = new Map<string, Promise<MemoryFacts | undefined>>();
  /** Largest resident size that was seen, by load. */
  readonly #measured = new Map<string, number>();

  constructor(options: LoadMemoryOptions) {
    this.#options = options;
    this.#copiedTypes = options.copiedTypes ?? copiedTypesHere();
  }

  /** From the header of the file; undefined where it cannot be read, which loading will then tell. */
  factsOf({ digest, path }: Pick<EngineModel, 'digest' | 'path'>): Promise<MemoryFacts | undefined> {
    const known = this.#facts.get(digest);
    if (known !== undefined) return known;
    const read = readMemoryFacts(path).catch(() => {
      this.#facts.delete(digest);
      return undefined;
    });
    keep(this.#facts, digest, read);
    return read;
  }

  async estimate({ model, contextSize, gpuLayers }: Load): Promise<MemoryEstimate> {
    const [facts, draftFacts] = await Promise.all([
      this.factsOf(model),
      model.draft === undefined ? undefined : this.factsOf(model.draft),
    ]);
    const copiedTypes = this.#copiedTypes;
    return estimateMemory(model, contextSize, { facts, draftFacts, copiedTypes, gpuLayers });
  }

  /** What keeps the model from being loaded into the memory available; undefined when it fits. */
  async shortage(load: Load): Promise<ApiError | undefined> {
    const need = this.#need(load, await this.estimate(load));
    const available = await this.#options.available();
    return need.bytes <= available ? undefined : insufficientMemory(load.model, need.arithmetic, available);
  }

  /** A runner with such a load holds so many bytes, or has held them. */
  measured(load: Load, residentBytes: number): void {
    const key = keyOf(load);
    keep(this.#measured, key, Math.max(residentBytes, this.#measured.get(key) ?? 0));
  }

  /**
   * Of what was measured, the pages of the file that the kernel can take back do not count; weights and attention
   * state always do.
   */
  #need(load: Load, estimate: MemoryEstimate): { readonly bytes: number; readonly arithmetic: string } {
    const measured = this.#measured.get(keyOf(load));
    if (measured === undefined) return { bytes: estimate.totalBytes, arithmetic: estimate.arithmetic };
    const reclaimable = estimate.residentBytes - estimate.totalBytes;
    const bytes = Math.max(measured - reclaimable, estimate.certainBytes);
    const { parallel } = load.model;
    return {
      bytes,
      arithmetic: `${mib(bytes)}, as measured when it was loaded before for ${parallel} x ${load.contextSize} tokens of context`,
    };
  }
}

/** Puts an entry last and lets the first ones go. */
const keep = <V>(map: Map<string, V>, key: string, value: V): void => {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > remembered && oldest !== undefined) map.delete(oldest);
};
