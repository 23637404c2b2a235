import { ApiError, type AgentPhase, type NodeConfig } from '@ollamamax/api';
import { Lifecycle, type Component, type Logger } from '@ollamamax/common';
import { createSessions } from './auth/sessions.ts';
import { createCatalog } from './catalog/create-catalog.ts';
import { createDesiredIndex } from './catalog/desired-index.ts';
import { formatListenAddress, isLoopbackHost, parseListenAddress } from './config/listen-address.ts';
import { drain } from './drain.ts';
import { createAccessLog } from './http/access-log.ts';
import { agentHandlers } from './http/agent-handlers.ts';
import { createApp } from './http/app.ts';
import { createListeners } from './http/agent-listeners.ts';
import { createOriginCheck } from './http/guards.ts';
import { InferenceCalls } from './http/inference-calls.ts';
import type { InferenceEngine } from './inference/engine.ts';
import { engineSettings } from './inference/engine-settings.ts';
import { createRunnerEngine } from './inference/runner-engine.ts';
import { createInternalServer } from './internal-api/server.ts';
import { createModelStore } from './models/local-model-store.ts';
import { createOwnModels, type OwnModelParts } from './models/own/create-own-models.ts';
import { createPreload } from './models/preload.ts';
import { createAgentHealth } from './observability/agent-health.ts';
import { AgentMetrics } from './observability/agent-metrics.ts';
import { StatusReporter } from './observability/status-reporter.ts';
import { dnsDiscovery, staticDiscovery } from './p2p/discovery.ts';
import { noPeers } from './p2p/no-peers.ts';
import { createPollingPeers } from './p2p/polling-peers.ts';
import { createClusterView } from './scheduler/cluster-view.ts';
import { createDispatcher } from './scheduler/dispatcher.ts';
import { createLocalRunner, type LocalRunner } from './scheduler/local-runner.ts';
import { openCertificates } from './tls/watched-tls.ts';
import { createTicketStore } from './ws/ticket-store.ts';
import { createEventsServer } from './ws/ws-server.ts';

const startTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;
const ticketLimits = { ttlMs: 30_000, max: 10_000 } as const;

export interface AgentOptions {
  readonly config: NodeConfig;
  readonly logger: Logger;
  /** The part of the environment that runners may see. */
  readonly runnerEnvironment?: Readonly<Record<string, string>>;
  /** Another engine under the same port; the runner engine when left out. */
  readonly engine?: InferenceEngine;
}

/** Where a started agent listens. */
export interface AgentAddresses {
  readonly api: string;
  readonly dashboard: string;
  readonly metrics: string;
  readonly internal: string | undefined;
}

export interface Agent {
  readonly id: string;
  /** @throws ApiError config_invalid, port_in_use, state_corrupt, … */
  start(): Promise<AgentAddresses>;
  /**
   * Drains and stops. Idempotent.
   * @param hurry aborts the waiting: running streams end with agent_draining at once
   * @returns whether every stream ended by itself
   */
  stop(hurry?: AbortSignal): Promise<boolean>;
}

/** Puts one agent together: the only place where its parts meet. */
export const createAgent = async (options: AgentOptions): Promise<Agent> => {
  const { config, logger } = options;
  const selfId = config.node.id;
  const { limits } = config;
  let phase: AgentPhase = 'starting';
  let accepting = true;

  const { api: tls, internal: internalTls } = await openCertificates(config, logger);
  const certificates = [tls, internalTls].filter((watched) => watched !== undefined);

  const polling =
    internalTls === undefined
      ? undefined
      : createPollingPeers({
          selfId,
          cluster: config.cluster.name,
          tls: internalTls.material,
          discovery:
            config.cluster.peersDns === undefined
              ? staticDiscovery(config.cluster.peers)
              : dnsDiscovery(config.cluster.peersDns),
          pollMs: config.cluster.pollMs,
          log: logger.child({ component: 'peers' }),
        });

  const peers = polling ?? noPeers;
  const { catalog, membership } = createCatalog(
    config,
    logger,
    internalTls === undefined ? undefined : () => internalTls.material,
    peers,
  );
  const desired = createDesiredIndex(() => catalog.state());
  /** One that is drained by a mark is given nothing new, and goes on with what it has. */
  const phaseNow = (): AgentPhase =>
    phase === 'ready' && Object.hasOwn(catalog.agreed().drains, selfId) ? 'draining' : phase;

  const { own, service, serving, ...placing }: OwnModelParts = createOwnModels({
    config,
    logger,
    catalog,
    consensus: membership,
    peers,
    models: () => models,
    view: () => view,
    inUse: (digest) => local.uses(digest),
  });
  const served = createDesiredIndex(serving.state);
  const models = createModelStore({
    dataDir: config.storage.dataDir,
    modelDir: config.storage.modelDir,
    ...placing,
    settings: () => catalog.state().settings,
    // An agent that lost its state knows no models until it is told of them; their files may still be there.
    desired: () => (catalog.state().revision === 0 ? undefined : catalog.state().models),
    inUse: (digest) => local.uses(digest),
    onRetired: (name) => void engine.unload(name),
    logger,
  });

  const metrics: AgentMetrics = new AgentMetrics({
    agentId: selfId,
    models: () => models.list(),
    resident: () => engine.resident(),
    peersOnline: () => peers.list().filter((peer) => peer.online).length,
    eventConnections: () => events.connections,
    certificates: () => certificates,
    consensus: () => membership.status(),
    consensusFigures: () => membership.figures(),
    knownModels: () => served().priorities,
  });

  const engine: InferenceEngine =
    options.engine ??
    createRunnerEngine({
      logger: logger.child({ component: 'inference' }),
      ...engineSettings(config),
      maxLoadedModels: () => catalog.state().settings.maxLoadedModels ?? 3,
      priorityOf: (name) => served().priorities.get(name) ?? Number.NEGATIVE_INFINITY,
      observer: metrics.engine,
      ...(options.runnerEnvironment === undefined ? {} : { environment: options.runnerEnvironment }),
    });

  const reporter: StatusReporter = new StatusReporter({
    id: selfId,
    cluster: config.cluster.name,
    phase: phaseNow,
    urls: () => ({
      apiUrl: config.advertise.api ?? apiListener.url,
      dashboardUrl: config.advertise.dashboard ?? dashboardListener.url,
    }),
    catalogRevision: () => catalog.state().revision,
    catalogHash: () => desired().hash,
    consensus: () => membership.status(),
    modelDir: config.storage.modelDir,
    totals: () => metrics.totals,
    models: () => models.list(),
    resident: () => engine.resident(),
    devices: () => engine.devices?.(),
  });
  const status = () => reporter.status();

  const local: LocalRunner = createLocalRunner({ selfId, engine, models, own, accepting: () => accepting });
  const dispatcher = createDispatcher({
    selfId,
    engine,
    models,
    peers,
    catalog: serving,
    local,
    phase: phaseNow,
  });
  const view = createClusterView({
    bootId: reporter.bootId,
    status,
    peers,
    catalog: serving,
    own: [models, own, { onChange: (listener) => reporter.onSample(listener) }],
    now: () => new Date(),
  });

  const health = createAgentHealth({
    phase: phaseNow,
    started: () => phase !== 'starting',
    consensus: () => membership.status(),
    models: () => models.list(),
    peers: () => peers.list(),
  });

  const { users, sessions, authenticate } = createSessions(config, logger, () => catalog.agreed().users);
  const tickets = createTicketStore(ticketLimits);

  const originAllowed = createOriginCheck(config.http.allowedOrigins);
  const events = createEventsServer({
    view,
    agentId: selfId,
    ...(authenticate === undefined ? {} : { authenticate }),
    tickets,
    originAllowed: (origin, host) => origin === undefined || originAllowed(origin, host),
    log: logger.child({ component: 'events' }),
  });

  const shutdown = new AbortController();
  const calls = new InferenceCalls({
    runner: dispatcher,
    logger,
    observer: metrics.streams,
    writeStallMs: limits.writeStallSeconds * 1000,
    requestMs: limits.requestSeconds * 1000,
    shutdown: shutdown.signal,
  });

  const reads = {
    ...view,
    show: (name: string, verbose: boolean, signal: AbortSignal) => dispatcher.show(name, verbose, signal),
    chunks: (name: string, signal: AbortSignal) => dispatcher.chunks(name, signal),
  };
  const app = createApp({
    handlers: agentHandlers({
      config,
      reads,
      calls,
      health,
      catalog,
      consensus: membership,
      users,
      sessions,
      tickets,
      manage: { service, log: logger, shutdown: shutdown.signal },
    }),
    logger,
    authenticate,
    loopbackOnly: isLoopbackHost(parseListenAddress(config.listen.api).host),
    allowedHosts: config.http.allowedHosts,
    allowedOrigins: config.http.allowedOrigins,
    bodyBytes: limits.bodyBytes,
    onStarted: () => metrics.requestStarted(),
    onFinished: createAccessLog(metrics, logger),
    draining: () => phase === 'draining',
  });

  const {
    api: apiListener,
    dashboard: dashboardListener,
    metrics: metricsListener,
  } = createListeners({ config, app, health, metrics, tls: tls?.material });
  events.attach(apiListener.server);
  events.attach(dashboardListener.server);

  const internal =
    internalTls === undefined
      ? undefined
      : createInternalServer({
          ...parseListenAddress(config.listen.internal),
          cluster: config.cluster.name,
          tls: internalTls.material,
          status,
          catalog,
          consensus: membership,
          runLocal: (request, signal) => local.run(request, signal),
          models,
          ownModels: service,
          log: logger.child({ component: 'internal-api' }),
          // A request grows a little on the wire: it is checked against the API's own limit first.
          limits: { connections: limits.connections, inferenceBodyBytes: limits.bodyBytes * 2 },
        });

  tls?.usedBy(apiListener, dashboardListener);
  internalTls?.usedBy(internal, polling, catalog);

  const preload: Component = createPreload(models, engine, () => catalog.state().models, logger);
  const components: Component[] = [
    metricsListener,
    catalog,
    ...certificates,
    ...(users === undefined ? [] : [users]),
    reporter,
    { name: 'engine', stop: () => engine.stop() },
    ...(internal === undefined ? [] : [internal]),
    ...(polling === undefined ? [] : [polling]),
    ...(internalTls === undefined ? [] : [membership]),
    own,
    models,
    preload,
    { name: 'events', stop: async () => events.close() },
    apiListener,
    dashboardListener,
  ];
  const lifecycle = new Lifecycle(components, {
    startTimeoutMs,
    stopTimeoutMs,
    onStopError: (component, error) => logger.warn('did not stop cleanly', { component, error }),
  });

  let stopping: Promise<boolean> | undefined;
  const stop = async (hurry: AbortSignal): Promise<boolean> => {
    const clean =
      phase === 'ready'
        ? await drain(
            {
              announce: () => {
                phase = 'draining';
                logger.info('draining', {
                  delaySeconds: config.drain.delaySeconds,
                  graceSeconds: config.drain.graceSeconds,
                });
                const alternatives = peers
                  .list()
                  .flatMap((peer) => (peer.online ? [peer.status?.apiUrl ?? ''] : []));
                events
                  .drain({ afterMs: config.drain.delaySeconds * 1000, alternatives })
                  .catch((error: unknown) => {
                    logger.warn('events could not be drained', { error });
                  });
              },
              finish: async () => {
                accepting = false;
                await Promise.all([apiListener.drain(), dashboardListener.drain()]);
                while (local.active() > 0) await new Promise((resolve) => setTimeout(resolve, 50));
              },
              abort: () => {
                shutdown.abort(
                  new ApiError('agent_draining', 'The agent stopped before the answer was complete.'),
                );
              },
            },
            { delayMs: config.drain.delaySeconds * 1000, graceMs: config.drain.graceSeconds * 1000 },
            hurry,
          )
        : true;
    await lifecycle.stop();
    return clean;
  };

  return {
    id: selfId,
    start: async () => {
      await lifecycle.start();
      phase = 'ready';
      const address = internal?.address();
      const addresses: AgentAddresses = {
        api: apiListener.url,
        dashboard: dashboardListener.url,
        metrics: metricsListener.url,
        internal:
          address === undefined
            ? undefined
            : formatListenAddress({ ...parseListenAddress(config.listen.internal), port: address.port }),
      };
      logger.info('agent is ready', () =>
        Object.fromEntries(Object.entries(addresses).filter(([, at]) => at !== undefined)),
      );
      return addresses;
    },
    stop: (hurry = new AbortController().signal) => {
      stopping ??= stop(hurry);
      return stopping;
    },
  };
};
