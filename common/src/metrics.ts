import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export { Counter, Gauge, Histogram, Registry };

/** Bucket edges shared by all histograms, in seconds, so that dashboards and objectives line up. */
export const buckets = {
  /** Whole requests and first tokens. */
  latency: [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2, 2.5, 5, 7.5, 10, 20, 40, 80, 160,
    640,
  ],
  /** Gaps between tokens. */
  interToken: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5],
  /** What the router adds. */
  router: [0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1],
} as const;

/** A registry with the process and Node defaults in it. One per process. */
export const createRegistry = (): Registry => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
};
