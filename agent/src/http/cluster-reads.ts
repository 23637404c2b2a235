import type { ClusterEventValue, ModelChunks, ModelEventValue, ModelShow } from '@ollamamax/api';

/** What the read-only routes tell of the cluster. */
export interface ClusterReads {
  agents(): readonly ClusterEventValue[];
  models(): readonly ModelEventValue[];
  /** From this agent or one that has the file. @throws ApiError model_not_found, model_not_ready, agent_unreachable */
  show(name: string, verbose: boolean, signal: AbortSignal): Promise<ModelShow>;
  /** From this agent or one that has the file. @throws ApiError model_not_found, model_not_ready, agent_unreachable */
  chunks(name: string, signal: AbortSignal): Promise<ModelChunks>;
}
