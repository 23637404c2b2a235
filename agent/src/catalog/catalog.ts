import type { DesiredState } from '@ollamamax/api';

/**
 * What the cluster has agreed on. The port under which Raft comes in; today each agent keeps the last
 * desired state it was given in its data directory and takes a newer one over from any peer.
 */
export interface Catalog {
  state(): DesiredState;
  /**
   * Takes a newer state over and keeps it on disk before it answers. An equal revision changes nothing.
   * @throws ApiError stale_revision when the own one is newer; invalid_request when it is not valid
   */
  apply(next: DesiredState): Promise<{ readonly revision: number; readonly changed: boolean }>;
  onChange(listener: (state: DesiredState) => void): () => void;
}
