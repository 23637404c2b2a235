import { ApiError, isApiError } from '@ollamamax/api';
import type { InferenceEvent, InferenceRequest } from '@ollamamax/api';
import { sleep } from '@ollamamax/common';
import type { InferenceEngine } from '../inference/engine.ts';
import { digestsOf } from '../inference/model-files.ts';
import { noUsage } from '../inference/no-usage.ts';
import type { ModelStore } from '../models/model-store.ts';

export interface LocalRunnerOptions {
  readonly selfId: string;
  readonly engine: InferenceEngine;
  readonly models: Pick<ModelStore, 'get' | 'list'>;
  readonly own?: {
    /** A request as its model wants it. @throws ApiError for one that the model cannot take */
    prepare(request: InferenceRequest): InferenceRequest;
  };
  /** False once this agent drains and its delay for load balancers is over. */
  readonly accepting: () => boolean;
}

/** Runs requests on this agent's own runners: those that came in here, and those other agents sent. */
export interface LocalRunner {
  /** @throws ApiError agent_draining, model_not_ready, and those of InferenceEngine.run */
  run(request: InferenceRequest, signal: AbortSignal): AsyncIterable<InferenceEvent>;
  /** Requests it works on now, waiting ones included. */
  active(): number;
  /** Whether one of these needs the file of this digest. */
  uses(digest: string): boolean;
}

const unloadWaitMs = 5000;

export const createLocalRunner = (options: LocalRunnerOptions): LocalRunner => {
  const { engine, models } = options;
  let active = 0;
  const digests = new Map<string, number>();
  const count = (digest: string, by: 1 | -1): void => {
    const requests = (digests.get(digest) ?? 0) + by;
    if (requests === 0) digests.delete(digest);
    else digests.set(digest, requests);
  };

  const notReady = (name: string): ApiError => {
    const status = models.list().find((model) => model.name === name);
    const state = status === undefined ? 'not placed there' : status.state;
    return new ApiError('model_not_ready', `${name} is not ready on agent ${options.selfId}: ${state}.`, {
      retryAfterSeconds: 1,
    });
  };

  /**
   * Works while draining and for a model that is no longer placed here: it only gives memory back. Requests that
   * still run may keep it for long; the answer does not wait for them beyond a few seconds.
   */
  const unload = async (name: string, signal: AbortSignal): Promise<void> => {
    const waited = new AbortController();
    const unloading = engine.unload(name).finally(() => waited.abort());
    const patience = sleep(unloadWaitMs, AbortSignal.any([signal, waited.signal]));
    await Promise.race([unloading, patience.catch(() => undefined)]);
    if (signal.aborted) throw isApiError(signal.reason) ? signal.reason : new ApiError('cancelled');
  };

  async function* run(request: InferenceRequest, signal: AbortSignal): AsyncGenerator<InferenceEvent> {
    if (request.input.kind === 'unload') {
      await unload(request.model, signal);
      yield { type: 'done', reason: 'unload', usage: noUsage };
      return;
    }
    if (!options.accepting()) throw new ApiError('agent_draining', undefined, { retryAfterSeconds: 1 });
    const model = models.get(request.model);
    if (model === undefined) throw notReady(request.model);
    const files = digestsOf(model);
    active += 1;
    for (const digest of files) count(digest, 1);
    try {
      yield* engine.run(model, options.own?.prepare(request) ?? request, signal);
    } finally {
      active -= 1;
      for (const digest of files) count(digest, -1);
    }
  }

  return { run, active: () => active, uses: (digest) => digests.has(digest) };
};
