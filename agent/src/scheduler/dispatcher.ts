import { ApiError, canonicalModelName, isApiError } from '@ollamamax/api';
import type {
  DesiredState,
  ErrorCode,
  InferenceEvent,
  InferenceRequest,
  ModelChunks,
  ModelShow,
  ModelState,
} from '@ollamamax/api';
import type { Catalog } from '../catalog/catalog.ts';
import type { InferenceEngine } from '../inference/engine.ts';
import { imagesOf } from '../inference/vision.ts';
import type { ModelStore } from '../models/model-store.ts';
import type { Peer, Peers } from '../p2p/peers.ts';
import type { LocalRunner } from './local-runner.ts';
import { pickHolder } from './pick-holder.ts';
import type { HolderCandidate } from './pick-holder.ts';

export interface DispatcherOptions {
  readonly selfId: string;
  readonly engine: InferenceEngine;
  readonly models: Pick<ModelStore, 'chunks' | 'list' | 'show'>;
  readonly peers: Peers;
  readonly catalog: Pick<Catalog, 'state'>;
  readonly local: LocalRunner;
  /** Phase of this agent. */
  readonly phase: () => HolderCandidate['phase'];
}

/** Brings each request to an agent that can serve it: this one, or another at one hop. */
export interface Dispatcher {
  /**
   * Same promises as InferenceEngine.run. Another holder is tried only before the first event.
   * @param onServedBy told the agent that serves the request, just before its first event
   * @throws ApiError model_not_found, model_not_ready, and what the serving agent threw
   */
  run(
    request: InferenceRequest,
    signal: AbortSignal,
    onServedBy?: (agentId: string) => void,
  ): AsyncIterable<InferenceEvent>;
  /** Facts of a model, from here or from another holder. @throws ApiError model_not_found, model_not_ready */
  show(name: string, verbose: boolean, signal: AbortSignal): Promise<ModelShow>;
  /** The chunks of a model's file, from here or from another holder. @throws ApiError model_not_found, model_not_ready */
  chunks(name: string, signal: AbortSignal): Promise<ModelChunks>;
}

const maxTries = 3;
const defaultSlots = 4;

/** Errors that say something of the agent and nothing of the request: another one may serve it. */
const placementErrors: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'agent_unreachable',
  'agent_draining',
  'model_not_ready',
  'queue_full',
  'insufficient_memory',
]);

/** Likewise, where nothing is computed: the status of one may be older than its placement, and its version too. */
const askElsewhere: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...placementErrors,
  'model_not_found',
  'route_not_found',
]);

/** A request on its way to a peer whose status may not know it yet. */
interface Attempt {
  readonly statusBefore: Peer['status'];
}

export const createDispatcher = (options: DispatcherOptions): Dispatcher => {
  const { selfId, engine, models, peers, catalog, local } = options;
  const attempts = new Map<string, Set<Attempt>>();
  let known: { readonly state: DesiredState; readonly names: ReadonlySet<string> } | undefined;

  const assertKnown = (name: string): void => {
    const state = catalog.state();
    if (known?.state !== state)
      known = { state, names: new Set(state.models.map((model) => canonicalModelName(model.name))) };
    if (!known.names.has(name))
      throw new ApiError('model_not_found', `model '${name}' not found`, { param: 'model' });
  };

  /** Refuses at once what no holder could do, when one has told what the model can. */
  const assertCapable = ({ model, input }: InferenceRequest): void => {
    if (input.kind !== 'chat' && input.kind !== 'prompt') return;
    const details = [models.list(), ...peers.list().map((peer) => peer.status?.models ?? [])]
      .flat()
      .find((status) => status.name === model && status.details !== undefined)?.details;
    if (details === undefined) return;
    const { capabilities } = details;
    if (capabilities.includes('completion')) {
      if (capabilities.includes('vision') || imagesOf(input).length === 0) return;
      throw new ApiError('capability_missing', `"${model}" does not support images.`);
    }
    const what = input.kind === 'chat' ? 'chat' : 'generate';
    throw new ApiError('capability_missing', `"${model}" does not support ${what}.`, { param: 'model' });
  };

  /** What this entry has sent to a peer since the status at hand was made. */
  const sentSince = (peer: Peer): number => {
    let count = 0;
    for (const attempt of attempts.get(peer.id) ?? []) if (attempt.statusBefore === peer.status) count += 1;
    return count;
  };

  const localCandidate = (name: string): HolderCandidate | undefined => {
    const status = models.list().find((model) => model.name === name);
    if (status === undefined) return undefined;
    const resident = engine.resident();
    const own = resident.get(name);
    let busy = 0;
    for (const model of resident.values()) busy += model.busySlots + model.queued;
    return {
      id: selfId,
      local: true,
      online: true,
      phase: options.phase(),
      state: status.state,
      resident: own !== undefined && own.state !== 'unloading',
      // Requests under way may not have reached the runner's own count yet.
      load: Math.max(busy, local.active()),
      slots: own?.slots ?? catalog.state().settings.parallel ?? defaultSlots,
    };
  };

  const peerCandidate = (peer: Peer, name: string): HolderCandidate | undefined => {
    const model = peer.status?.models.find((candidate) => candidate.name === name);
    if (peer.status === undefined || model === undefined) return undefined;
    const load = peer.status.models.reduce(
      (sum, { resident }) => sum + (resident === undefined ? 0 : resident.busySlots + resident.queued),
      0,
    );
    return {
      id: peer.id,
      local: false,
      online: peer.online,
      phase: peer.status.phase,
      state: model.state,
      resident: model.resident !== undefined && model.resident.state !== 'unloading',
      load: load + sentSince(peer),
      slots: model.resident?.slots ?? catalog.state().settings.parallel ?? defaultSlots,
    };
  };

  const candidatesFor = (name: string): HolderCandidate[] =>
    [localCandidate(name), ...peers.list().map((peer) => peerCandidate(peer, name))].filter(
      (candidate) => candidate !== undefined,
    );

  const nobody = (name: string, candidates: readonly HolderCandidate[]): ApiError => {
    const stateOf = (candidate: HolderCandidate): ModelState | 'offline' =>
      candidate.online ? candidate.state : 'offline';
    const states = candidates.map((candidate) => `${candidate.id} ${stateOf(candidate)}`).join(', ');
    return new ApiError(
      'model_not_ready',
      `No agent can serve ${name} yet: ${states === '' ? 'it is not placed anywhere' : states}.`,
      { retryAfterSeconds: 2 },
    );
  };

  /** Counts a request as sent to a peer. @returns to be called when it is over */
  const track = (holder: string): (() => void) => {
    const attempt: Attempt = { statusBefore: peers.list().find((peer) => peer.id === holder)?.status };
    const running = attempts.get(holder) ?? new Set();
    attempts.set(holder, running.add(attempt));
    return () => {
      running.delete(attempt);
      if (running.size === 0 && attempts.get(holder) === running) attempts.delete(holder);
    };
  };

  const runOn = (
    holder: string,
    request: InferenceRequest,
    signal: AbortSignal,
  ): AsyncIterable<InferenceEvent> =>
    holder === selfId ? local.run(request, signal) : peers.run(holder, request, signal);

  /** Unloads wherever it may be: a status can be a poll old, so every agent that has the file is asked. */
  async function* unload(
    request: InferenceRequest,
    signal: AbortSignal,
    onServedBy?: (agentId: string) => void,
  ): AsyncGenerator<InferenceEvent> {
    const holders = candidatesFor(request.model).filter((candidate) => candidate.online);
    const lastOf = async (holder: string): Promise<InferenceEvent | undefined> => {
      let last: InferenceEvent | undefined;
      for await (const event of runOn(holder, request, signal)) last = event;
      // Who asks next what is in memory is not told what was there before.
      if (holder !== selfId) await peers.lookAgain(holder);
      return last;
    };
    const results = await Promise.allSettled(holders.map((holder) => lastOf(holder.id)));
    const failed = results.find(
      (result) =>
        // An agent that is gone holds nothing in memory.
        result.status === 'rejected' &&
        !(isApiError(result.reason) && result.reason.code === 'agent_unreachable'),
    );
    if (failed?.status === 'rejected') throw failed.reason;
    const done = results.find((result) => result.status === 'fulfilled' && result.value !== undefined);
    if (done?.status !== 'fulfilled' || done.value === undefined) throw nobody(request.model, holders);
    onServedBy?.(selfId);
    yield done.value;
  }

  async function* run(
    request: InferenceRequest,
    signal: AbortSignal,
    onServedBy?: (agentId: string) => void,
  ): AsyncGenerator<InferenceEvent> {
    assertKnown(request.model);
    assertCapable(request);
    if (request.input.kind === 'unload') {
      yield* unload(request, signal, onServedBy);
      return;
    }
    const excluded = new Set<string>();
    let crashed = false;
    let lastError: ApiError | undefined;
    for (let tries = 0; tries < maxTries; tries += 1) {
      const candidates = candidatesFor(request.model);
      const holder = pickHolder(candidates, request.id, excluded)?.id;
      if (holder === undefined) throw lastError ?? nobody(request.model, candidates);
      let begun = false;
      const over = holder === selfId ? undefined : track(holder);
      try {
        for await (const event of runOn(holder, request, signal)) {
          if (!begun) onServedBy?.(holder);
          // Who only waits can wait elsewhere.
          begun ||= event.type !== 'queue';
          yield event;
        }
        return;
      } catch (error) {
        if (begun || signal.aborted || !isApiError(error)) throw error;
        lastError = error;
        if (error.code === 'runner_crashed' && !crashed) {
          // Once: a request that kills runners must not go through the whole cluster.
          crashed = true;
          const others = pickHolder(candidates, request.id, new Set([...excluded, holder]));
          if (others !== undefined) excluded.add(holder);
        } else if (placementErrors.has(error.code)) {
          excluded.add(holder);
        } else {
          throw error;
        }
      } finally {
        over?.();
      }
    }
    throw lastError ?? nobody(request.model, []);
  }

  /** Asks this agent, or one that has the file. */
  const askHolder = async <T>(
    name: string,
    signal: AbortSignal,
    here: () => Promise<T>,
    there: (holder: string) => Promise<T>,
  ): Promise<T> => {
    assertKnown(name);
    if (models.list().some((model) => model.name === name && model.state === 'ready')) return here();
    const excluded = new Set<string>([selfId]);
    let lastError: ApiError | undefined;
    for (let tries = 0; tries < maxTries; tries += 1) {
      const candidates = candidatesFor(name);
      const holder = pickHolder(candidates, name, excluded)?.id;
      if (holder === undefined) throw lastError ?? nobody(name, candidates);
      try {
        return await there(holder);
      } catch (error) {
        if (signal.aborted || !isApiError(error) || !askElsewhere.has(error.code)) throw error;
        lastError =
          error.code === 'route_not_found'
            ? new ApiError(
                'agents_outdated',
                `Agent ${holder} is of a version that cannot tell this of ${name}.`,
              )
            : error;
        excluded.add(holder);
      }
    }
    throw lastError ?? nobody(name, []);
  };

  return {
    run,
    show: (name, verbose, signal) =>
      askHolder(
        name,
        signal,
        () => models.show(name, verbose),
        (holder) => peers.show(holder, name, verbose, signal),
      ),
    chunks: (name, signal) =>
      askHolder(
        name,
        signal,
        () => models.chunks(name, signal),
        (holder) => peers.chunks(holder, name, signal),
      ),
  };
};
