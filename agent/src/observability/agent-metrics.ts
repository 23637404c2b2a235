import { version, type ConsensusStatus, type ModelStatus, type ResidentModel } from '@ollamamax/api';
import { Counter, Gauge, Histogram, buckets, createRegistry, type Registry } from '@ollamamax/common';
import { consensusMetrics, type ConsensusFigures } from './consensus-metrics.ts';
import type { EngineObserver } from '../inference/observer.ts';
import type { StreamObserver } from '../http/inference-calls.ts';

/** What gauges read when Prometheus asks. */
export interface AgentMetricsSources {
  readonly agentId: string;
  models(): readonly ModelStatus[];
  resident(): ReadonlyMap<string, ResidentModel>;
  peersOnline(): number;
  eventConnections(): number;
  certificates(): readonly { readonly use: string; readonly expiresAt: Date }[];
  consensus(): ConsensusStatus;
  consensusFigures(): ConsensusFigures;
  /** Names the cluster knows; any other model label becomes `other`, so that series stay bounded. */
  knownModels(): { has(model: string): boolean };
}

/** Totals since the start, for the status of this agent and its rates. */
export interface AgentTotals {
  readonly requests: number;
  readonly errors: number;
  readonly tokens: number;
  readonly openStreams: number;
}

/** All metrics of an agent, and the hooks that feed them. */
export class AgentMetrics {
  readonly registry: Registry;
  readonly engine: EngineObserver;
  readonly streams: StreamObserver;
  readonly #httpRequests: Counter;
  readonly #httpDuration: Histogram;
  readonly #httpInFlight: Gauge;
  readonly #errors: Counter;
  readonly #dropped: Counter;
  #totals = { requests: 0, errors: 0, tokens: 0, openStreams: 0 };

  constructor(sources: AgentMetricsSources) {
    const registry = createRegistry();
    this.registry = registry;
    const registers = [registry];
    const label = (model: string): string => (sources.knownModels().has(model) ? model : 'other');

    this.#httpRequests = new Counter({
      name: 'ollamamax_http_requests_total',
      help: 'Requests answered.',
      labelNames: ['route', 'method', 'code'],
      registers,
    });
    this.#httpDuration = new Histogram({
      name: 'ollamamax_http_request_duration_seconds',
      help: 'Time from the first byte of a request to the last of its answer.',
      labelNames: ['route', 'method'],
      buckets: [...buckets.latency],
      registers,
    });
    this.#httpInFlight = new Gauge({
      name: 'ollamamax_http_requests_in_flight',
      help: 'Requests being answered.',
      registers,
    });
    this.#errors = new Counter({
      name: 'ollamamax_errors_total',
      help: 'Requests that failed, by code of the error catalogue.',
      labelNames: ['code', 'dialect'],
      registers,
    });
    this.#dropped = new Counter({
      name: 'ollamamax_http_connections_dropped_total',
      help: 'Connections closed at once because the listener already held as many as it may.',
      labelNames: ['listener'],
      registers,
    });
    const disconnects = new Counter({
      name: 'ollamamax_client_disconnects_total',
      help: 'Clients that left before their answer was complete.',
      labelNames: ['phase'],
      registers,
    });
    for (const phase of ['before_first_byte', 'streaming']) disconnects.inc({ phase }, 0);
    const streamsActive = new Gauge({
      name: 'ollamamax_streams_active',
      help: 'Streams this agent is the entry of.',
      labelNames: ['model'],
      registers,
    });
    const truncated = new Counter({
      name: 'ollamamax_streams_truncated_total',
      help: 'Streams that ended with an error after their first byte.',
      labelNames: ['model', 'code'],
      registers,
    });
    this.streams = {
      streamOpened: (model) => {
        this.#totals.openStreams += 1;
        streamsActive.inc({ model: label(model) });
      },
      streamClosed: (model) => {
        this.#totals.openStreams -= 1;
        streamsActive.dec({ model: label(model) });
      },
      clientLeft: (phase) => disconnects.inc({ phase }),
      truncated: (model, code) => truncated.inc({ model: label(model), code }),
    };
    this.engine = this.#engineObserver(registry);
    this.#modelGauges(sources, registry);
    consensusMetrics(
      () => sources.consensus(),
      () => sources.consensusFigures(),
      registry,
    );
  }

  get totals(): AgentTotals {
    return this.#totals;
  }

  connectionDropped(listener: string): void {
    this.#dropped.inc({ listener });
  }

  requestStarted(): void {
    this.#httpInFlight.inc();
  }

  requestFinished(fields: {
    readonly route: string;
    readonly method: string;
    readonly status: number;
    readonly seconds: number;
    readonly errorCode: string | undefined;
    readonly dialect: string;
  }): void {
    this.#httpInFlight.dec();
    this.#totals.requests += 1;
    this.#httpRequests.inc({ route: fields.route, method: fields.method, code: fields.status });
    this.#httpDuration.observe({ route: fields.route, method: fields.method }, fields.seconds);
    if (fields.errorCode === undefined) return;
    if (fields.errorCode !== 'cancelled') this.#totals.errors += 1;
    this.#errors.inc({ code: fields.errorCode, dialect: fields.dialect });
  }

  #engineObserver(registry: Registry): EngineObserver {
    const registers = [registry];
    const labelNames = ['model'];
    const latency = [...buckets.latency];
    const queueWait = new Histogram({
      name: 'ollamamax_inference_queue_wait_seconds',
      help: 'Time a request waited for a slot, loading of the model included.',
      labelNames,
      buckets: latency,
      registers,
    });
    const firstToken = new Histogram({
      name: 'ollamamax_inference_time_to_first_token_seconds',
      help: 'Time from a request reaching the engine to its first token.',
      labelNames,
      buckets: latency,
      registers,
    });
    const interToken = new Histogram({
      name: 'ollamamax_inference_inter_token_latency_seconds',
      help: 'Time between tokens of a request.',
      labelNames,
      buckets: [...buckets.interToken],
      registers,
    });
    const requests = new Counter({
      name: 'ollamamax_inference_requests_total',
      help: 'Requests the engine finished, by how they ended.',
      labelNames: ['model', 'finish'],
      registers,
    });
    const promptTokens = new Counter({
      name: 'ollamamax_prompt_tokens_total',
      help: 'Tokens of prompts.',
      labelNames,
      registers,
    });
    const generated = new Counter({
      name: 'ollamamax_generation_tokens_total',
      help: 'Tokens produced.',
      labelNames,
      registers,
    });
    const guessed = new Counter({
      name: 'ollamamax_guessed_tokens_total',
      help: 'Tokens of answers that were computed in advance, by whether they came true.',
      labelNames: ['model', 'outcome'],
      registers,
    });
    const loads = new Counter({
      name: 'ollamamax_model_loads_total',
      help: 'Loads of models into memory.',
      labelNames: ['model', 'outcome'],
      registers,
    });
    const loadDuration = new Histogram({
      name: 'ollamamax_model_load_duration_seconds',
      help: 'Time to load a model into memory.',
      labelNames,
      buckets: latency,
      registers,
    });
    const restarts = new Counter({
      name: 'ollamamax_runner_restarts_total',
      help: 'Runner processes that ended unexpectedly.',
      labelNames,
      registers,
    });
    return {
      dequeued: (model, seconds) => queueWait.observe({ model }, seconds),
      firstToken: (model, seconds) => firstToken.observe({ model }, seconds),
      tokens: (model, count, seconds) => {
        this.#totals.tokens += count;
        generated.inc({ model }, count);
        if (count > 0) interToken.observe({ model }, seconds / count);
      },
      finished: (model, finish, prompt) => {
        requests.inc({ model, finish });
        promptTokens.inc({ model }, prompt);
      },
      guessed: (model, right, wrong) => {
        guessed.inc({ model, outcome: 'right' }, right);
        guessed.inc({ model, outcome: 'wrong' }, wrong);
      },
      loaded: (model, seconds) => {
        loads.inc({ model, outcome: 'ok' });
        loadDuration.observe({ model }, seconds);
      },
      loadFailed: (model, code) => loads.inc({ model, outcome: code }),
      crashed: (model) => restarts.inc({ model }),
    };
  }

  #modelGauges(sources: AgentMetricsSources, registry: Registry): void {
    const registers = [registry];
    const gauge = (
      name: string,
      help: string,
      labelNames: string[],
      collect: (gauge: Gauge) => void,
    ): void => {
      new Gauge({
        name: `ollamamax_${name}`,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          collect(this);
        },
      });
    };
    const perResident =
      (set: (gauge: Gauge, model: string, resident: ResidentModel) => void) => (target: Gauge) => {
        for (const [model, resident] of sources.resident()) set(target, model, resident);
      };
    gauge(
      'inference_slots',
      'Slots of models in memory.',
      ['model', 'state'],
      perResident((target, model, resident) => {
        target.set({ model, state: 'busy' }, resident.busySlots);
        target.set({ model, state: 'idle' }, resident.slots - resident.busySlots);
      }),
    );
    gauge(
      'inference_queue_depth',
      'Requests waiting for a slot.',
      ['model'],
      perResident((target, model, resident) => {
        target.set({ model }, resident.queued);
      }),
    );
    gauge(
      'model_memory_bytes',
      'Resident memory of the process that runs the model.',
      ['model'],
      perResident((target, model, resident) => {
        target.set({ model }, resident.memoryBytes);
      }),
    );
    gauge('model_ready', 'Whether the file of the model is verified on this agent.', ['model'], (target) => {
      for (const model of sources.models())
        target.set({ model: model.name }, model.state === 'ready' ? 1 : 0);
    });
    gauge('model_size_bytes', 'Size of the file of the model.', ['model'], (target) => {
      for (const model of sources.models()) target.set({ model: model.name }, model.sizeBytes);
    });
    gauge('p2p_peers_connected', 'Other agents that answer.', [], (target) =>
      target.set(sources.peersOnline()),
    );
    gauge('events_connections', 'Open WebSockets.', [], (target) => target.set(sources.eventConnections()));
    gauge(
      'certificate_expiry_timestamp_seconds',
      'When the certificate in use ends, as Unix time: that for clients (api), that between agents (internal).',
      ['use'],
      (target) => {
        for (const { use, expiresAt } of sources.certificates())
          target.set({ use }, expiresAt.getTime() / 1000);
      },
    );
    gauge('build_info', 'Version of the agent.', ['version', 'node', 'agent'], (target) => {
      target.set({ version, node: process.version, agent: sources.agentId }, 1);
    });
  }
}
