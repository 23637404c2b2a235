import type { RequestListener } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { NodeConfig } from '@ollamamax/api';
import type { TlsMaterial } from '@ollamamax/common';
import type { AgentMetrics } from '../observability/agent-metrics.ts';
import type { Health } from '../observability/health.ts';
import { answerProbe, createMetricsHandler } from '../observability/metrics-handler.ts';
import { dashboardHandler } from './dashboard-assets.ts';
import { Listener } from './listener.ts';

const dashboardFolder = fileURLToPath(new URL('../../dashboard/dist', import.meta.url));

export interface ListenersOptions {
  readonly config: NodeConfig;
  readonly app: RequestListener;
  readonly health: Health;
  readonly metrics: AgentMetrics;
  /** Of API and dashboard; undefined: both speak plain HTTP. */
  readonly tls: TlsMaterial | undefined;
}

/** Where an agent is open to clients, to browsers and to who watches it. */
export interface Listeners {
  readonly api: Listener;
  readonly dashboard: Listener;
  readonly metrics: Listener;
}

export const createListeners = ({ config, app, health, metrics, tls }: ListenersOptions): Listeners => {
  const { limits, listen } = config;
  const listener = (
    name: 'api' | 'dashboard' | 'metrics',
    handler: RequestListener,
    material?: TlsMaterial,
  ): Listener =>
    new Listener({
      name,
      address: listen[name],
      handler,
      ...(material === undefined ? {} : { tls: material }),
      headersMs: limits.headersSeconds * 1000,
      requestMs: limits.bodySeconds * 1000,
      maxConnections: limits.connections,
      onConnectionDropped: () => metrics.connectionDropped(name),
    });
  return {
    api: listener(
      'api',
      (request, response) => {
        if (!answerProbe(health, request, response)) app(request, response);
      },
      tls,
    ),
    dashboard: listener('dashboard', dashboardHandler(dashboardFolder, app), tls),
    metrics: listener('metrics', createMetricsHandler(metrics.registry, health)),
  };
};
