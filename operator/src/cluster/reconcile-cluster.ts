import { createHash } from 'node:crypto';
import {
  annotations,
  fieldManagers,
  type ClusterReason,
  type EventReason,
  type OllamaCluster,
  type OllamaClusterStatus,
} from '@ollamamax/api';
import type { TlsMaterial } from '@ollamamax/common';
import { contentHash, desiredContent } from '../agents/desired-state.ts';
import type { AgentObserver, AgentReport } from '../agents/observer.ts';
import type { Caches } from '../caches.ts';
import { isConflict, isKubeError, type Clock, type KubeClient, type KubeObject } from '../kube/index.ts';
import { modelSummary } from '../model/status.ts';
import { holdersOf } from '../model/model-facts.ts';
import { resources } from '../resources.ts';
import {
  sameJson,
  type EventRecorder,
  type Failpoints,
  type Reconcile,
  type ReconcileContext,
} from '../runtime/index.ts';
import { NameConflictError } from './applier.ts';
import { ChildWriter } from './child-writer.ts';
import { credentialsOf, readSecrets, ReferenceError, type SecretsNow } from './credentials.ts';
import type { DesiredInput } from './desired/child.ts';
import { imageOf } from './desired/pod-template.ts';
import { claimName, statefulSet as statefulSetOf, templateHash } from './desired/stateful-set.ts';
import { isReady, ordinalOf, type Pod } from './objects.ts';
import { podProblem, type PodProblem } from './pod-problems.ts';
import { decideRevision } from './revision.ts';
import { decideReplicas, decideRollout, type Rollout } from './rollout.ts';
import { gatherScope, type Scope } from './scope.ts';
import { clusterStatus } from './status.ts';
import { clusterTransitions } from './transitions.ts';
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
  readonly error: Error | undefined;
}

/** Secrets are not watched: changes are found by looking, this often, and not more often than that. */
const secretsMs = 60_000;
const freshMs = 15_000;
const failureMs = 15_000;
const waitingMs = 20_000;

const failureOf = (error: unknown): Failure => {
  if (error instanceof NameConflictError)
    return { reason: error.reason, message: error.message, error: undefined };
  if (error instanceof ReferenceError)
    return { reason: error.reason, message: error.message, error: undefined };
  const unexpected = error instanceof Error ? error : new Error(String(error));
  return { reason: 'ApplyFailed', message: unexpected.message.slice(0, 1000), error: unexpected };
};

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Brings one OllamaCluster to what is asked for. */
export const createClusterReconciler = (options: ClusterReconcilerOptions): Reconcile => {
  const { client, caches, observer, events, failpoints, clock } = options;
  const writer = new ChildWriter(options);
  const knownSecrets = new Map<
    string,
    { readonly secrets: SecretsNow; readonly wish: string; readonly at: number }
  >();
  const uids = new Map<string, string>();
  /** What was written last, by uid: a cache may not have it yet, and a revision must never stand for two contents. */
  const given = new Map<string, NonNullable<OllamaClusterStatus['desiredState']>>();

  /** Read by name, but not in each of the many passes of a roll: again after a while, or when somebody asks for something. */
  const secretsOf = async ({ cluster, context }: Pass): Promise<SecretsNow> => {
    const { uid, generation, annotations: notes } = cluster.metadata;
    const wish = JSON.stringify([generation, notes]);
    const known = knownSecrets.get(uid);
    const now = clock.monotonic();
    if (known?.wish === wish && now - known.at < freshMs) return known.secrets;
    const secrets = await readSecrets(client, cluster, context.signal);
    knownSecrets.set(uid, { secrets, wish, at: now });
    return secrets;
  };

  const tell = (cluster: OllamaCluster, reason: EventReason, note: string): void =>
    events.record(cluster, { type: 'Normal', reason, note });

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
    const { cluster, statefulSet } = pass;
    const replicas = replicasOf(pass);
    const secretsNow = await secretsOf(pass);
    const credentials = await credentialsOf(
      cluster,
      secretsNow,
      Math.max(replicas, statefulSet?.spec?.replicas ?? 0),
      clock.now(),
    );
    const liveSecrets = new Map<string | undefined, KubeObject>();
    for (const secret of Object.values(secretsNow) as (KubeObject | undefined)[])
      if (secret !== undefined) liveSecrets.set(secret.metadata.name, secret);
    for (const secret of credentials.secrets) {
      const live = liveSecrets.get(secret.metadata.name) ?? null;
      const { changed } = await writer.apply(pass, resources.secret, secret, live);
      if (changed) knownSecrets.delete(cluster.metadata.uid);
    }

    const input: DesiredInput = {
      cluster,
      defaultImage: options.defaultImage,
      defaultPullPolicy: options.defaultPullPolicy,
      clusterDomain: options.clusterDomain,
      operatorNamespace: options.operatorNamespace,
      modelClaims: [...new Set(pass.models.flatMap(({ spec }) => spec.source.pvc?.claimName ?? []))].sort(),
      certificateEpoch: credentials.epoch,
      digest,
      replicas,
    };
    await writer.applyAll(pass, input);
    await applyStorage(pass, storage);

    const hash = templateHash(input);
    const rollout = rolloutOf(pass, hash, replicas);
    const before = statefulSet?.spec?.replicas;
    const { object: applied } = await writer.apply(
      pass,
      resources.statefulSet,
      statefulSetOf(input, rollout.partition),
      statefulSet,
    );
    if (before !== undefined && before !== replicas)
      tell(cluster, before < replicas ? 'ScalingUp' : 'ScalingDown', `${before} agents become ${replicas}.`);
    if (
      statefulSet !== undefined &&
      rollout.partition === replicas &&
      applied.metadata.generation !== statefulSet.metadata.generation
    )
      tell(cluster, 'RollingOut', 'The agents are restarted one by one with a new template.');
    return { rollout, replicasNow: replicas, operator: credentials.operator };
  };

  const revisionOf = (
    { cluster, reports }: Pass,
    hash: string,
  ): NonNullable<OllamaClusterStatus['desiredState']> => {
    const cached = cluster.status?.desiredState;
    const written = given.get(cluster.metadata.uid);
    const before = written !== undefined && written.revision >= (cached?.revision ?? 0) ? written : cached;
    return decideRevision(
      hash,
      before,
      [...reports.values()].flatMap(({ status }) => (status === undefined ? [] : [status])),
    );
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

  return async (key, context) => {
    const cluster = caches.clusters.get(key);
    if (cluster === undefined) {
      observer.forget(key);
      const uid = uids.get(key);
      if (uid !== undefined) {
        writer.forget(uid);
        given.delete(uid);
        knownSecrets.delete(uid);
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
        knownSecrets.delete(cluster.metadata.uid);
        context.log.warn('Not brought about', { reason: failure.reason, detail: failure.message });
      }
    const desiredState = paused ? cluster.status?.desiredState : revisionOf(pass, contentHash(content));
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
    for (const transition of clusterTransitions(cluster.status, status)) events.record(cluster, transition);

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
