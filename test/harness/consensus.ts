import type { ClusterStatus, ConsensusStatus } from '@ollamamax/api';
import { eventually, type AgentHandle, type LocalCluster } from './local-cluster.ts';

export interface Told {
  readonly status: number;
  readonly body: unknown;
}

/** Asks an agent of a cluster without authentication. */
export const askAgent = async (
  { api }: Pick<AgentHandle, 'api'>,
  path: string,
  body?: object,
): Promise<Told> => {
  const answer = await fetch(`${api}/api/v1/${path}`, {
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(40_000),
  });
  return { status: answer.status, body: await answer.json() };
};

const asked = async (agent: AgentHandle, path: string): Promise<unknown> => {
  const { status, body } = await askAgent(agent, path);
  if (status !== 200) throw new Error(`${agent.id} answers ${status}: ${JSON.stringify(body)}`);
  return body;
};

export const consensusOf = async (agent: AgentHandle): Promise<ConsensusStatus> =>
  (await asked(agent, 'cluster/consensus')) as ConsensusStatus;

export const clusterStatusOf = async (agent: AgentHandle): Promise<ClusterStatus> =>
  (await asked(agent, 'cluster/status')) as ClusterStatus;

/** Waits until all agents that run agree who leads, with so many voters that the leader hears all of. @returns the leader */
export const untilLed = async (cluster: LocalCluster, voters: number): Promise<AgentHandle> => {
  let leader = '';
  await eventually(`somebody leads ${voters} voters`, async () => {
    const told = await Promise.all(cluster.agents.map((agent) => consensusOf(agent).catch(() => undefined)));
    const [first] = told;
    if (first?.leader === undefined || told.some((one) => one?.leader !== first.leader)) return false;
    leader = first.leader;
    const members = told.find((one) => one?.members !== undefined)?.members ?? [];
    return (
      told.every((one) => one?.voters.length === voters) &&
      members.filter(({ voting, alive }) => voting && alive).length === voters
    );
  });
  return cluster.agent(leader);
};
