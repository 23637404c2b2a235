import {
  annotations,
  fieldManagers,
  finalizer,
  type OllamaCluster,
  type OllamaModel,
  type OllamaModelStatus,
} from '@ollamamax/api';
import { contentHash, desiredContent } from '../agents/desired-state.ts';
import type { AgentObserver } from '../agents/observer.ts';
import type { Caches } from '../caches.ts';
import { gatherScope } from '../cluster/scope.ts';
import { isNotFound, type Clock, type KubeClient, type KubeObject } from '../kube/index.ts';
import { resources } from '../resources.ts';
import {
  addFinalizer,
  hasFinalizer,
  removeFinalizer,
  sameJson,
  type EventRecorder,
  type Failpoints,
  type Reconcile,
} from '../runtime/index.ts';
import { modelStatus } from './status.ts';

export interface ModelReconcilerOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly observer: AgentObserver;
  readonly events: EventRecorder;
  readonly failpoints: Failpoints;
  readonly clock: Clock;
}

const deletingMs = 1000;

/** Says of one OllamaModel how it is, and lets it go only when no agent is told of it any more. */
export const createModelReconciler = (options: ModelReconcilerOptions): Reconcile => {
  const { client, caches, observer, events, failpoints, clock } = options;

  /** Whether every agent that can be reached has been given a desired state without the model. */
  const isReleased = (cluster: OllamaCluster | undefined): boolean => {
    if (cluster === undefined || cluster.metadata.deletionTimestamp !== undefined) return true;
    const scope = gatherScope(caches, cluster);
    const given = cluster.status?.desiredState;
    if (given?.hash !== contentHash(desiredContent(cluster, scope.plans))) return false;
    // Those that cannot be reached learn of it from the others when they come back.
    return [...observer.reports(scope.key).values()].every(
      ({ status, problem }) =>
        problem?.kind === 'unreachable' || status === undefined || status.catalogRevision >= given.revision,
    );
  };

  const writeStatus = async (
    model: OllamaModel,
    status: OllamaModelStatus,
    signal: AbortSignal,
  ): Promise<void> => {
    if (sameJson(model.status, status)) return;
    await failpoints.hit('before status OllamaModel');
    const { name, namespace } = model.metadata;
    const object = { apiVersion: model.apiVersion, kind: model.kind, metadata: { name, namespace }, status };
    await client.serverSideApply(resources.model, object, {
      fieldManager: fieldManagers.modelStatus,
      subresource: 'status',
      force: true,
      signal,
    });
  };

  const announce = (model: OllamaModel, status: OllamaModelStatus): void => {
    const of = (from: OllamaModelStatus | undefined) =>
      from?.conditions?.find(({ type }) => type === 'Ready');
    const [was, is] = [of(model.status), of(status)];
    if (is?.status === 'True' && was?.status !== 'True')
      events.record(model, {
        type: 'Normal',
        reason: 'ModelReady',
        note: is.message,
      });
    if (status.phase === 'Failed' && (model.status?.phase !== 'Failed' || was?.message !== is?.message))
      events.record(model, {
        type: 'Warning',
        reason: 'ModelFailed',
        note: status.lastError ?? is?.message ?? '',
      });
  };

  return async (key, { signal }) => {
    const model = caches.models.get(key);
    if (model === undefined) return undefined;
    const object = model as unknown as KubeObject;
    const { namespace } = model.metadata;
    const cluster = caches.clusters.get(`${namespace}/${model.spec.clusterRef.name}`);
    const deleting = model.metadata.deletionTimestamp !== undefined;
    if (deleting) {
      if (!hasFinalizer(object, finalizer)) return undefined;
      if (model.metadata.annotations?.[annotations.skipFinalizer] === 'true' || isReleased(cluster)) {
        await failpoints.hit('before finalizer OllamaModel');
        await removeFinalizer(client, resources.model, object, finalizer, { signal });
        return undefined;
      }
    } else if (!hasFinalizer(object, finalizer)) {
      await addFinalizer(client, resources.model, object, finalizer, { signal });
      await failpoints.hit('after finalizer OllamaModel');
    }
    const scope = cluster === undefined ? undefined : gatherScope(caches, cluster);
    const status = modelStatus({
      model,
      plan: scope?.plans.find((plan) => plan.model.metadata.uid === model.metadata.uid),
      cluster:
        cluster === undefined
          ? 'missing'
          : cluster.metadata.deletionTimestamp === undefined
            ? 'present'
            : 'deleting',
      reports: scope === undefined ? new Map() : observer.reports(scope.key),
      readyAgents: scope?.readyAgents ?? new Set(),
      nowMs: clock.now(),
    });
    try {
      await writeStatus(model, status, signal);
    } catch (error) {
      // Deleted meanwhile: there is nobody to tell.
      if (!isNotFound(error)) throw error;
      return undefined;
    }
    announce(model, status);
    return deleting ? { requeueAfterMs: deletingMs } : undefined;
  };
};
