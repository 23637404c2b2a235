import { Counter, Histogram, buckets, type Registry } from '@ollamamax/common';

/** One exchange with the API server, retries each on their own. */
export interface RequestFacts {
  /** `get`, `list`, `watch`, `create`, `update`, `apply`, `patch`, `delete`. */
  readonly verb: string;
  readonly resource: string;
  /** HTTP status, `<error>` when no answer came. */
  readonly code: string;
  /** Until the whole answer was read; of a watch, until it began. */
  readonly seconds: number;
  readonly retried: boolean;
}

/** Told about every exchange. */
export type RequestObserver = (facts: RequestFacts) => void;

/** Metrics named as in client-go. */
export const createKubeMetrics = (registry: Registry): RequestObserver => {
  const registers = [registry];
  const requests = new Counter({
    name: 'rest_client_requests_total',
    help: 'Requests to the Kubernetes API server, by answer.',
    labelNames: ['verb', 'resource', 'code'],
    registers,
  });
  const duration = new Histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Time until the Kubernetes API server had answered; of a watch, until it began.',
    labelNames: ['verb', 'resource'],
    buckets: [...buckets.latency],
    registers,
  });
  const retries = new Counter({
    name: 'rest_client_request_retries_total',
    help: 'Requests to the Kubernetes API server that were sent again, by the answer that caused it.',
    labelNames: ['verb', 'code'],
    registers,
  });
  return ({ verb, resource, code, seconds, retried }) => {
    requests.inc({ verb, resource, code });
    duration.observe({ verb, resource }, seconds);
    if (retried) retries.inc({ verb, code });
  };
};
