import { createHash } from 'node:crypto';
import { agentName, fieldManagers, type EventReason, type OllamaCluster } from '@ollamamax/api';
import type { TlsMaterial } from '@ollamamax/common';
import { claimsOf } from '../agents/desired-state.ts';
import type { Caches } from '../caches.ts';
import type { Clock, KubeClient, KubeObject } from '../kube/index.ts';
import { holdersOf } from '../model/model-facts.ts';
import { resources } from '../resources.ts';
import type { EventRecorder } from '../runtime/index.ts';
import type { ChildWriter } from './child-writer.ts';
import { credentialsOf, operatorIdentityOf } from './credentials.ts';
import { namesOf, type DesiredInput } from './desired/child.ts';
import { configHash, earlierConfigs } from './desired/config-map.ts';
import { claimSize, statefulSet as statefulSetOf, templateHash } from './desired/stateful-set.ts';
import { ordinalOf, revisionLabel } from './objects.ts';
import { absentAgents, letGo, readyMsOf, unheardAgents, type Pass } from './pass.ts';
import { problemOf } from './pod-problems.ts';
import { guardRoll, type Guard } from './roll-guard.ts';
import { decideRollout, type Rollout } from './rollout.ts';
import { decideScale, type ScaleDecision } from './scale-down.ts';
import type { SecretKeeper } from './secret-keeper.ts';
import type { StorageFacts } from './storage.ts';

export interface BringAboutOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly writer: ChildWriter;
  readonly secrets: SecretKeeper;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly defaultImage: string;
  readonly defaultPullPolicy: string | undefined;
  readonly clusterDomain: string;
  readonly operatorNamespace: string;
}

/** How far a pass has got. */
export interface Progress {
  /** As which the operator speaks to the agents; undefined while there is no such certificate. */
  operator: TlsMaterial | undefined;
  /** Undefined while nothing is decided. */
  rollout: Rollout | undefined;
  /** Agents there should be at this moment of a scale-down, and what it takes to have fewer. */
  scale: ScaleDecision | undefined;
  /** Secrets that are needed. */
  secrets: readonly KubeObject[];
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** The writes of a pass, in their order. */
export class Bringer {
  readonly #options: BringAboutOptions;

  constructor(options: BringAboutOptions) {
    this.#options = options;
  }

  /** As which the operator speaks to the agents, from what is there: writes nothing. */
  async identify({ cluster, context }: Pass): Promise<TlsMaterial | undefined> {
    return operatorIdentityOf(cluster, await this.#options.secrets.read(cluster, context.signal));
  }

  /**
   * @param progress filled in on the way, so that it is known also when something fails
   * @throws NameConflictError, StillLeavingError, ReferenceError, KubeError
   */
  async run(pass: Pass, storage: StorageFacts, progress: Progress): Promise<void> {
    const { clock, secrets, writer, clusterDomain } = this.#options;
    const { cluster, statefulSet, context } = pass;
    const current = this.#currentReplicas(pass);
    const scale = this.#scaleOf(pass, current);
    const { replicas } = scale;
    progress.scale = scale;
    const secretsNow = await secrets.read(cluster, context.signal);
    progress.operator = operatorIdentityOf(cluster, secretsNow);
    const needed = Math.max(replicas, current ?? 0);
    const credentials = await credentialsOf(cluster, secretsNow, needed, clock.now(), clusterDomain);
    progress.secrets = credentials.secrets;
    const liveSecrets = new Map<string | undefined, KubeObject>();
    for (const secret of Object.values(secretsNow) as (KubeObject | undefined)[])
      if (secret !== undefined) liveSecrets.set(secret.metadata.name, secret);
    for (const secret of credentials.secrets) {
      const live = liveSecrets.get(secret.metadata.name) ?? null;
      const { changed } = await writer.apply(pass, resources.secret, secret, live);
      if (changed) secrets.expire(cluster.metadata.uid);
    }
    progress.operator = credentials.operator;

    const asked: DesiredInput = {
      cluster,
      defaultImage: this.#options.defaultImage,
      defaultPullPolicy: this.#options.defaultPullPolicy,
      operatorNamespace: this.#options.operatorNamespace,
      modelClaims: [...new Set(pass.models.flatMap(claimsOf))].sort(),
      certificateEpoch: credentials.epoch,
      clusterDomain,
      earlierConfigs: {},
      digest,
      replicas,
    };
    const input = { ...asked, earlierConfigs: this.#earlierConfigs(pass, configHash(asked)) };
    await writer.applyAll(pass, input);
    await this.#growVolumes(pass, storage);
    if (storage.recreate || statefulSet?.metadata.deletionTimestamp !== undefined) {
      await this.#removeStatefulSet(pass);
      progress.rollout = {
        kind: 'blocked',
        partition: replicas,
        updated: 0,
        why: 'the StatefulSet is being made anew, without its pods',
      };
      return;
    }
    progress.rollout = await this.#applyStatefulSet(pass, input, current, scale.call !== undefined);
  }

  #earlierConfigs({ cluster, statefulSet, pods }: Pass, hash: string): DesiredInput['earlierConfigs'] {
    const { namespace } = cluster.metadata;
    const live = this.#options.caches.children
      .get(resources.configMap.kind)
      ?.get(`${namespace}/${namesOf(cluster).config}`) as
      (KubeObject & { readonly data?: Readonly<Record<string, string>> }) | undefined;
    return earlierConfigs(hash, live?.data ?? {}, statefulSet, pods);
  }

  async #applyStatefulSet(
    pass: Pass,
    input: DesiredInput,
    current: number | undefined,
    removing: boolean,
  ): Promise<Rollout> {
    const { cluster, statefulSet } = pass;
    const { replicas } = input;
    const rollout = this.#rolloutOf(pass, templateHash(input), replicas, removing);
    const { object: applied } = await this.#options.writer.apply(
      pass,
      resources.statefulSet,
      statefulSetOf(input, rollout.partition, claimSize(statefulSet)),
      statefulSet,
    );
    if (current !== undefined && current !== replicas)
      this.#tell(
        cluster,
        current < replicas ? 'ScalingUp' : 'ScalingDown',
        `${current} agents become ${replicas}.`,
      );
    if (
      statefulSet !== undefined &&
      rollout.partition === replicas &&
      applied.metadata.generation !== statefulSet.metadata.generation
    )
      this.#tell(cluster, 'RollingOut', 'The agents are restarted one by one with a new template.');
    return rollout;
  }

  async #growVolumes({ cluster, context }: Pass, storage: StorageFacts): Promise<void> {
    for (const claim of storage.grow)
      await this.#options.client.mergePatch(
        resources.claim,
        { name: claim.metadata.name ?? '', namespace: claim.metadata.namespace },
        { spec: { resources: { requests: { storage: String(cluster.spec.storage.size) } } } },
        { fieldManager: fieldManagers.cluster, signal: context.signal },
      );
  }

  /** Its template of claims cannot be changed. The pods go on without it, and the next one takes them up. */
  async #removeStatefulSet({ statefulSet, context }: Pass): Promise<void> {
    if (statefulSet === undefined || statefulSet.metadata.deletionTimestamp !== undefined) return;
    await this.#options.client.delete(
      resources.statefulSet,
      { name: statefulSet.metadata.name ?? '', namespace: statefulSet.metadata.namespace },
      { uid: statefulSet.metadata.uid, propagation: 'Orphan', signal: context.signal },
    );
  }

  /** As many as the StatefulSet says, or as there are while it is being made anew. */
  #currentReplicas({ statefulSet, pods }: Pass): number | undefined {
    if (statefulSet !== undefined) return statefulSet.spec?.replicas;
    return pods.length === 0 ? undefined : Math.max(...pods.map((pod) => ordinalOf(pod) ?? 0)) + 1;
  }

  #scaleOf(pass: Pass, current: number | undefined): ScaleDecision {
    const { cluster, statefulSet, pods, group, reports } = pass;
    const ordinals = new Map(pods.map((pod) => [pod.metadata.name ?? '', ordinalOf(pod) ?? 0]));
    const unheard = unheardAgents(pass);
    return decideScale({
      current,
      wanted: cluster.spec.replicas,
      servedElsewhere: (below) =>
        unheard.length === 0 &&
        pass.plans.every(({ spec }) => {
          if (spec === undefined) return true;
          const holders = holdersOf(spec.name, reports, pass.readyAgents);
          return holders.length === 0 || holders.some((name) => (ordinals.get(name) ?? 0) < below);
        }),
      agentOf: (ordinal) => agentName(cluster.metadata.name, ordinal),
      group,
      reports,
      present: new Set(ordinals.keys()),
      absent: absentAgents(pass),
      letGo: letGo(pass),
      settled:
        statefulSet !== undefined &&
        statefulSet.status?.observedGeneration === statefulSet.metadata.generation,
    });
  }

  #guardOf(pass: Pass, replicas: number, broken: ReadonlySet<string>, removing: boolean) {
    const { pods, statefulSet, cluster } = pass;
    const revision = statefulSet?.status?.updateRevision;
    const namesOf = (isUpdated: boolean): readonly string[] =>
      pods
        .filter(({ metadata }) => (metadata.labels?.[revisionLabel] === revision) === isUpdated)
        .map(({ metadata }) => metadata.name ?? '');
    const [updated, old] = [namesOf(true), namesOf(false)];
    const readyMs = readyMsOf(pass, this.#options.clock.now());
    return (agent: string): Guard =>
      guardRoll({
        group: pass.group,
        agent,
        replicas,
        isToGo: pods.some(
          (pod) => pod.metadata.name === agent && (ordinalOf(pod) ?? 0) >= cluster.spec.replicas,
        ),
        updated,
        broken: new Set(old.filter((name) => broken.has(name))),
        absent: absentAgents(pass),
        busy: removing || pass.calling || pods.some((pod) => (ordinalOf(pod) ?? 0) >= replicas),
        ephemeral: cluster.spec.storage.ephemeral,
        readyMs,
        leaderlessMs: pass.leaderlessMs,
      });
  }

  #rolloutOf(pass: Pass, hash: string, replicas: number, removing: boolean): Rollout {
    const nowMs = this.#options.clock.now();
    const broken = new Set(
      pass.pods
        .filter((pod) => {
          // No template brings back a node, and one that is back has its agent.
          const reason = problemOf(pod, pass, nowMs)?.reason;
          return reason !== undefined && reason !== 'NodeLost';
        })
        .map(({ metadata }) => metadata.name ?? ''),
    );
    return decideRollout({
      statefulSet: pass.statefulSet,
      templateHash: hash,
      replicas,
      pods: pass.pods,
      broken,
      unheard: unheardAgents(pass),
      guard: this.#guardOf(pass, replicas, broken, removing),
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
  }

  #tell(cluster: OllamaCluster, reason: EventReason, note: string): void {
    this.#options.events.record(cluster, { type: 'Normal', reason, note });
  }
}
