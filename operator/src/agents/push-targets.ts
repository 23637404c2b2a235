import type { AgentStatus } from '@ollamamax/api';
import type { AgentReport } from './report.ts';

type Answer = Pick<AgentReport, 'status' | 'fresh'>;

/**
 * Which agents are given the desired state in this round: one member of the group, the one that leads where that is
 * known, for the others get it from there; and each agent that is too old to agree with others.
 * @param clusterId of the group; undefined: of whichever group
 */
export const pushTargets = (
  known: ReadonlyMap<string, Answer>,
  revision: number,
  clusterId: string | undefined,
): readonly string[] => {
  const answers = [...known].flatMap(([name, { status, fresh }]): [string, AgentStatus][] =>
    status !== undefined && fresh ? [[name, status]] : [],
  );
  const isBehind = ([, { catalogRevision }]: [string, AgentStatus]): boolean => catalogRevision < revision;
  const alone = answers.filter(([, { consensus }]) => consensus === undefined).filter(isBehind);
  const members = answers
    .filter(
      ([, { consensus }]) =>
        consensus?.state === 'member' && (clusterId === undefined || consensus.clusterId === clusterId),
    )
    .sort(([, a], [, b]) => (b.consensus?.term ?? 0) - (a.consensus?.term ?? 0));
  const leads = members.find(([, { consensus }]) => consensus?.role === 'leader');
  const named = members.find(([name]) =>
    members.some(([, { consensus }]) => consensus?.leader !== undefined && consensus.leader === name),
  );
  const chosen = leads ?? named ?? members[0];
  return [...alone, ...(chosen === undefined ? [] : [chosen].filter(isBehind))].map(([name]) => name);
};
