import type { ClusterEventValue, MetricsEventValue, ModelEventValue } from '@ollamamax/api';

/** The cluster as this agent sees it: what the live view shows. Reading is cheap and never waits. */
export interface ClusterViewSource {
  /** New with every process start; part of every epoch, so that positions of an earlier run never match. */
  readonly bootId: string;
  agents(): readonly ClusterEventValue[];
  models(): readonly ModelEventValue[];
  /** Values of the last second by agent id. */
  metrics(): Readonly<Record<string, MetricsEventValue>>;
  /** Calls back after agents or models may have changed; returns how to stop that. */
  onChange(listener: () => void): () => void;
}
