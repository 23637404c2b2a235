import { Counter, Gauge, Histogram, buckets, type Registry } from '@ollamamax/common';

export type RuntimeMetrics = ReturnType<typeof createRuntimeMetrics>;

/** From 10 ns in client-go; ours begin at a tenth of a millisecond, below which JavaScript measures nothing. */
const queueBuckets = [0.0001, 0.001, 0.01, 0.1, 1, 10, 60, 600];

/** Metrics of queues, controllers, leader election and events, named as in controller-runtime and client-go. */
export const createRuntimeMetrics = (registry: Registry) => {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter<L>({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge<L>({ name, help, labelNames, registers });
  const histogram = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    edges: readonly number[],
  ) => new Histogram<L>({ name, help, labelNames, buckets: [...edges], registers });
  const held = new Map<string, () => readonly number[]>();
  const heldGauge = (name: string, help: string, read: (ages: readonly number[]) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['name'],
      registers,
      collect() {
        for (const [queue, ages] of held) this.set({ name: queue }, read(ages()));
      },
    });
  };
  heldGauge('workqueue_unfinished_work_seconds', 'Time that running work has taken so far, summed.', (ages) =>
    ages.reduce((sum, age) => sum + age, 0),
  );
  heldGauge(
    'workqueue_longest_running_processor_seconds',
    'Time that the longest running work has taken so far.',
    (ages) => Math.max(0, ...ages),
  );
  return {
    /** Tells how old, in seconds, the keys are that the workers of a queue hold; read when Prometheus asks. */
    observeHeldKeys: (queue: string, ages: () => readonly number[]): void => {
      held.set(queue, ages);
    },
    queueDepth: gauge('workqueue_depth', 'Keys that could be worked on now.', ['name', 'priority']),
    queueAdds: counter('workqueue_adds_total', 'Keys added to the queue.', ['name']),
    queueRetries: counter('workqueue_retries_total', 'Keys added again after a failure.', ['name']),
    queueWait: histogram(
      'workqueue_queue_duration_seconds',
      'How long a key waited for a worker.',
      ['name'],
      queueBuckets,
    ),
    queueWork: histogram(
      'workqueue_work_duration_seconds',
      'How long a worker held a key.',
      ['name'],
      queueBuckets,
    ),
    reconciles: counter('controller_runtime_reconcile_total', 'Reconciles, by result.', [
      'controller',
      'result',
    ]),
    reconcileErrors: counter('controller_runtime_reconcile_errors_total', 'Reconciles that failed.', [
      'controller',
    ]),
    terminalErrors: counter(
      'controller_runtime_terminal_reconcile_errors_total',
      'Reconciles that failed for good until the object changes.',
      ['controller'],
    ),
    reconcileTimeouts: counter(
      'controller_runtime_reconcile_timeouts_total',
      'Reconciles that reached their deadline.',
      ['controller'],
    ),
    reconcileTime: histogram(
      'controller_runtime_reconcile_time_seconds',
      'How long a reconcile took.',
      ['controller'],
      buckets.latency,
    ),
    activeWorkers: gauge('controller_runtime_active_workers', 'Reconciles that run now.', ['controller']),
    maxWorkers: gauge(
      'controller_runtime_max_concurrent_reconciles',
      'Reconciles that may run at the same time.',
      ['controller'],
    ),
    leader: gauge('leader_election_master_status', 'Whether this process leads: 1 or 0.', ['name']),
    eventsDropped: counter('ollamamax_operator_events_dropped_total', 'Events that were not written.', [
      'cause',
    ]),
  };
};
