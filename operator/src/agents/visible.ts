import type { AgentStatus, ConsensusStatus } from '@ollamamax/api';
import type { AgentReport, Watched } from './report.ts';

type Known = Pick<AgentReport, 'status' | 'problem'>;

/** A member that is so many entries behind counts as having caught up. */
const closeEntries = 1000;

/** Whether a member holds about all that its leader has. */
export const hasCaughtUp = (matchIndex: number, { lastIndex = 0 }: ConsensusStatus): boolean =>
  matchIndex + closeEntries >= lastIndex;

/** Without indexes, which change with every change of the state. */
const ofConsensus = (consensus: ConsensusStatus | undefined): unknown =>
  consensus === undefined
    ? undefined
    : [
        consensus.state,
        consensus.clusterId,
        consensus.role,
        consensus.leader,
        consensus.term,
        consensus.voters,
        consensus.learners,
        consensus.changing,
        consensus.blocked,
        consensus.problem,
        consensus.members?.map(({ agent, memberId, voting, alive, matchIndex }) => [
          agent,
          memberId,
          voting,
          alive,
          hasCaughtUp(matchIndex, consensus),
        ]),
      ];

/** Everything that is worth a look at the cluster: but figures that change with every answer. */
export const visible = ({ status, problem }: Known): string =>
  JSON.stringify([
    problem,
    status?.phase,
    status?.version,
    status?.catalogRevision,
    status?.catalogHash,
    ofConsensus(status?.consensus),
    status?.models.map(({ name, state, digest, sizeBytes, completedBytes, error, resident }) => [
      name,
      state,
      digest,
      error,
      resident?.state,
      sizeBytes === 0 ? 0 : Math.floor((completedBytes * 100) / sizeBytes),
    ]),
  ]);

/** One that is no member is given nothing: that it is behind is no reason to ask it often. */
const isBehind = ({ catalogRevision, consensus }: AgentStatus, wanted: Watched['wanted']): boolean =>
  wanted !== undefined &&
  (consensus === undefined || consensus.state === 'member') &&
  catalogRevision !== wanted.revision;

/** Whether agents are to be asked often. */
export const isMoving = ({ wanted, agents, hurry }: Watched, known: ReadonlyMap<string, Known>): boolean =>
  hurry === true ||
  agents.some(({ name }) => {
    const one = known.get(name);
    return (
      one?.status === undefined ||
      one.problem !== undefined ||
      one.status.phase !== 'ready' ||
      isBehind(one.status, wanted) ||
      one.status.models.some(({ state }) => state !== 'ready')
    );
  });
