import type { RequestListener } from 'node:http';
import type { Registry } from '@ollamamax/common';
import { probeText, type Health, type HealthReport } from './health.ts';

const alive: HealthReport = { status: 'pass', checks: {} };

/** Liveness says that the process answers and nothing else: neither peers nor models may restart it. */
const probes: Readonly<Record<string, (health: Health) => HealthReport>> = {
  '/livez': () => alive,
  '/healthz': () => alive,
  '/readyz': (health) => health.readiness(),
  '/startupz': (health) => health.startup(),
};

/**
 * Probes as Kubernetes and load balancers ask for them.
 * @returns whether the path was one of them
 */
export const answerProbe = (health: Health, ...[request, response]: Parameters<RequestListener>): boolean => {
  const [path = '', query = ''] = (request.url ?? '/').split('?', 2);
  const probe = Object.hasOwn(probes, path) ? probes[path] : undefined;
  if (probe === undefined) return false;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD', 'content-type': 'text/plain; charset=utf-8' });
    response.end('a probe answers GET and HEAD\n');
    return true;
  }
  const report = probe(health);
  response.statusCode = report.status === 'fail' ? 503 : 200;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.setHeader('cache-control', 'no-store');
  response.end(probeText(path.slice(1), report, /(^|&)verbose(=|&|$)/.test(query)));
  return true;
};

/** Port 9090: Prometheus metrics and the probes. */
export const createMetricsHandler =
  (registry: Registry, health: Health): RequestListener =>
  (request, response) => {
    if (answerProbe(health, request, response)) return;
    if ((request.url ?? '').split('?')[0] !== '/metrics') {
      response.statusCode = 404;
      response.end('metrics are at /metrics, probes at /startupz, /livez and /readyz\n');
      return;
    }
    registry.metrics().then(
      (text) => {
        response.setHeader('content-type', registry.contentType);
        response.end(text);
      },
      () => {
        response.statusCode = 500;
        response.end('metrics could not be collected\n');
      },
    );
  };
