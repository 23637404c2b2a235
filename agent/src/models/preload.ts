import { canonicalModelName, type ModelSpec } from '@ollamamax/api';
import type { Component, Logger } from '@ollamamax/common';
import type { InferenceEngine } from '../inference/engine.ts';
import { digestsOf } from '../inference/model-files.ts';
import type { ModelStore } from './model-store.ts';

/** Loads models that ask for it into memory as soon as their file is ready here, once per file. */
export const createPreload = (
  models: ModelStore,
  engine: InferenceEngine,
  specs: () => readonly ModelSpec[],
  logger: Logger,
): Component => {
  const stopped = new AbortController();
  const loaded = new Set<string>();
  const running = new Set<Promise<void>>();
  let unsubscribe: (() => void) | undefined;

  const check = (): void => {
    for (const spec of specs()) {
      if (spec.preload !== true) continue;
      const model = models.get(canonicalModelName(spec.name));
      if (model === undefined) continue;
      const key = [model.name, ...digestsOf(model)].join(' ');
      if (loaded.has(key)) continue;
      loaded.add(key);
      const work = engine
        .load(model, stopped.signal)
        .catch((error: unknown) => {
          if (!stopped.signal.aborted)
            logger.warn('model could not be preloaded', { model: model.name, error });
        })
        .finally(() => running.delete(work));
      running.add(work);
    }
  };

  return {
    name: 'preload',
    start: () => {
      unsubscribe = models.onChange(check);
      check();
      return Promise.resolve();
    },
    stop: async () => {
      unsubscribe?.();
      stopped.abort();
      await Promise.all(running);
    },
  };
};
