import { fileURLToPath } from 'node:url';
import type { Llama, LlamaModel } from 'node-llama-cpp';
import type { NativeContextMethods } from './native-addon.ts';
import { findNativeBuild, openNativeLlama } from './native-build.ts';

/*
 * The bundled model in our own build of the native addon (`node scripts/build-addon.mjs`), which needs a compiler, with
 * the classes that node-llama-cpp does not show.
 */

export interface NativeSampler {
  applyConfig(config: Readonly<Record<string, unknown>>): void;
}
export interface NativeContext extends NativeContextMethods<NativeSampler> {
  init(): Promise<boolean>;
  dispose(): Promise<void>;
  initBatch(size: number): void;
  addToBatch(sequence: number, position: number, tokens: Uint32Array, wanted: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  disposeSequence(sequence: number): void;
  getSequenceKvCacheMaxPosition(sequence: number): number;
}
export interface NativeBindings {
  readonly AddonContext: new (model: unknown, options: object) => NativeContext;
  readonly AddonModel: new (
    path: string,
    options: object,
  ) => { init(): Promise<boolean>; dispose(): Promise<void> };
  readonly AddonSampler: {
    new (model: unknown): NativeSampler;
    acceptGrammarEvaluationStateToken(state: unknown, token: number): void;
    canBeNextTokenForGrammarEvaluationState(state: unknown, token: number): boolean;
  };
}

export const modelPath = fileURLToPath(
  new URL('../../../../models/ollamamax-tiny-q8_0.gguf', import.meta.url),
);

export const openNativeModel = async (): Promise<{
  readonly llama: Llama;
  readonly model: LlamaModel;
  readonly bindings: NativeBindings;
  readonly nativeModel: unknown;
}> => {
  const found = findNativeBuild((reason) => {
    throw new Error(reason);
  });
  const llama = await openNativeLlama(found!, { maxThreads: 2, contextOptions: { threadPool: { poll: 0 } } });
  const model = await llama.loadModel({ modelPath });
  const { _bindings: bindings } = llama as unknown as { readonly _bindings: NativeBindings };
  const { _model: nativeModel } = model as unknown as { readonly _model: unknown };
  return { llama, model, bindings, nativeModel };
};
