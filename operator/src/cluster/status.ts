import {
  clusterConditions,
  ports,
  type ClusterConditionType,
  type ClusterPhase,
  type ClusterReason,
  type OllamaCluster,
  type OllamaClusterStatus,
} from '@ollamamax/api';
import type { AgentReport } from '../agents/report.ts';
import { mergeConditions, type Condition, type ConditionFacts } from '../runtime/index.ts';
import { namesOf, selectorText } from './desired/child.ts';
import { servesHttps } from './desired/config-map.ts';
import type { GroupStep } from './group-step.ts';
import type { GroupView } from './group-view.ts';
import { byOrdinal, isReady, ordinalOf, revisionLabel, type Pod, type StatefulSet } from './objects.ts';
import type { PodProblem } from './pod-problems.ts';
import { judgeQuorum } from './quorum.ts';
import type { Rollout } from './rollout.ts';
import type { StorageFacts } from './storage.ts';

/** Everything that a pass has found out about a cluster. */
export interface ClusterFacts {
  readonly cluster: OllamaCluster;
  readonly statefulSet: StatefulSet | undefined;
  readonly pods: readonly Pod[];
  readonly podProblems: readonly PodProblem[];
  readonly reports: ReadonlyMap<string, AgentReport>;
  readonly storage: StorageFacts;
  /** Undefined when nothing was decided: then it is as before. */
  readonly rollout: Rollout | undefined;
  /** Agents there should be at this moment of a scale-down. */
  readonly replicasNow: number;
  /** Why a scale-down does not go on; undefined while it does. */
  readonly scaleBlocked: string | undefined;
  readonly group: GroupView;
  readonly step: GroupStep;
  /** What is written down of the group. */
  readonly consensus: OllamaClusterStatus['consensus'];
  /** Milliseconds without a leader. */
  readonly leaderlessMs: number;
  /** Undefined while agents are yet to be heard: then it is as before. */
  readonly models: { readonly total: number; readonly ready: number; readonly failed: number } | undefined;
  /** What stopped the pass, if anything. */
  readonly failure: { readonly reason: ClusterReason<'Degraded'>; readonly message: string } | undefined;
  readonly desiredState: OllamaClusterStatus['desiredState'];
  readonly image: string;
  readonly paused: boolean;
  readonly nowMs: number;
}

type Facts<T extends ClusterConditionType> = {
  readonly status: Condition['status'];
  readonly reason: ClusterReason<T>;
  readonly message: string;
};

/** An agent that is silent for less than that is still believed to be what it last was. */
const patienceMs = 30_000;

const many = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** The verb that goes with a number. */
const are = (count: number): string => (count === 1 ? 'is' : 'are');

const available = (facts: ClusterFacts, ready: number): Facts<'Available'> => {
  if (ready > 0)
    return {
      status: 'True',
      reason: 'AgentsServing',
      message: `${ready} of ${many(facts.cluster.spec.replicas, 'agent')} ${facts.cluster.spec.replicas === 1 ? 'serves' : 'serve'}.`,
    };
  const before = facts.cluster.status?.conditions?.find(({ type }) => type === 'Available');
  return before?.status === 'True' || before?.reason === 'NoAgentReady'
    ? { status: 'False', reason: 'NoAgentReady', message: 'No agent is ready.' }
    : { status: 'False', reason: 'Starting', message: 'No agent has become ready yet.' };
};

const progressing = (facts: ClusterFacts, ready: number): Facts<'Progressing'> => {
  const { cluster, statefulSet, rollout, replicasNow, pods } = facts;
  const { replicas } = cluster.spec;
  const present = pods.length;
  const before = cluster.status?.conditions?.find(({ type }) => type === 'Available');
  const everServed = before?.status === 'True' || before?.reason === 'NoAgentReady';
  if (statefulSet === undefined || (!everServed && ready < replicas))
    return {
      status: 'True',
      reason: 'Starting',
      message: `${ready} of ${many(replicas, 'agent')} ${are(replicas)} ready.`,
    };
  if (facts.scaleBlocked !== undefined && replicasNow > replicas)
    return {
      status: 'True',
      reason: 'ScaleDownBlocked',
      message: `${many(replicasNow, 'agent')} ${are(replicasNow)} to become ${replicas}; ${facts.scaleBlocked}.`,
    };
  if (replicasNow > replicas || present > replicas)
    return {
      status: 'True',
      reason: 'ScalingDown',
      message: `${present} agents are to become ${replicas}.`,
    };
  const earlier = cluster.status?.conditions?.find(({ type }) => type === 'Progressing');
  if (rollout === undefined && (earlier?.reason === 'RollingOut' || earlier?.reason === 'RolloutBlocked'))
    return { status: 'True', reason: earlier.reason, message: earlier.message };
  if (rollout?.kind === 'blocked')
    return {
      status: 'True',
      reason: 'RolloutBlocked',
      message: `${rollout.updated} of ${many(replicas, 'agent')} have the new template; ${rollout.why}.`,
    };
  if (rollout?.kind === 'rolling')
    return {
      status: 'True',
      reason: 'RollingOut',
      message: `${rollout.updated} of ${many(replicas, 'agent')} have the new template.`,
    };
  if (present < replicas)
    return {
      status: 'True',
      reason: 'ScalingUp',
      message: `${present} agents are to become ${replicas}.`,
    };
  if (ready < replicas)
    return {
      status: 'True',
      reason: 'Restarting',
      message: `${ready} of ${many(replicas, 'agent')} ${are(replicas)} ready.`,
    };
  return { status: 'False', reason: 'Settled', message: 'Nothing is being changed.' };
};

const agentProblem = (facts: ClusterFacts): Facts<'Degraded'> | undefined => {
  for (const pod of [...facts.pods].sort(byOrdinal)) {
    const name = pod.metadata.name ?? '';
    const report = facts.reports.get(name);
    const consensus = facts.group.answers.get(name)?.consensus;
    const message = `${name}: ${consensus?.problem?.message ?? 'it does not say why.'}`;
    if (consensus?.state === 'refused') return { status: 'True', reason: 'MemberRefused', message };
    if (consensus?.state === 'failed') return { status: 'True', reason: 'MemberFailed', message };
    const isToStay = facts.rollout?.kind === 'settled' && facts.replicasNow === facts.cluster.spec.replicas;
    if (consensus?.state === 'left' && isToStay && (ordinalOf(pod) ?? 0) < facts.replicasNow)
      return {
        status: 'True',
        reason: 'MemberLeft',
        message: `${name}: it has left the group of agents; kubectl delete pod ${name} lets it join again.`,
      };
    if (!isReady(pod) || report?.problem === undefined) continue;
    if (report.problem.kind === 'refused')
      return { status: 'True', reason: 'DesiredStateRefused', message: report.problem.message };
    if (report.silentMs > patienceMs)
      return { status: 'True', reason: 'AgentUnreachable', message: report.problem.message };
  }
  return undefined;
};

const degraded = (facts: ClusterFacts): Facts<'Degraded'> => {
  if (facts.failure !== undefined) return { status: 'True', ...facts.failure };
  const [first] = facts.podProblems;
  if (first !== undefined) {
    const others = facts.podProblems.length - 1;
    const sentence = /[.!?]$/.test(first.message) ? first.message : `${first.message}.`;
    const message = others === 0 ? sentence : `${sentence} And ${many(others, 'other agent')}.`;
    return { status: 'True', reason: first.reason, message };
  }
  return (
    agentProblem(facts) ?? { status: 'False', reason: 'AsExpected', message: 'Nothing needs attention.' }
  );
};

const modelsReady = ({ models, cluster }: ClusterFacts): Facts<'ModelsReady'> => {
  const before = cluster.status?.conditions?.find(({ type }) => type === 'ModelsReady');
  if (models === undefined)
    return {
      status: before?.status ?? 'Unknown',
      reason: (before?.reason as ClusterReason<'ModelsReady'> | undefined) ?? 'SomeNotReady',
      message: before?.message ?? 'No agent has been heard yet.',
    };
  const { total, ready, failed } = models;
  if (total === 0)
    return { status: 'True', reason: 'NoModels', message: 'No OllamaModel names this cluster.' };
  const message = `${ready} of ${many(total, 'model')} ${are(total)} ready.`;
  if (failed > 0)
    return { status: 'False', reason: 'SomeFailed', message: `${message} ${many(failed, 'model')} failed.` };
  return ready === total
    ? { status: 'True', reason: 'AllReady', message }
    : { status: 'False', reason: 'SomeNotReady', message };
};

/** A spec that nobody brings about is not ready, however well everything is. */
const waitsForOperator = ({ paused, cluster }: ClusterFacts): boolean =>
  paused && cluster.status?.observedGeneration !== cluster.metadata.generation;

const summary = (
  facts: ClusterFacts,
  parts: Readonly<
    Record<'Available' | 'QuorumReady' | 'StorageReady' | 'Progressing' | 'Degraded', ConditionFacts>
  >,
): Facts<'Ready'> => {
  const no = (reason: ClusterReason<'Ready'>, part: ConditionFacts): Facts<'Ready'> => ({
    status: 'False',
    reason,
    message: part.message,
  });
  if (parts.Degraded.status === 'True') return no('Degraded', parts.Degraded);
  if (parts.Available.status !== 'True') return no('NotAvailable', parts.Available);
  if (parts.QuorumReady.status !== 'True') return no('NoQuorum', parts.QuorumReady);
  if (parts.StorageReady.status !== 'True') return no('StorageNotReady', parts.StorageReady);
  if (parts.Progressing.status === 'True') return no('Progressing', parts.Progressing);
  if (waitsForOperator(facts))
    return {
      status: 'False',
      reason: 'Progressing',
      message: 'The spec has changed, and the operator is paused.',
    };
  return { status: 'True', reason: 'AllGood', message: 'Everything asked for is there.' };
};

const phaseOf = (facts: ClusterFacts, conditions: readonly ConditionFacts[]): ClusterPhase => {
  const is = (type: ClusterConditionType): boolean =>
    conditions.some((condition) => condition.type === type && condition.status === 'True');
  if (facts.paused) return 'Paused';
  if (is('Degraded')) return 'Degraded';
  if (is('Progressing')) return 'Progressing';
  return is('Available') ? 'Available' : 'Pending';
};

const endpointOf = (cluster: OllamaCluster): string => {
  const { ingress } = cluster.spec;
  if (ingress.enabled && ingress.host !== undefined)
    return `${ingress.tlsSecretName === undefined ? 'http' : 'https'}://${ingress.host}`;
  const scheme = servesHttps(cluster) ? 'https' : 'http';
  return `${scheme}://${namesOf(cluster).service}.${cluster.metadata.namespace}.svc:${ports.api}`;
};

type AgentPhase = 'Pending' | 'Starting' | 'Ready' | 'Draining' | 'Unreachable' | 'Failed';

const agentsOf = ({ pods, reports, podProblems }: ClusterFacts): OllamaClusterStatus['agents'] =>
  [...pods].sort(byOrdinal).map((pod) => {
    const name = pod.metadata.name ?? '';
    const report = reports.get(name);
    const problem = podProblems.find(({ message }) => message.startsWith(`${name}:`));
    const silent = report?.problem?.kind === 'unreachable' && report.silentMs > patienceMs;
    const drains = pod.metadata.deletionTimestamp !== undefined || problem?.reason === 'AgentDrained';
    const phase: AgentPhase = drains
      ? 'Draining'
      : isReady(pod)
        ? silent
          ? 'Unreachable'
          : 'Ready'
        : problem !== undefined
          ? 'Failed'
          : pod.spec?.nodeName === undefined
            ? 'Pending'
            : 'Starting';
    const message = problem?.message ?? (phase === 'Unreachable' ? report?.problem?.message : undefined);
    return {
      name,
      phase,
      ...(pod.spec?.nodeName === undefined ? {} : { node: pod.spec.nodeName }),
      ...(report?.status === undefined
        ? {}
        : { version: report.status.version, revision: report.status.catalogRevision }),
      ...(message === undefined ? {} : { message: message.slice(0, 1024) }),
    };
  });

/** The whole status, from what was found out and what was written before. */
export const clusterStatus = (facts: ClusterFacts): OllamaClusterStatus => {
  const { cluster, pods, statefulSet, nowMs } = facts;
  const observedGeneration = cluster.metadata.generation;
  const ready = pods.filter(isReady).length;
  const condition = <T extends ClusterConditionType>(type: T, found: Facts<T>): ConditionFacts => ({
    type,
    observedGeneration,
    ...found,
  });
  const parts = {
    Available: condition('Available', available(facts, ready)),
    QuorumReady: condition(
      'QuorumReady',
      judgeQuorum({ ...facts, ready, heard: facts.models !== undefined }),
    ),
    StorageReady: condition('StorageReady', facts.storage.condition),
    ModelsReady: condition('ModelsReady', modelsReady(facts)),
    Progressing: condition('Progressing', progressing(facts, ready)),
    Degraded: condition('Degraded', degraded(facts)),
    Paused: condition(
      'Paused',
      facts.paused
        ? {
            status: 'True',
            reason: 'PausedByAnnotation',
            message: 'The operator changes nothing while the annotation ollamamax.io/paused is "true".',
          }
        : { status: 'False', reason: 'NotPaused', message: 'The operator looks after the cluster.' },
    ),
  } as const;
  const all: Readonly<Record<ClusterConditionType, ConditionFacts>> = {
    Ready: condition('Ready', summary(facts, parts)),
    ...parts,
  };
  const wanted = (Object.keys(clusterConditions) as ClusterConditionType[]).map((type) => all[type]);
  const revision = statefulSet?.status?.updateRevision;
  const before = cluster.status?.observedGeneration;
  const models =
    facts.models === undefined
      ? cluster.status?.models
      : { total: facts.models.total, ready: facts.models.ready };
  const done = facts.failure === undefined && !facts.paused;
  const observed = done ? observedGeneration : before;
  return {
    ...(observed === undefined ? {} : { observedGeneration: observed }),
    phase: phaseOf(facts, wanted),
    conditions: mergeConditions(
      cluster.status?.conditions as readonly Condition[] | undefined,
      wanted,
      nowMs,
    ),
    replicas: pods.length,
    readyReplicas: ready,
    updatedReplicas: pods.filter(({ metadata }) => metadata.labels?.[revisionLabel] === revision).length,
    selector: selectorText(cluster),
    endpoint: endpointOf(cluster),
    image: facts.image,
    ...(models === undefined ? {} : { models }),
    ...(facts.desiredState === undefined ? {} : { desiredState: facts.desiredState }),
    ...(facts.consensus === undefined ? {} : { consensus: facts.consensus }),
    agents: agentsOf(facts) ?? [],
    ...(facts.failure === undefined ? {} : { lastError: facts.failure.message.slice(0, 4096) }),
  };
};
