import {
  annotations,
  fieldManagers,
  type ClusterReason,
  type EventReason,
  type OllamaCluster,
  type OllamaClusterStatus,
} from '@ollamamax/api';
import type { TlsMaterial } from '@ollamamax/common';
import { contentHash, desiredContent, type DesiredContent } from '../agents/desired-state.ts';
import type { AgentObserver, AgentReport } from '../agents/observer.ts';
import { indexes, type Caches } from '../caches.ts';
import {
  isConflict,
  isKubeError,
  isNotFound,
  type Clock,
  type KubeClient,
  type KubeObject,
  type Resource,
} from '../kube/index.ts';
import { modelSummary } from '../model/status.ts';
import { holdersOf } from '../model/model-facts.ts';
import { resources } from '../resources.ts';
import {
  ownedBy,
  sameJson,
  type EventRecorder,
  type Failpoints,
  type Reconcile,
  type ReconcileContext,
} from '../runtime/index.ts';
import { Applier, NameConflictError, type Change } from './applier.ts';
import { credentialsOf, readSecrets, ReferenceError } from './credentials.ts';
import { children, optionalResources, type WantedChild } from './desired/children.ts';
import { namesOf, type Child, type DesiredInput } from './desired/child.ts';
import { imageOf } from './desired/pod-template.ts';
import { claimName, statefulSet as statefulSetOf, templateHash } from './desired/stateful-set.ts';
import { isReady, ordinalOf, type Pod } from './objects.ts';
import { podProblem, type PodProblem } from './pod-problems.ts';
import { decideReplicas, decideRollout, type Rollout } from './rollout.ts';
import { gatherScope, type Scope } from './scope.ts';
import { clusterStatus } from './status.ts';
import { decideStorage, type StorageFacts } from './storage.ts';

export interface ClusterReconcilerOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly observer: AgentObserver;
  readonly events: EventRecorder;
  readonly failpoints: Failpoints;
  readonly clock: Clock;
  readonly defaultImage: string;
  readonly defaultPullPolicy: string | undefined;
  readonly clusterDomain: string;
  readonly operatorNamespace: string;
}

/** What a pass has before it changes anything. */
interface Pass extends Scope {
  readonly reports: ReadonlyMap<string, AgentReport>;
  readonly context: ReconcileContext;
}

interface Failure {
  readonly reason: ClusterReason<'Degraded'>;
  readonly message: string;
  /** Undefined: nothing changes until somebody acts; it is looked at again after a while. */
  readonly error: unknown;
}

/** Kinds that may be missing in the API server: asked for directly, for there can be no cache of them. */
const monitoringResources: ReadonlySet<Resource> = new Set([
  resources.serviceMonitor,
  resources.prometheusRule,
]);

const discoveryMs = 60_000;
/** Secrets are not watched: changes are found by looking. */
const secretsMs = 60_000;
const failureMs = 15_000;
const waitingMs = 20_000;
const firstRevision = 2;

const failureOf = (error: unknown): Failure => {
  if (error instanceof NameConflictError)
    return { reason: error.reason, message: error.message, error: undefined };
  if (error instanceof ReferenceError)
    return { reason: error.reason, message: error.message, error: undefined };
  const message = error instanceof Error ? error.message : String(error);
  return { reason: 'ApplyFailed', message: message.slice(0, 1000), error };
};

/** Brings one OllamaCluster to what is asked for. */
export const createClusterReconciler = (options: ClusterReconcilerOptions): Reconcile => {
  const { client, caches, observer, events, failpoints, clock } = options;
  const applier = new Applier(client, failpoints);
  const served = new Map<Resource, { readonly known: boolean; readonly at: number }>();
  const uids = new Map<string, string>();
  /** What was written last, by uid: a cache may not have it yet, and a revision must never stand for two contents. */
  const given = new Map<string, NonNullable<OllamaClusterStatus['desiredState']>>();

  const isServed = async (resource: Resource, signal: AbortSignal): Promise<boolean> => {
    if (!monitoringResources.has(resource)) return true;
    const before = served.get(resource);
    if (before !== undefined && clock.monotonic() - before.at < discoveryMs) return before.known;
    const known = await client.hasResource(resource.apiVersion, resource.plural, { signal });
    served.set(resource, { known, at: clock.monotonic() });
    return known;
  };

  const tell = (
    cluster: OllamaCluster,
    type: 'Normal' | 'Warning',
    reason: EventReason,
    note: string,
  ): void => events.record(cluster as unknown as KubeObject, { type, reason, note });

  const note = (cluster: OllamaCluster, child: KubeObject, change: Change): void => {
    const what = `${child.kind} ${child.metadata.name ?? ''}`;
    if (change === 'reverted')
      tell(cluster, 'Warning', 'DriftReverted', `${what} was changed by somebody; it is set back.`);
    if (change === 'created') tell(cluster, 'Normal', 'Created', `${what} was made.`);
  };

  const apply = async (
    { cluster, context }: Pass,
    resource: Resource,
    object: Child,
    live: KubeObject | undefined,
  ): Promise<KubeObject> => {
    const { change, object: applied } = await applier.apply(
      resource,
      object,
      live,
      cluster.metadata.uid,
      context.signal,
    );
    if (change !== 'none')
      context.log.debug('Applied', { kind: resource.kind, name: object.metadata.name, change });
    note(cluster, object, change);
    return applied;
  };

  const liveOf = (resource: Resource, object: Child): KubeObject | undefined =>
    caches.children
      .get(resource.kind)
      ?.get(`${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`);

  const prune = async (pass: Pass, wanted: readonly WantedChild[]): Promise<void> => {
    const { cluster, key, context } = pass;
    const names = new Set(
      wanted.map(({ resource, object }) => `${resource.kind}/${object.metadata.name ?? ''}`),
    );
    for (const resource of optionalResources) {
      if (!(await isServed(resource, context.signal))) continue;
      const present = monitoringResources.has(resource)
        ? await monitoringObject(pass, resource)
        : (caches.children.get(resource.kind)?.byIndex(indexes.cluster, key) ?? []);
      for (const object of present) {
        const { name = '', namespace, uid } = object.metadata;
        if (names.has(`${resource.kind}/${name}`) || !ownedBy(object, cluster.metadata.uid)) continue;
        await failpoints.hit(`before prune ${resource.kind}`);
        await client
          .delete(resource, { name, namespace }, { uid, signal: context.signal })
          .catch((error: unknown) => {
            if (!isNotFound(error)) throw error;
          });
        tell(cluster, 'Normal', 'Pruned', `${resource.kind} ${name} is no longer needed and was deleted.`);
      }
    }
  };

  const monitoringObject = async (
    { cluster, context }: Pass,
    resource: Resource,
  ): Promise<readonly KubeObject[]> => {
    try {
      const { namespace } = cluster.metadata;
      const name = namesOf(cluster).serviceMonitor;
      return [await client.get(resource, { name, namespace }, { signal: context.signal })];
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  };

  const applyStorage = async (
    { cluster, statefulSet, context }: Pass,
    storage: StorageFacts,
  ): Promise<void> => {
    for (const claim of storage.grow)
      await client.mergePatch(
        resources.claim,
        { name: claim.metadata.name ?? '', namespace: claim.metadata.namespace },
        { spec: { resources: { requests: { storage: String(cluster.spec.storage.size) } } } },
        { fieldManager: fieldManagers.cluster, signal: context.signal },
      );
    if (!storage.recreate || statefulSet === undefined) return;
    // Its template of claims cannot be changed. Without its pods: they go on and belong to the new one.
    await client.delete(
      resources.statefulSet,
      { name: statefulSet.metadata.name ?? '', namespace: statefulSet.metadata.namespace },
      { uid: statefulSet.metadata.uid, propagation: 'Orphan', signal: context.signal },
    );
    throw new Error('The StatefulSet is made anew for larger volumes.');
  };

  const problemOf = (pass: Pass, pod: Pod, nowMs: number): PodProblem | undefined =>
    podProblem(
      pod,
      pass.claims.find(({ metadata }) => metadata.name === claimName(pod.metadata.name ?? '')),
      nowMs,
    );

  const rolloutOf = (pass: Pass, hash: string, replicas: number): Rollout => {
    const nowMs = clock.now();
    const broken = new Set(
      pass.pods
        .filter((pod) => problemOf(pass, pod, nowMs) !== undefined)
        .map(({ metadata }) => metadata.name ?? ''),
    );
    return decideRollout({
      statefulSet: pass.statefulSet,
      templateHash: hash,
      replicas,
      pods: pass.pods,
      broken,
      wouldLose: (agent) =>
        pass.plans.flatMap(({ spec }) => {
          if (spec === undefined) return [];
          // A model that can have one copy only is away while that agent restarts, whatever we wait for.
          const able = (spec.agents ?? []).filter((name) => name === agent || !broken.has(name));
          if (Math.min(spec.replicas ?? 1, able.length) < 2) return [];
          const holders = holdersOf(spec.name, pass.reports, pass.readyAgents);
          return holders.includes(agent) && holders.length === 1 ? [spec.name] : [];
        }),
    });
  };

  const replicasOf = (pass: Pass): number => {
    const ordinals = new Map(pass.pods.map((pod) => [pod.metadata.name ?? '', ordinalOf(pod) ?? 0]));
    return decideReplicas(pass.statefulSet?.spec?.replicas, pass.cluster.spec.replicas, (below) =>
      pass.plans.every(({ spec }) => {
        if (spec === undefined) return true;
        const holders = holdersOf(spec.name, pass.reports, pass.readyAgents);
        return holders.length === 0 || holders.some((name) => (ordinals.get(name) ?? 0) < below);
      }),
    );
  };

  interface Brought {
    readonly rollout: Rollout;
    readonly replicasNow: number;
    readonly operator: TlsMaterial;
  }

  /** The writes of a pass, in their order. */
  const bringAbout = async (pass: Pass, storage: StorageFacts): Promise<Brought> => {
    const { cluster, statefulSet, context } = pass;
    const { signal } = context;
    const replicas = replicasOf(pass);
    const secretsNow = await readSecrets(client, cluster, signal);
    const credentials = await credentialsOf(
      cluster,
      secretsNow,
      Math.max(replicas, statefulSet?.spec?.replicas ?? 0),
      clock.now(),
    );
    const liveSecrets = new Map(
      Object.values(secretsNow).flatMap((secret) =>
        secret === undefined ? [] : [[secret.metadata.name, secret] as const],
      ),
    );
    for (const secret of credentials.secrets)
      await apply(pass, resources.secret, secret, liveSecrets.get(secret.metadata.name));

    const input: DesiredInput = {
      cluster,
      defaultImage: options.defaultImage,
      defaultPullPolicy: options.defaultPullPolicy,
      clusterDomain: options.clusterDomain,
      operatorNamespace: options.operatorNamespace,
      modelClaims: [...new Set(pass.models.flatMap(({ spec }) => spec.source.pvc?.claimName ?? []))].sort(),
      certificateEpoch: credentials.epoch,
      replicas,
    };
    const known = new Map<Resource, boolean>();
    for (const resource of monitoringResources) known.set(resource, await isServed(resource, signal));
    const wanted = children(input, (resource) => known.get(resource) ?? true);
    for (const { resource, object } of wanted) await apply(pass, resource, object, liveOf(resource, object));
    await prune(pass, wanted);
    await applyStorage(pass, storage);

    const hash = templateHash(input);
    const rollout = rolloutOf(pass, hash, replicas);
    const before = statefulSet?.spec?.replicas;
    const applied = await apply(
      pass,
      resources.statefulSet,
      statefulSetOf(input, rollout.partition),
      statefulSet,
    );
    if (before !== undefined && before !== replicas)
      tell(
        cluster,
        'Normal',
        before < replicas ? 'ScalingUp' : 'ScalingDown',
        `${before} agents become ${replicas}.`,
      );
    if (
      statefulSet !== undefined &&
      rollout.partition === replicas &&
      applied.metadata.generation !== statefulSet.metadata.generation
    )
      tell(cluster, 'Normal', 'RollingOut', 'The agents are restarted one by one with a new template.');
    return { rollout, replicasNow: replicas, operator: credentials.operator };
  };

  /** Which revision the content has: a new one when it differs from what was given before, or agents know better. */
  const revisionOf = (
    pass: Pass,
    content: DesiredContent,
  ): NonNullable<OllamaClusterStatus['desiredState']> => {
    const hash = contentHash(content);
    const cachedState = pass.cluster.status?.desiredState;
    const written = given.get(pass.cluster.metadata.uid);
    const before =
      written !== undefined && written.revision >= (cachedState?.revision ?? 0) ? written : cachedState;
    const reported = [...pass.reports.values()].flatMap(({ status }) =>
      status === undefined ? [] : [status],
    );
    const newest = Math.max(
      firstRevision - 1,
      before?.revision ?? 0,
      ...reported.map((s) => s.catalogRevision),
    );
    const disagree = reported.some(
      (status) =>
        status.catalogRevision > (before?.revision ?? 0) ||
        (status.catalogRevision === before?.revision &&
          status.catalogHash !== undefined &&
          status.catalogHash !== before.hash),
    );
    if (before !== undefined && before.hash === hash && !disagree) return before;
    return { revision: newest + 1, hash };
  };

  const writeStatus = async (
    cluster: OllamaCluster,
    status: OllamaClusterStatus,
    signal: AbortSignal,
  ): Promise<void> => {
    if (sameJson(cluster.status, status)) return;
    await failpoints.hit('before status OllamaCluster');
    const { name, namespace } = cluster.metadata;
    await client.serverSideApply(
      resources.cluster,
      {
        apiVersion: cluster.apiVersion,
        kind: cluster.kind,
        metadata: { name, namespace },
        status,
      } as KubeObject,
      { fieldManager: fieldManagers.clusterStatus, subresource: 'status', force: true, signal },
    );
    await failpoints.hit('after status OllamaCluster');
  };

  const announce = (cluster: OllamaCluster, status: OllamaClusterStatus): void => {
    const find = (from: OllamaClusterStatus | undefined, type: string) =>
      from?.conditions?.find((condition) => condition.type === type);
    const was = (type: string) => find(cluster.status, type);
    const is = (type: string) => find(status, type);
    const degraded = is('Degraded');
    if (degraded?.status === 'True' && was('Degraded')?.reason !== degraded.reason)
      tell(
        cluster,
        'Warning',
        degraded.reason === 'NameConflict' ? 'NameConflict' : 'Degraded',
        `${degraded.reason}: ${degraded.message}`,
      );
    if (degraded?.status === 'False' && was('Degraded')?.status === 'True')
      tell(cluster, 'Normal', 'Recovered', 'Nothing needs attention any more.');
    if (is('Available')?.status === 'True' && was('Available')?.status !== 'True')
      tell(cluster, 'Normal', 'Available', is('Available')?.message ?? '');
    const rolled = was('Progressing')?.reason;
    if ((rolled === 'RollingOut' || rolled === 'RolloutBlocked') && is('Progressing')?.reason === 'Settled')
      tell(cluster, 'Normal', 'RolledOut', 'All agents run the new template.');
    if (is('Paused')?.status === 'True' && was('Paused')?.status !== 'True')
      tell(cluster, 'Normal', 'Paused', is('Paused')?.message ?? '');
  };

  return async (key, context) => {
    const cluster = caches.clusters.get(key);
    if (cluster === undefined) {
      observer.forget(key);
      const uid = uids.get(key);
      if (uid !== undefined) {
        applier.forget(uid);
        given.delete(uid);
      }
      uids.delete(key);
      return undefined;
    }
    uids.set(key, cluster.metadata.uid);
    if (cluster.metadata.deletionTimestamp !== undefined) {
      // Garbage collection does the rest: everything belongs to it.
      observer.forget(key);
      return undefined;
    }
    const pass: Pass = { ...gatherScope(caches, cluster), reports: observer.reports(key), context };
    const storage = decideStorage({
      cluster,
      statefulSet: pass.statefulSet,
      pods: pass.pods,
      claims: pass.claims,
      classes: caches.storageClasses?.list(),
    });
    const paused = cluster.metadata.annotations?.[annotations.paused] === 'true';
    const content = desiredContent(cluster, pass.plans);
    let brought: Brought | undefined;
    let failure: Failure | undefined;
    if (!paused)
      try {
        brought = await bringAbout(pass, storage);
      } catch (error) {
        // From fresh state at once: says nothing of the cluster.
        if (isConflict(error) || context.signal.aborted) throw error;
        failure = failureOf(error);
        context.log.warn('Not brought about', { reason: failure.reason, detail: failure.message });
      }
    const desiredState = paused ? cluster.status?.desiredState : revisionOf(pass, content);
    const nowMs = clock.now();
    const status = clusterStatus({
      cluster,
      statefulSet: pass.statefulSet,
      pods: pass.pods,
      podProblems: pass.pods.flatMap((pod) => problemOf(pass, pod, nowMs) ?? []),
      reports: pass.reports,
      storage,
      rollout: brought?.rollout ?? { kind: 'settled', partition: 0 },
      replicasNow: brought?.replicasNow ?? cluster.spec.replicas,
      models: modelSummary(pass.plans, pass.reports, pass.readyAgents),
      failure,
      desiredState,
      image: imageOf({ cluster, defaultImage: options.defaultImage } as DesiredInput),
      paused,
      nowMs,
    });
    await writeStatus(cluster, status, context.signal);
    if (desiredState !== undefined) given.set(cluster.metadata.uid, desiredState);
    announce(cluster, status);

    // After the status: a revision that was given away must never be given to other content.
    if (brought !== undefined && desiredState !== undefined)
      observer.watch(key, {
        cluster: cluster.metadata.name,
        tls: brought.operator,
        agents: pass.pods.flatMap(({ metadata, status: of }) =>
          of?.podIP === undefined || metadata.deletionTimestamp !== undefined
            ? []
            : [{ name: metadata.name ?? '', ip: of.podIP }],
        ),
        wanted: { revision: desiredState.revision, models: [...content.models], settings: content.settings },
      });

    if (failure?.error !== undefined) {
      if (isKubeError(failure.error) && failure.error.code >= 400 && failure.error.code < 500)
        return { requeueAfterMs: failureMs };
      throw failure.error;
    }
    if (failure !== undefined) return { requeueAfterMs: failureMs };
    const waiting = pass.pods.some((pod) => !isReady(pod));
    return { requeueAfterMs: waiting ? waitingMs : secretsMs };
  };
};
