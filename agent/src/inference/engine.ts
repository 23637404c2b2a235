import type { AgentDevices, InferenceEvent, InferenceRequest, ResidentModel } from '@ollamamax/api';

/** A verified LoRA adapter that is made for the model it is given with. */
export interface EngineAdapter {
  /** Lower-case hex SHA-256 of the file. */
  readonly digest: string;
  readonly path: string;
  readonly sizeBytes: number;
  /** How strongly it is applied; 1 as it was trained. */
  readonly scale: number;
}

/** A verified image projector that is made for the model it is given with. */
export interface EngineProjector {
  /** Lower-case hex SHA-256 of the file. */
  readonly digest: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/** A verified smaller model that guesses what the one says it is given with. */
export interface EngineDraft {
  /** Lower-case hex SHA-256 of the file. */
  readonly digest: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/** A model file that is verified and ready on this agent's disk, with the defaults it is served with. */
export interface EngineModel {
  /** Canonical name. */
  readonly name: string;
  /** Lower-case hex SHA-256 of the file. */
  readonly digest: string;
  readonly path: string;
  readonly sizeBytes: number;
  /** Applied to every request: models with other adapters are other models, with runners of their own. */
  readonly adapters?: readonly EngineAdapter[];
  /** What makes images into something that the model reads. */
  readonly projector?: EngineProjector;
  /** What guesses for it, where `speculation` is on and llama-server does not compute it. */
  readonly draft?: EngineDraft;
  /** Context tokens per request when the request does not say. */
  readonly contextSize: number;
  /** Longest context the model was trained for. */
  readonly maxContextSize: number;
  /** Requests worked on at a time. */
  readonly parallel: number;
  /** Requests that may wait. */
  readonly maxQueue: number;
  /** Whether tokens are guessed where that is faster. */
  readonly speculation: boolean;
  /** Seconds; negative: for ever. */
  readonly keepAliveSeconds: number;
  /** Jinja template used instead of the file's own. */
  readonly template?: string;
  /** Default system message. */
  readonly system?: string;
  /** Ollama parameter defaults (`temperature`, `stop`, …). */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/**
 * Runs models. The port between the agent and whatever computes tokens: here one child process per loaded
 * model; other implementations (a llama-server child, a test engine) keep the same promises:
 * - `run` loads the model on demand, waits in a bounded queue, and yields events until exactly one `done`.
 *   It throws ApiError (queue_full, queue_timeout, model_load_failed, insufficient_memory, runner_crashed,
 *   context_exceeded, invalid_format, template_failed, cancelled) instead of yielding `error`.
 * - Aborting the signal frees the slot within one token.
 * - A crash of a runner fails only that model's requests; the next request starts it anew.
 */
export interface InferenceEngine {
  run(model: EngineModel, request: InferenceRequest, signal: AbortSignal): AsyncIterable<InferenceEvent>;
  /** Loads ahead of the first request (preload). Same errors as run. */
  load(model: EngineModel, signal: AbortSignal): Promise<void>;
  /** Unloads once running requests are done; nothing happens if it is not loaded. */
  unload(name: string): Promise<void>;
  /** Models in memory now, by canonical name. */
  resident(): ReadonlyMap<string, ResidentModel>;
  /** GPUs it can compute on, as it knows them now; engines that know none leave it out. */
  devices?(): AgentDevices;
  /** Ends all runners. Running requests fail with agent_draining. */
  stop(): Promise<void>;
}
