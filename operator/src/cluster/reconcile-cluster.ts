import {
  annotations,
  fieldManagers,
  type ClusterReason,
  type OllamaCluster,
  type OllamaClusterStatus,
} from '@ollamamax/api';
import { contentHash, desiredContent } from '../agents/desired-state.ts';
import type { MemberCall } from '../agents/agent-client.ts';
import type { MemberCaller } from '../agents/member-caller.ts';
import type { AgentObserver } from '../agents/observer.ts';
import type { Caches } from '../caches.ts';
import { isConflict, isKubeError, type Clock, type KubeClient } from '../kube/index.ts';
import { modelSummary } from '../model/status.ts';
import { resources } from '../resources.ts';
import {
  StatusWriter,
  type EventRecorder,
  type Failpoints,
  type Reconcile,
  type ReconcileResult,
} from '../runtime/index.ts';
import { NameConflictError, StillLeavingError } from './applier.ts';
import { Bringer, type Progress } from './bring-about.ts';
import { ChildWriter } from './child-writer.ts';
import { ReferenceError } from './credentials.ts';
import type { DesiredInput } from './desired/child.ts';
import { imageOf } from './desired/pod-template.ts';
import { addressesOf, GroupKeeper, type GroupPlan } from './group-keeper.ts';
import { isReady } from './objects.ts';
import { unheardAgents, type Pass } from './pass.ts';
import { problemOf } from './pod-problems.ts';
import { decideRevision } from './revision.ts';
import type { Rollout } from './rollout.ts';
import { gatherScope } from './scope.ts';
import { SecretKeeper } from './secret-keeper.ts';
import { clusterStatus } from './status.ts';
import { clusterTransitions } from './transitions.ts';
import { decideStorage } from './storage.ts';

export interface ClusterReconcilerOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly observer: AgentObserver;
  readonly caller: MemberCaller;
  readonly events: EventRecorder;
  readonly failpoints: Failpoints;
  readonly clock: Clock;
  readonly defaultImage: string;
  readonly defaultPullPolicy: string | undefined;
  readonly clusterDomain: string;
  readonly operatorNamespace: string;
}

interface Failure {
  readonly reason: ClusterReason<'Degraded'>;
  readonly message: string;
  /** Undefined: nothing changes until somebody acts; it is looked at again after a while. */
  readonly error: Error | undefined;
}

/** Secrets are not watched: changes are found by looking, this often. */
const secretsMs = 60_000;
const failureMs = 15_000;
const waitingMs = 20_000;
/** Agents that are yet to be heard are asked every second: this is for those that do not answer. */
const unheardMs = 5_000;
/** What was written down is acted upon next. */
const writtenDownMs = 50;
/** What waits for word from the agents is looked at again after that, should nobody say anything new. */
const movingMs = 3000;
/** So long is what an earlier cluster of the same name has left no conflict. */
const leavingMs = 60_000;
const leavingAgainMs = 1_000;

const failureOf = (error: unknown): Failure => {
  if (error instanceof NameConflictError)
    return { reason: error.reason, message: error.message, error: undefined };
  if (error instanceof StillLeavingError)
    return { reason: 'NameConflict', message: error.message, error: undefined };
  if (error instanceof ReferenceError)
    return { reason: error.reason, message: error.message, error: undefined };
  const unexpected = error instanceof Error ? error : new Error(String(error));
  return { reason: 'ApplyFailed', message: unexpected.message.slice(0, 1000), error: unexpected };
};

/** What an agent is to be asked for, one thing at a time: that there is a group, who belongs to it, who leads. */
const callOf = ({ step }: GroupPlan, { scale, rollout }: Progress): MemberCall | undefined => {
  if (step.kind === 'bootstrap') return step;
  return scale?.call ?? (rollout?.kind === 'blocked' ? rollout.call : undefined);
};

/** Whether something is under way that rests on what agents say. */
const isMoving = ({ group, cluster }: Pass, { step }: GroupPlan, { scale, rollout }: Progress): boolean =>
  step.kind !== 'none' ||
  scale?.call !== undefined ||
  (scale !== undefined && scale.replicas > cluster.spec.replicas) ||
  (group.begun &&
    (group.leader === undefined ||
      group.leader.consensus.changing === true ||
      (rollout !== undefined && rollout.kind !== 'settled')));

/** Brings one OllamaCluster to what is asked for. */
export const createClusterReconciler = (options: ClusterReconcilerOptions): Reconcile => {
  const { client, caches, observer, events, failpoints, clock } = options;
  const writer = new ChildWriter(options);
  const secrets = new SecretKeeper({ client, clock, writer });
  const bringer = new Bringer({ ...options, writer, secrets });
  const statuses = new StatusWriter<OllamaClusterStatus>({
    client,
    failpoints,
    resource: resources.cluster,
    fieldManager: fieldManagers.clusterStatus,
  });
  const groups = new GroupKeeper({ clock, caller: options.caller });
  const uids = new Map<string, string>();

  const forget = (key: string): void => {
    const uid = uids.get(key);
    uids.delete(key);
    observer.forget(key);
    groups.forget(key);
    if (uid === undefined) return;
    writer.forget(uid);
    secrets.forget(uid);
    statuses.forget(uid);
  };

  /** Whether it is about an earlier cluster of this name, of which garbage collection has not removed everything yet. */
  const isLeaving = (error: unknown, { metadata }: OllamaCluster): boolean =>
    error instanceof StillLeavingError &&
    clock.now() - Date.parse(metadata.creationTimestamp ?? '') < leavingMs;

  const revisionOf = (
    { cluster, reports }: Pass,
    hash: string,
  ): NonNullable<OllamaClusterStatus['desiredState']> =>
    decideRevision(
      hash,
      cluster.status?.desiredState,
      // Of one with the volume of another group its numbers say nothing here.
      [...reports.values()].flatMap(({ status }) =>
        status === undefined || status.consensus?.state === 'refused' ? [] : [status],
      ),
    );

  /** Does what is to be done, and gives what stopped it. */
  const bringAbout = async (
    pass: Pass,
    storage: ReturnType<typeof decideStorage>,
    progress: Progress,
  ): Promise<Failure | undefined> => {
    const { cluster, context } = pass;
    try {
      await bringer.run(pass, storage, progress);
      return undefined;
    } catch (error) {
      // From fresh state at once: says nothing of the cluster.
      if (isConflict(error) || context.signal.aborted || isLeaving(error, cluster)) throw error;
      secrets.expire(cluster.metadata.uid);
      const failure = failureOf(error);
      context.log.warn('Not brought about', { reason: failure.reason, detail: failure.message });
      return failure;
    }
  };

  const reconcile = async (pass: Pass): Promise<ReconcileResult> => {
    const { cluster, key, context } = pass;
    const storage = decideStorage({
      cluster,
      statefulSet: pass.statefulSet,
      pods: pass.pods,
      claims: pass.claims,
      classes: caches.storageClasses?.list(),
    });
    const paused = cluster.metadata.annotations?.[annotations.paused] === 'true';
    const content = desiredContent(cluster, pass.plans);
    const progress: Progress = {
      operator: undefined,
      rollout: undefined,
      scale: undefined,
      secrets: [],
    };
    let failure: Failure | undefined;
    if (paused) progress.operator = await bringer.identify(pass);
    else failure = await bringAbout(pass, storage, progress);
    const { operator, rollout: judged, scale } = progress;
    const plan = groups.plan(pass, paused || operator === undefined);
    const call = callOf(plan, progress);
    const complaint = groups.complaint(key, call);
    const rollout: Rollout | undefined =
      judged?.kind === 'blocked' && complaint !== undefined
        ? { ...judged, why: `${judged.why}; ${complaint}` }
        : judged;
    // What nobody would be told of must not get a number: nobody would ever have it.
    const desiredState =
      paused || operator === undefined
        ? cluster.status?.desiredState
        : revisionOf(pass, contentHash(content));
    const unheard = unheardAgents(pass);
    const nowMs = clock.now();
    const status = clusterStatus({
      cluster,
      statefulSet: pass.statefulSet,
      pods: pass.pods,
      podProblems: pass.pods.flatMap((pod) => problemOf(pod, pass, nowMs) ?? []),
      reports: pass.reports,
      storage,
      rollout,
      replicasNow: scale?.replicas ?? cluster.spec.replicas,
      scaleBlocked: scale?.blocked ?? (scale?.call === undefined ? undefined : complaint),
      group: pass.group,
      step: plan.step,
      consensus: plan.consensus,
      leaderlessMs: pass.leaderlessMs,
      models: unheard.length > 0 ? undefined : modelSummary(pass.plans, pass.reports, pass.readyAgents),
      failure,
      desiredState,
      image: imageOf({ cluster, defaultImage: options.defaultImage } as DesiredInput),
      paused,
      nowMs,
    });
    if (!(await statuses.write(cluster, status, context.signal))) return {};
    for (const transition of clusterTransitions(cluster.status, status)) events.record(cluster, transition);

    const moves = isMoving(pass, plan, progress);
    // After the status: a revision that was given away must never be given to other content, nor an id be forgotten.
    if (operator !== undefined) {
      if (call !== undefined && !paused) groups.ask(pass, operator, call);
      observer.watch(key, {
        cluster: cluster.metadata.name,
        tls: operator,
        agents: addressesOf(pass),
        clusterId: plan.consensus?.clusterId,
        hurry: moves,
        wanted:
          paused || desiredState === undefined
            ? undefined
            : { revision: desiredState.revision, models: [...content.models], settings: content.settings },
      });
    }

    if (plan.step.kind === 'draw' || plan.step.kind === 'adopt') return { requeueAfterMs: writtenDownMs };
    if (failure?.error !== undefined) {
      if (isKubeError(failure.error) && failure.error.code >= 400 && failure.error.code < 500)
        return { requeueAfterMs: failureMs };
      throw failure.error;
    }
    if (failure !== undefined) return { requeueAfterMs: failureMs };
    if (rollout?.kind === 'settled' && pass.statefulSet !== undefined)
      await secrets.prune(pass, progress.secrets);
    if (unheard.length > 0) return { requeueAfterMs: unheardMs };
    if (moves) return { requeueAfterMs: movingMs };
    const waiting = pass.pods.some((pod) => !isReady(pod));
    return { requeueAfterMs: waiting ? waitingMs : secretsMs };
  };

  return async (key, context) => {
    const cached = caches.clusters.get(key);
    if (cached === undefined || cached.metadata.uid !== uids.get(key)) forget(key);
    if (cached === undefined) return undefined;
    const { uid, deletionTimestamp } = cached.metadata;
    uids.set(key, uid);
    const cluster = statuses.fresh(cached);
    if (deletionTimestamp !== undefined) {
      // Garbage collection does the rest: everything belongs to it.
      observer.forget(key);
      groups.forget(key);
      if (cluster.status !== undefined)
        await statuses.write(cluster, { ...cluster.status, phase: 'Deleting' }, context.signal);
      return undefined;
    }
    try {
      const reports = observer.reports(key);
      const looked = groups.look(key, cluster, reports);
      return await reconcile({ ...gatherScope(caches, cluster), reports, context, ...looked });
    } catch (error) {
      if (!isLeaving(error, cluster)) throw error;
      context.log.debug('Waits for what an earlier cluster has left', { error });
      return { requeueAfterMs: leavingAgainMs };
    }
  };
};
