import { ApiError, isApiError, type InferenceEvent, type InferenceRequest } from '@ollamamax/api';
import type { Logger } from '@ollamamax/common';
import type { EngineModel, InferenceEngine } from './engine.ts';
import { EventChannel } from './event-channel.ts';
import { toJobGrammar, toJobInput } from './job-input.ts';
import { readAvailableMemory } from '../available-memory.ts';
import type { Demand, Lease } from './lease.ts';
import type { DeviceWatch } from './devices/device-watch.ts';
import { describeDevices, machineDevices } from './devices/machine-devices.ts';
import { LoadMemory } from './load-memory.ts';
import { LoadPlanner, type LoadPlan } from './load-planner.ts';
import { ModelHost } from './model-host.ts';
import { noUsage } from './no-usage.ts';
import type { EngineObserver } from './observer.ts';
import { Residency } from './residency.ts';
import { startRunner, type RunnerProcess } from './runner-process.ts';
import type { GpuChoice, Job, LoadSpec } from './runner/protocol.ts';
import { createWatch } from './request-watch.ts';
import { resolveSampling } from './sampling.ts';
import { StateRooms, type StateRoomOptions } from './state-rooms.ts';
import { checkImages } from './vision.ts';

export interface RunnerEngineOptions {
  readonly logger: Logger;
  /** CPU threads of each runner; very small models take one. */
  readonly threads: number;
  readonly gpu: GpuChoice;
  /** Devices that models are placed on; those of this machine when left out. */
  readonly devices?: DeviceWatch;
  readonly loadTimeoutMs: number;
  /** Longest wait for a free slot. */
  readonly queueTimeoutMs: number;
  readonly maxLoadedModels: () => number;
  /** Models of lower priority leave memory first, by canonical name; equal for all when left out. */
  readonly priorityOf?: (model: string) => number;
  /** Program of the runner; the one beside this file when left out. */
  readonly runnerModule?: URL;
  /** llama-server of llama.cpp: computes models that have an image projector. Without it they read only text. */
  readonly llamaServer?: string | undefined;
  /** The whole environment of runners; see `runnerEnvironment`. Empty when left out. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly observer?: EngineObserver;
  /** UTF-16 units of text a client may leave unread before its generation pauses. */
  readonly creditWindow?: number;
  /** How long a client may leave an event unread before its request ends. */
  readonly stallTimeoutMs?: number;
  /** Longest rendering of a chat template. */
  readonly renderTimeoutMs?: number;
  /** How long a busy runner may compute nothing before it counts as crashed. */
  readonly hangTimeoutMs?: number;
  /** Bytes that may be taken for a model now. */
  readonly availableMemory?: () => Promise<number>;
  /** Room for states of conversations that a model has no place for. */
  readonly states?: StateRoomOptions;
}

const defaultCreditWindow = 64 * 1024;
const defaultStallTimeoutMs = 120_000;
const defaultRenderTimeoutMs = 1000;
const defaultHangTimeoutMs = 120_000;
const stopTimeoutMs = 5000;

/** Below this size a step is so short that waking and joining threads costs more than they compute. */
const singleThreadBytes = 32 * 1024 * 1024;

/** Variables a runner needs to find libraries and devices. Everything else, secrets above all, stays out. */
const allowedVariables =
  /^(PATH|HOME|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|TMPDIR|NODE_COMPILE_CACHE|TZ|LANG|LC_ALL|CUDA_[A-Z_]+|NVIDIA_[A-Z_]+|HIP_[A-Z_]+|ROCR_[A-Z_]+|GGML_[A-Z_]+|VK_[A-Z_]+)$/;

/** The part of the agent's environment that runners may see. */
export const runnerEnvironment = (
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(environment).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && allowedVariables.test(entry[0]),
    ),
  );

/** The engine with one child process per loaded model. */
export const createRunnerEngine = (options: RunnerEngineOptions): InferenceEngine => {
  const observer = options.observer ?? {};
  const environment = options.environment ?? {};
  const module = options.runnerModule ?? new URL('./runner/main.ts', import.meta.url);
  const visionModule = new URL('./llama-server/main.ts', import.meta.url);
  const hosts = new Map<string, ModelHost>();
  const residency = new Residency<ModelHost>({
    all: () => hosts.values(),
    maxLoaded: options.maxLoadedModels,
    priority: ({ name }) => options.priorityOf?.(name) ?? 0,
  });
  const states = new StateRooms(options.states ?? {}, options.logger);
  const availableMemory = async (): Promise<number> => {
    const available = await (options.availableMemory ?? readAvailableMemory)();
    return Math.max(0, available - states.promisedBytes);
  };
  const memory = new LoadMemory({ available: availableMemory });
  const devices =
    options.gpu === false
      ? undefined
      : (options.devices ?? machineDevices(module, environment, options.logger));
  const planner = new LoadPlanner({ memory, devices });
  let stopped = false;

  /** The model with the files that it is computed with: where nothing would ask it, a draft model is not read. */
  const asComputed = ({ draft, ...model }: EngineModel): EngineModel => {
    const isAsked = model.speculation && (options.llamaServer === undefined || model.projector === undefined);
    return draft !== undefined && isAsked ? { ...model, draft } : model;
  };

  const threadsFor = (sizeBytes: number): number => (sizeBytes < singleThreadBytes ? 1 : options.threads);

  const specFor = (model: EngineModel, contextSize: number): LoadSpec => ({
    path: model.path,
    adapters: (model.adapters ?? []).map(({ path, scale }) => ({ path, scale })),
    contextSize,
    parallel: model.parallel,
    speculation: model.speculation,
    ...(model.draft === undefined
      ? {}
      : { draft: { path: model.draft.path, threads: threadsFor(model.draft.sizeBytes) } }),
    threads: threadsFor(model.sizeBytes),
    batchThreads: options.threads,
    gpu: options.gpu,
    vision:
      options.llamaServer === undefined || model.projector === undefined
        ? undefined
        : { program: options.llamaServer, projector: model.projector.path },
  });

  const hostOf = (name: string): ModelHost => {
    const known = hosts.get(name);
    if (known !== undefined) return known;
    const logger = options.logger.child({ model: name });
    const host = new ModelHost(name, {
      logger,
      observer,
      residency,
      queueTimeoutMs: options.queueTimeoutMs,
      shortage: (model, contextSize) => planner.shortage(model, contextSize),
      specFor,
      startRunner: async (model, spec, stop) => {
        const start = async (plan: LoadPlan): Promise<RunnerProcess> =>
          states.with(await availableMemory(), plan.totalBytes, (room) =>
            startRunner(
              {
                module: spec.vision === undefined ? module : visionModule,
                hasChildren: spec.vision !== undefined,
                environment: { ...environment, ...plan.choice.environment },
                logger,
                modelName: model.name,
                hangTimeoutMs: options.hangTimeoutMs ?? defaultHangTimeoutMs,
                stopTimeoutMs,
                onLoading: (share) => host.loading(share),
                onMeasured: plan.measured,
                placement: plan.choice.reason,
              },
              { ...plan.specFor(spec), ...(spec.vision === undefined ? { states: room } : {}) },
              options.loadTimeoutMs,
              stop,
            ),
          );
        const plan = await planner.plan(model, spec.contextSize);
        try {
          return await start(plan);
        } catch (error) {
          if (plan.choice.gpuLayers === 0 || stop.aborted) throw error;
          const reason = `Loading it on a GPU failed. ${error instanceof Error ? error.message : String(error)}`;
          logger.warn('model not loaded on a GPU', { reason });
          return await start(await planner.planWithoutDevices(model, spec.contextSize, reason));
        }
      },
    });
    hosts.set(name, host);
    return host;
  };

  const acquire = (
    model: EngineModel,
    request: InferenceRequest | undefined,
    needsSlot: boolean,
    signal: AbortSignal,
    onQueue?: Demand['onQueue'],
  ): Promise<Lease> => {
    if (stopped) return Promise.reject(new ApiError('agent_draining'));
    if (signal.aborted) return Promise.reject(abortError(signal));
    return hostOf(model.name).acquire(
      {
        model: asComputed(model),
        contextSize: Math.min(request?.contextSize ?? model.contextSize, model.maxContextSize),
        keepAliveSeconds: request?.keepAliveSeconds ?? model.keepAliveSeconds,
        needsSlot,
        user: request?.user ?? '',
        ...(onQueue === undefined ? {} : { onQueue }),
      },
      signal,
    );
  };

  /** Tells where the request stands while it waits for its place. */
  const waitAloud = async function* (
    model: EngineModel,
    request: InferenceRequest,
    signal: AbortSignal,
  ): AsyncGenerator<InferenceEvent, Lease> {
    const channel = new EventChannel(() => undefined);
    const acquired = acquire(model, request, true, signal, (position, expectedWaitSeconds) =>
      channel.push({ type: 'queue', position, expectedWaitSeconds }),
    );
    acquired.then(
      () => channel.end(),
      (error: unknown) => channel.end(error instanceof Error ? error : new Error(String(error))),
    );
    for (let event = await channel.next(); event !== undefined; event = await channel.next()) yield event;
    return acquired;
  };

  /** One request on the runner it was given a place on. */
  const work = async function* (
    lease: Lease,
    job: Job,
    name: string,
    startedAt: number,
    signal: AbortSignal,
  ): AsyncGenerator<InferenceEvent, void> {
    const channel = new EventChannel((units) => handle.ack(units));
    const watch = createWatch(observer, name, startedAt);
    const handle = lease.runner.start(job, {
      event: (event) => {
        watch.event(event);
        switch (event.kind) {
          case 'text':
            if (event.text !== '' || event.logprobs !== undefined)
              channel.push({
                type: 'text',
                text: event.text,
                ...(event.logprobs === undefined ? {} : { logprobs: event.logprobs }),
              });
            return;
          case 'thinking':
            channel.push({ type: 'thinking', text: event.text });
            return;
          case 'embeddings':
            channel.push({ type: 'embeddings', embeddings: event.embeddings });
            return;
          case 'scores':
            channel.push({ type: 'scores', scores: event.scores });
            return;
          case 'tokens':
            channel.push({ type: 'tokens', tokens: event.tokens });
            return;
          case 'tool_calls':
            channel.push({ type: 'tool_calls', calls: event.calls });
            return;
          case 'done':
            lease.release(true);
            channel.push({
              type: 'done',
              reason: event.reason,
              usage: { ...event.usage, ...waits(lease), totalNs: elapsedNs(startedAt) },
              ...(event.context === undefined ? {} : { context: event.context }),
              ...(event.stopSequence === undefined ? {} : { stopSequence: event.stopSequence }),
            });
            channel.end();
            return;
          case 'failed':
            lease.release(true);
            channel.end(new ApiError(event.code, event.message));
            return;
          case 'cancelled':
            lease.release(true);
            channel.end(new ApiError('cancelled'));
        }
      },
      crashed: (error) => {
        watch.crashed(stopped);
        lease.release(false);
        channel.end(stopped ? new ApiError('agent_draining') : error);
      },
    });
    const leave = (error: Error): void => {
      handle.cancel();
      channel.end(error);
    };
    const onAbort = (): void => leave(abortError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const stallTimeoutMs = options.stallTimeoutMs ?? defaultStallTimeoutMs;
    try {
      for (let event = await channel.next(); event !== undefined; event = await channel.next()) {
        const stalled = setTimeout(
          () => leave(new ApiError('deadline_exceeded', `The answer was not read for ${stallTimeoutMs} ms.`)),
          stallTimeoutMs,
        );
        try {
          yield event;
        } finally {
          clearTimeout(stalled);
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      handle.cancel();
    }
  };

  const run = async function* (
    model: EngineModel,
    request: InferenceRequest,
    signal: AbortSignal,
  ): AsyncGenerator<InferenceEvent, void> {
    const startedAt = performance.now();
    const { input } = request;
    if (input.kind === 'unload') {
      await unload(model.name);
      yield { type: 'done', reason: 'unload', usage: { ...noUsage, totalNs: elapsedNs(startedAt) } };
      return;
    }
    if (input.kind === 'load') {
      const lease = await acquire(model, request, false, signal);
      const usage = { ...noUsage, ...waits(lease), totalNs: elapsedNs(startedAt) };
      yield { type: 'done', reason: 'load', usage };
      return;
    }
    checkImages(model, input, options.llamaServer);
    const job: Job = {
      input: toJobInput(input, model),
      sampling: resolveSampling(request.sampling, model.parameters),
      ...toJobGrammar(request),
      prediction: request.prediction,
      truncate: request.truncate ?? true,
      keepOnShift: request.shift === false ? undefined : keepTokens(request, model),
      tenant: request.user ?? '',
      wantsContext: input.kind === 'prompt' && input.raw !== true && typeof input.prompt === 'string',
      creditWindow: options.creditWindow ?? defaultCreditWindow,
      renderTimeoutMs: options.renderTimeoutMs ?? defaultRenderTimeoutMs,
    };
    const lease =
      request.reportQueue === true
        ? yield* waitAloud(model, request, signal)
        : await acquire(model, request, true, signal);
    yield* work(lease, job, model.name, startedAt, signal);
  };

  const unload = async (name: string): Promise<void> => hosts.get(name)?.unload();

  return {
    run,
    load: async (model, signal) => {
      await acquire(model, undefined, false, signal);
    },
    unload,
    resident: () =>
      new Map(
        [...hosts].flatMap(([name, host]) => {
          const resident = host.resident();
          return resident === undefined ? [] : [[name, resident] as const];
        }),
      ),
    devices: () => describeDevices(devices),
    stop: async () => {
      stopped = true;
      await Promise.all([...hosts.values()].map((host) => host.stop()));
      await states.stop();
    },
  };
};

/** Ollama's default: the first four tokens stay. */
const defaultKeep = 4;

const keepTokens = ({ sampling }: InferenceRequest, { parameters }: EngineModel): number => {
  const own = parameters.num_keep;
  return sampling.keepTokens ?? (typeof own === 'number' ? own : defaultKeep);
};

const waits = ({ loadNs, queueNs }: Lease): Pick<Lease, 'loadNs' | 'queueNs'> => ({ loadNs, queueNs });

const elapsedNs = (since: number): number => Math.round((performance.now() - since) * 1e6);

const abortError = (signal: AbortSignal): ApiError =>
  isApiError(signal.reason) ? signal.reason : new ApiError('cancelled');
