import type { ClusterStatus, ConsensusStatus } from '@ollamamax/api';
import { connect, type ConnectionOptions } from '../api-client.ts';
import { exitCodes, type ExitCode } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import { asJson, factLines, formOf, listed, nothing, table } from '../table.ts';

interface Seen {
  readonly consensus: ConsensusStatus;
  readonly cluster: ClusterStatus;
}

const look = async (options: ConnectionOptions, context: CliContext): Promise<Seen> => {
  const client = await connect(options, context);
  const [consensus, cluster] = await Promise.all([client.call('consensus'), client.call('clusterStatus')]);
  return { consensus, cluster };
};

/** A member that does not know who leads, or no member any more against its will, is not well. */
const exitOf = ({ state, leader }: ConsensusStatus): ExitCode => {
  const isWell = state === 'member' ? leader !== undefined : state === 'none' || state === 'left';
  return isWell ? exitCodes.ok : exitCodes.unhealthy;
};

const statusLines = ({ consensus, cluster }: Seen): string => {
  const { state, memberId, clusterId, role, term, leader, problem, changing, blocked } = consensus;
  const { appliedIndex, commitIndex, lastIndex, voters, learners, address } = consensus;
  const number = memberId === undefined ? '' : `, member ${memberId}`;
  const group = clusterId === undefined ? '' : `, group ${clusterId}`;
  return factLines([
    ['Agent', `${cluster.answered_by}${number}`],
    ['Cluster', `${cluster.cluster}${group}`],
    ['State', state],
    ['Role', role],
    ['Leader', state === 'member' ? (leader ?? `${nothing} (nothing can be changed)`) : undefined],
    ['Term', term === undefined ? undefined : String(term)],
    [
      'Log',
      lastIndex === undefined
        ? undefined
        : `applied ${appliedIndex ?? nothing}, agreed ${commitIndex ?? nothing}, last entry ${lastIndex}`,
    ],
    ['Voters', listed(voters)],
    ['Learners', listed(learners)],
    ['Changing', changing === undefined ? undefined : changing ? 'yes' : 'no'],
    ['Blocked', blocked],
    ['Address', address],
    ['Problem', problem === undefined ? undefined : `${problem.code}: ${problem.message}`],
  ]);
};

/** `raft status` of a running agent. */
export const onlineStatus = async (
  options: ConnectionOptions & { readonly output: string },
  context: CliContext,
): Promise<ExitCode> => {
  const form = formOf(options.output);
  const seen = await look(options, context);
  const { answered_by: agent, cluster } = seen.cluster;
  context.stdout.write(form === 'json' ? asJson({ agent, cluster, ...seen.consensus }) : statusLines(seen));
  return exitOf(seen.consensus);
};

interface ShownMember {
  readonly agent: string;
  readonly vote: 'voter' | 'learner';
  readonly leads: boolean;
  /** As agents see each other, whoever leads. */
  readonly status: string;
  readonly memberId?: number;
  readonly address?: string;
  /** What only the leader knows. */
  readonly alive?: boolean;
  readonly matchIndex?: number;
}

const membersOf = ({ consensus, cluster }: Seen): ShownMember[] => {
  const known = new Map(consensus.members?.map((member) => [member.agent, member]));
  const inOrder = [
    ...consensus.voters.map((agent) => [agent, 'voter'] as const),
    ...consensus.learners.map((agent) => [agent, 'learner'] as const),
  ];
  return inOrder.map(([agent, vote]) => {
    const { memberId, address, alive, matchIndex } = known.get(agent) ?? {};
    const node = Object.hasOwn(cluster.nodes, agent) ? cluster.nodes[agent] : undefined;
    return {
      agent,
      vote,
      leads: agent === consensus.leader,
      status: node?.status ?? 'unknown',
      ...(memberId === undefined ? {} : { memberId }),
      ...(address === undefined ? {} : { address }),
      ...(alive === undefined ? {} : { alive }),
      ...(matchIndex === undefined ? {} : { matchIndex }),
    };
  });
};

/** `raft members` of a running agent. */
export const onlineMembers = async (
  options: ConnectionOptions & { readonly output: string },
  context: CliContext,
): Promise<ExitCode> => {
  const form = formOf(options.output);
  const seen = await look(options, context);
  const members = membersOf(seen);
  const { leader } = seen.consensus;
  if (form === 'json') {
    context.stdout.write(asJson(members));
    return exitOf(seen.consensus);
  }
  const hasMore = seen.consensus.members !== undefined;
  context.stdout.write(
    table([
      ['AGENT', 'VOTE', 'LEADS', 'STATUS', ...(hasMore ? ['MEMBER', 'ALIVE', 'ENTRY', 'ADDRESS'] : [])],
      ...members.map(({ agent, vote, leads, status, memberId, alive, matchIndex, address }) => [
        agent,
        vote,
        leads ? 'yes' : 'no',
        status,
        ...(hasMore
          ? [
              String(memberId ?? nothing),
              alive === undefined ? nothing : alive ? 'yes' : 'no',
              String(matchIndex ?? nothing),
              address ?? nothing,
            ]
          : []),
      ]),
    ]),
  );
  if (!hasMore && leader !== undefined) {
    const url = seen.cluster.nodes[leader]?.api_url ?? '';
    context.stderr.write(
      `Which entries each of them has, only ${leader} knows, which leads${url === '' ? '' : `: ask it with --url ${url}`}.\n`,
    );
  }
  return exitOf(seen.consensus);
};
