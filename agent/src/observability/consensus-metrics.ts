import type { ConsensusStatus } from '@ollamamax/api';
import { Counter, Gauge, type Registry } from '@ollamamax/common';
import type { MemberReport } from '../raft/node/member.ts';

/** What the thread of the consensus has counted; undefined while there is no member. */
export type ConsensusFigures = Pick<MemberReport, 'log' | 'transport' | 'links'> | undefined;

/** Counted elsewhere, from zero again with every start of the member: told as it is when Prometheus asks. */
const countersOf = (figures: () => ConsensusFigures, registry: Registry): void => {
  const counter = (
    name: string,
    help: string,
    read: (now: NonNullable<ConsensusFigures>) => number | undefined,
  ): void => {
    new Counter({
      name: `ollamamax_${name}`,
      help,
      registers: [registry],
      collect() {
        const now = figures();
        this.reset();
        this.inc((now === undefined ? undefined : read(now)) ?? 0);
      },
    });
  };
  counter('raft_log_syncs_total', 'Durable writes of the log.', ({ log }) => log?.syncs);
  counter(
    'raft_log_sync_seconds_total',
    'Time that durable writes of the log took.',
    ({ log }) => log?.syncSeconds,
  );
  counter('raft_log_written_bytes_total', 'Bytes written to the log.', ({ log }) => log?.writtenBytes);
  counter(
    'raft_messages_sent_total',
    'Messages to other members.',
    ({ transport }) => transport?.messagesSent,
  );
  counter(
    'raft_messages_received_total',
    'Messages from other members.',
    ({ transport }) => transport?.messagesReceived,
  );
  counter(
    'raft_messages_dropped_total',
    'Messages that a member could not be given: not connected, or too far behind.',
    ({ transport }) => transport?.messagesDropped,
  );
  counter(
    'raft_bytes_sent_total',
    'Bytes of messages to other members.',
    ({ transport }) => transport?.bytesSent,
  );
  counter(
    'raft_bytes_received_total',
    'Bytes of messages from other members.',
    ({ transport }) => transport?.bytesReceived,
  );
  counter(
    'raft_connections_refused_total',
    'Connections of others that were refused, whoever they were.',
    ({ transport }) =>
      transport === undefined
        ? undefined
        : Object.values(transport.refused).reduce((sum, count) => sum + count, transport.strangers),
  );
  counter(
    'raft_snapshots_sent_total',
    'Snapshots sent to members.',
    ({ transport }) => transport?.snapshotsSent,
  );
};

/** This agent's part in the group; read when Prometheus asks. */
export const consensusMetrics = (
  status: () => ConsensusStatus,
  figures: () => ConsensusFigures,
  registry: Registry,
): void => {
  countersOf(figures, registry);
  const gauge = (name: string, help: string, read: (now: ConsensusStatus) => number | undefined): void => {
    new Gauge({
      name: `ollamamax_${name}`,
      help,
      registers: [registry],
      collect() {
        const value = read(status());
        if (value === undefined) this.reset();
        else this.set(value);
      },
    });
  };
  gauge('raft_member', 'Whether this agent belongs to a group and its log works.', ({ state }) =>
    Number(state === 'member'),
  );
  gauge('raft_has_leader', 'Whether this agent knows who leads.', ({ leader }) =>
    Number(leader !== undefined),
  );
  gauge('raft_is_leader', 'Whether this agent leads.', ({ role }) => Number(role === 'leader'));
  gauge('raft_is_voter', 'Whether this agent has a vote.', ({ role }) =>
    Number(role !== undefined && role !== 'learner'),
  );
  gauge('raft_term', 'Term of this agent: it rises with every election.', ({ term }) => term);
  gauge(
    'raft_commit_index',
    'Newest entry that this agent knows to be agreed.',
    ({ commitIndex }) => commitIndex,
  );
  gauge(
    'raft_applied_index',
    'Newest entry that this agent has applied.',
    ({ appliedIndex }) => appliedIndex,
  );
  gauge('raft_members_silent', 'Of the leader: members that it has not heard of lately.', ({ members }) =>
    members === undefined ? undefined : members.filter(({ alive }) => !alive).length,
  );
};
