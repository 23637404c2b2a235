import type { AgentReport } from '../agents/report.ts';
import type { ReconcileContext } from '../runtime/index.ts';
import type { GroupView } from './group-view.ts';
import { isReady, ordinalOf, revisionLabel } from './objects.ts';
import type { Scope } from './scope.ts';

/** What a pass over one cluster has before it changes anything. */
export interface Pass extends Scope {
  readonly reports: ReadonlyMap<string, AgentReport>;
  readonly context: ReconcileContext;
  readonly group: GroupView;
  /** Milliseconds without a leader. */
  readonly leaderlessMs: number;
  /** An agent is being asked to change the members. */
  readonly calling: boolean;
}

/** One that has been silent for longer says nothing any more: waiting for it would be for ever. */
const patienceMs = 30_000;

/**
 * Ready agents of whom nothing is known yet, as after a restart of the operator. Until they are heard, nobody knows
 * which models they serve: nothing that takes an agent away may go on.
 */
export const unheardAgents = ({
  readyAgents,
  reports,
}: Pick<Pass, 'readyAgents' | 'reports'>): readonly string[] =>
  [...readyAgents].filter((name) => {
    const report = reports.get(name);
    if (report === undefined) return true;
    const { status, problem, silentMs } = report;
    // One that refuses to tell will go on doing so.
    return status === undefined && problem?.kind !== 'refused' && silentMs < patienceMs;
  });

/** Agents that were let go for a new template and have not gone yet. */
export const letGo = ({ pods, statefulSet }: Pick<Pass, 'pods' | 'statefulSet'>): ReadonlySet<string> => {
  const partition = statefulSet?.spec?.updateStrategy?.rollingUpdate?.partition ?? 0;
  const revision = statefulSet?.status?.updateRevision;
  if (revision === undefined) return new Set();
  return new Set(
    pods
      .filter(
        (pod) => (ordinalOf(pod) ?? 0) >= partition && pod.metadata.labels?.[revisionLabel] !== revision,
      )
      .map(({ metadata }) => metadata.name ?? ''),
  );
};

/**
 * Agents without a pod, those whose pods are going, and those that were let go: whatever the leader says of them, they
 * are not there in a moment.
 */
export const absentAgents = (pass: Pick<Pass, 'pods' | 'statefulSet' | 'group'>): ReadonlySet<string> => {
  const going = letGo(pass);
  const staying = new Set(
    pass.pods
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined && !going.has(metadata.name ?? ''))
      .map(({ metadata }) => metadata.name ?? ''),
  );
  const { leader, answers } = pass.group;
  const known = [...(leader?.members ?? []).map(({ agent }) => agent), ...answers.keys()];
  return new Set(known.filter((agent) => !staying.has(agent)));
};

/** Milliseconds since agents have become ready, by name. */
export const readyMsOf = ({ pods }: Pick<Pass, 'pods'>, nowMs: number): ReadonlyMap<string, number> =>
  new Map(
    pods.filter(isReady).map((pod) => {
      const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
      const since = Date.parse(ready?.lastTransitionTime ?? '');
      return [pod.metadata.name ?? '', Number.isNaN(since) ? Infinity : nowMs - since];
    }),
  );
