import type { ConsensusStatus } from '@ollamamax/api';
import { connect, type ConnectionOptions } from '../api-client.ts';
import { CliError, exitCodes } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import { listed } from '../table.ts';

const votersOf = ({ voters, learners }: ConsensusStatus): string =>
  `voters: ${listed(voters)}; learners: ${listed(learners)}`;

/** Has another agent lead. */
export const transferCommand = async (
  agent: string,
  options: ConnectionOptions,
  context: CliContext,
): Promise<void> => {
  const client = await connect(options, context);
  const { leader, term } = await client.call('clusterTransfer', { agent });
  if (leader !== agent)
    throw new CliError({
      code: 'not_transferred',
      what: 'The other agent does not lead.',
      why: leader === undefined ? 'No agent leads at the moment.' : `${leader} leads.`,
      action: 'Look with "ollamamax raft members" whether it has caught up, and try again.',
      exitCode: exitCodes.failure,
    });
  context.stderr.write(`${agent} leads now${term === undefined ? '' : `, in term ${term}`}.\n`);
};

/** Has the agent write a snapshot. */
export const snapshotCommand = async (options: ConnectionOptions, context: CliContext): Promise<void> => {
  const client = await connect(options, context);
  const { index } = await client.call('clusterSnapshot');
  context.stderr.write(`The agent at ${client.url.origin} has all up to entry ${index} in a snapshot.\n`);
};

/** Takes an agent out of the group: the one that is asked, or another. */
export const leaveCommand = async (
  agent: string | undefined,
  options: ConnectionOptions,
  context: CliContext,
): Promise<void> => {
  const client = await connect(options, context);
  const status = await client.call('clusterLeave', agent === undefined ? {} : { agent });
  const who = agent ?? `The agent at ${client.url.origin}`;
  const members = status.state === 'member' ? ` Now ${votersOf(status)}.` : '';
  context.stderr.write(`${who} has left the group and goes on serving.${members}\n`);
};

/** Has the agent join the group of another one. */
export const joinCommand = async (
  address: string | undefined,
  options: ConnectionOptions,
  context: CliContext,
): Promise<void> => {
  const client = await connect(options, context);
  const status = await client.call('clusterJoin', address === undefined ? {} : { address });
  const { memberId, clusterId } = status;
  context.stderr.write(
    `The agent at ${client.url.origin} has joined group ${clusterId ?? ''} as member ${memberId ?? ''}; ${votersOf(status)}.\n`,
  );
};

/** Begins a new group with the agent as its only member. */
export const bootstrapCommand = async (options: ConnectionOptions, context: CliContext): Promise<void> => {
  const client = await connect(options, context);
  const { clusterId } = await client.call('clusterBootstrap');
  context.stderr.write(
    `The agent at ${client.url.origin} has begun group ${clusterId ?? ''}. Others join it with "ollamamax raft join".\n`,
  );
};
