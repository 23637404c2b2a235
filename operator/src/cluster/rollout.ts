import { ordinalOf, isReady, revisionLabel, type Pod, type StatefulSet } from './objects.ts';
import { templateHashAnnotation } from './desired/stateful-set.ts';
import type { Guard } from './roll-guard.ts';
import type { MemberCall } from '../agents/agent-client.ts';

export interface RolloutInput {
  readonly statefulSet: StatefulSet | undefined;
  /** Hash of the template that is wanted now. */
  readonly templateHash: string;
  readonly replicas: number;
  readonly pods: readonly Pod[];
  /**
   * Models that would be served by nobody if that agent were away, although they are served now.
   * @param agent name of a pod
   */
  readonly wouldLose: (agent: string) => readonly string[];
  /** Agents of whom nobody knows yet what they serve. */
  readonly unheard: readonly string[];
  /** Pods that do not get ready by waiting. Of those with the old template a new one may be the cure. */
  readonly broken: ReadonlySet<string>;
  /** Whether those who agree on the state of the cluster can spare an agent. */
  readonly guard: (agent: string) => Guard;
}

export type Rollout =
  | { readonly kind: 'settled'; readonly partition: number }
  /** Pods from that ordinal on get the new template. */
  | { readonly kind: 'rolling'; readonly partition: number; readonly updated: number }
  | {
      readonly kind: 'blocked';
      readonly partition: number;
      readonly updated: number;
      readonly why: string;
      /** What an agent is asked for so that it goes on. */
      readonly call?: MemberCall;
    };

/**
 * How far a new template may go. One agent is replaced at a time, the highest ordinal first, and the next only when
 * all others serve and none of the models that are served would be served by nobody. An agent that does not serve is
 * replaced before that: there is nothing to lose. Nor does the roll wait for a broken one that has the old template:
 * it would wait for ever, for pods can only be replaced from the highest ordinal down. Nobody goes who is needed for a
 * majority.
 */
export const decideRollout = (input: RolloutInput): Rollout => {
  const { statefulSet, templateHash, replicas, pods, wouldLose, broken, unheard, guard } = input;
  if (statefulSet === undefined)
    // Of one that is made anew for pods that are there nobody is restarted.
    return pods.length === 0
      ? { kind: 'settled', partition: 0 }
      : { kind: 'rolling', partition: replicas, updated: 0 };
  // Nobody gets it in the moment in which it is applied.
  if (statefulSet.metadata.annotations?.[templateHashAnnotation] !== templateHash)
    return { kind: 'rolling', partition: replicas, updated: 0 };
  const { status, metadata, spec } = statefulSet;
  const partition = Math.min(spec?.updateStrategy?.rollingUpdate?.partition ?? 0, replicas);
  const seen = status?.observedGeneration === metadata.generation;
  const revision = status?.updateRevision;
  const isUpdated = (pod: Pod): boolean => pod.metadata.labels?.[revisionLabel] === revision;
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(pod), pod]));
  const ordinals = Array.from({ length: replicas }, (_unused, ordinal) => ordinal);
  const updated = ordinals.filter((ordinal) => {
    const pod = byOrdinal.get(ordinal);
    return pod !== undefined && isUpdated(pod);
  }).length;
  if (seen && updated === replicas) return { kind: 'settled', partition: 0 };
  if (partition === 0) return { kind: 'rolling', partition, updated };
  const stay = (why: string): Rollout => ({ kind: 'blocked', partition, updated, why });
  if (!seen) return { kind: 'rolling', partition, updated };
  // Those that were let go before must be back first.
  for (const ordinal of ordinals.slice(partition)) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined || !isUpdated(pod) || !isReady(pod))
      return stay(`the agent with ordinal ${ordinal} is not ready with the new template yet`);
  }
  const next = partition - 1;
  const pod = byOrdinal.get(next);
  if (pod === undefined || isUpdated(pod)) return { kind: 'rolling', partition: next, updated };
  const agent = pod.metadata.name ?? '';
  const taken = (): Rollout => {
    const judged = guard(agent);
    if (judged.kind === 'go') return { kind: 'rolling', partition: next, updated };
    const blocked = { kind: 'blocked', partition, updated, why: judged.why } as const;
    return judged.kind === 'call' ? { ...blocked, call: judged.call } : blocked;
  };
  if (!isReady(pod)) return taken();
  const unready = ordinals.filter((ordinal) => {
    const other = byOrdinal.get(ordinal);
    if (ordinal === next || (other !== undefined && isReady(other))) return false;
    return other === undefined || isUpdated(other) || !broken.has(other.metadata.name ?? '');
  });
  if (unready.length > 0 && replicas > 1)
    return stay(`the agent with ordinal ${unready.join(', ')} is not ready`);
  if (unheard.length > 0)
    return stay(`nobody knows yet what ${unheard.join(', ')} ${unheard.length === 1 ? 'serves' : 'serve'}`);
  const lost = wouldLose(agent);
  if (lost.length > 0) return stay(`nobody else serves ${lost.join(', ')} yet`);
  return taken();
};
