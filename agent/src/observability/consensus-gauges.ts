import type { ConsensusStatus } from '@ollamamax/api';
import { Gauge, type Registry } from '@ollamamax/common';

/** Gauges of this agent's part in the group; read when Prometheus asks. */
export const consensusGauges = (status: () => ConsensusStatus, registry: Registry): void => {
  const gauge = (name: string, help: string, read: (now: ConsensusStatus) => number | undefined): void => {
    new Gauge({
      name: `ollamamax_raft_${name}`,
      help,
      registers: [registry],
      collect() {
        const value = read(status());
        if (value === undefined) this.reset();
        else this.set(value);
      },
    });
  };
  gauge('member', 'Whether this agent belongs to a group and its log works.', ({ state }) =>
    Number(state === 'member'),
  );
  gauge('has_leader', 'Whether this agent knows who leads.', ({ leader }) => Number(leader !== undefined));
  gauge('is_leader', 'Whether this agent leads.', ({ role }) => Number(role === 'leader'));
  gauge('is_voter', 'Whether this agent has a vote.', ({ role }) =>
    Number(role !== undefined && role !== 'learner'),
  );
  gauge('term', 'Term of this agent: it rises with every election.', ({ term }) => term);
  gauge('commit_index', 'Newest entry that this agent knows to be agreed.', ({ commitIndex }) => commitIndex);
  gauge('applied_index', 'Newest entry that this agent has applied.', ({ appliedIndex }) => appliedIndex);
  gauge('members_silent', 'Of the leader: members that it has not heard of lately.', ({ members }) =>
    members === undefined ? undefined : members.filter(({ alive }) => !alive).length,
  );
};
