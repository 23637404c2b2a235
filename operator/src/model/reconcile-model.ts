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
import type { AgentReport } from '../agents/report.ts';
import type { Caches } from '../caches.ts';
import { unheardAgents } from '../cluster/pass.ts';
import { gatherScope } from '../cluster/scope.ts';
import type { Clock, KubeClient, KubeObject } from '../kube/index.ts';
import { resources } from '../resources.ts';
import {
  addFinalizer,
  hasFinalizer,
  removeFinalizer,
  StatusWriter,
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
/** Agents that are yet to be heard are asked every second: this is for those that do not answer. */
const unheardMs = 5000;

/** Says of one OllamaModel how it is, and lets it go only when no agent is told of it any more. */
export const createModelReconciler = (options: ModelReconcilerOptions): Reconcile => {
  const { client, caches, observer, events, failpoints, clock } = options;

  /** Whether every agent that can be reached has been given a desired state without the model. */
  const isReleased = (cluster: OllamaCluster | undefined): boolean => {
    if (cluster === undefined || cluster.metadata.deletionTimestamp !== undefined) return true;
    const scope = gatherScope(caches, cluster);
    const given = cluster.status?.desiredState;
    if (given?.hash !== contentHash(desiredContent(cluster, scope.plans))) return false;
    const reports = observer.reports(scope.key);
    if ([...scope.readyAgents].some((agent) => !reports.has(agent))) return false;
    // Those that cannot be reached, or belong to no group, learn of it from the others when they do.
    return [...reports.values()].every(
      ({ status, problem }) =>
        problem?.kind === 'unreachable' ||
        (status !== undefined &&
          (status.catalogRevision >= given.revision || (status.consensus?.state ?? 'member') !== 'member')),
    );
  };

  const statuses = new StatusWriter<OllamaModelStatus>({
    client,
    failpoints,
    resource: resources.model,
    fieldManager: fieldManagers.modelStatus,
  });

  const uids = new Map<string, string>();

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
    const cached = caches.models.get(key);
    const known = uids.get(key);
    if (known !== undefined && known !== cached?.metadata.uid) {
      statuses.forget(known);
      uids.delete(key);
    }
    if (cached === undefined) return undefined;
    uids.set(key, cached.metadata.uid);
    const model = statuses.fresh(cached);
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
    const reports = scope === undefined ? new Map<string, AgentReport>() : observer.reports(scope.key);
    const readyAgents = scope?.readyAgents ?? new Set<string>();
    // What was said before the operator started is more than what it knows now.
    const isJudged = model.status?.observedGeneration === model.metadata.generation;
    if (isJudged && !deleting && unheardAgents({ readyAgents, reports }).length > 0)
      return { requeueAfterMs: unheardMs };
    const status = modelStatus({
      model,
      plan: scope?.plans.find((plan) => plan.model.metadata.uid === model.metadata.uid),
      cluster:
        cluster === undefined
          ? 'missing'
          : cluster.metadata.deletionTimestamp === undefined
            ? 'present'
            : 'deleting',
      reports,
      readyAgents,
      nowMs: clock.now(),
    });
    if (!(await statuses.write(model, status, signal))) return undefined;
    announce(model, status);
    return deleting ? { requeueAfterMs: deletingMs } : undefined;
  };
};
