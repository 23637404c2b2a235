import type { CatalogueEntry } from './catalogue-entry.ts';

/** What can go wrong while agents agree; part of the error catalogue. */
export const agreementErrors = {
  not_a_member: {
    status: 503,
    summary: 'The agent belongs to no group of agents yet, so it can agree on nothing with others.',
    action:
      'Ask another agent; begin a group with POST /api/v1/cluster/bootstrap, or have this agent join one with POST /api/v1/cluster/join.',
    retryable: true,
  },
  agents_outdated: {
    status: 409,
    summary:
      'Some agents cannot take part in this yet: their version does not know it, or they do not answer.',
    action: 'Update all agents of the cluster and see that they run, then try again.',
    retryable: true,
  },
  already_member: {
    status: 409,
    summary: 'The agent belongs to a group already.',
    action: 'Let it leave first with POST /api/v1/cluster/leave.',
    retryable: false,
  },
  no_leader: {
    status: 503,
    summary: 'No agent leads at the moment, so nothing can be changed; what is served goes on.',
    action:
      'Wait a few seconds. If it stays so, too few voters are running: start them again, or see docs/raft/operations.md.',
    retryable: true,
  },
  outcome_unknown: {
    status: 504,
    summary: 'It is not known whether the change was made: the leader was lost on the way.',
    action: 'Look at the state, or send the same change again: making it twice does no harm.',
    retryable: true,
  },
  other_cluster: {
    status: 409,
    summary: 'The volume of this agent belongs to another cluster.',
    action:
      'Mount the volume that belongs here, or move its folder "raft" away: the agent then joins as a new member.',
    retryable: false,
  },
  member_removed: {
    status: 409,
    summary: 'The member was removed from its group.',
    action: 'Nothing: the agent joins again as a new member.',
    retryable: false,
  },
  member_replaced: {
    status: 409,
    summary: 'The volume of this agent is an old one: another volume has taken its place in the group.',
    action:
      'Mount the newer volume, or move the folder "raft" of this one away: the agent then joins as a new member.',
    retryable: false,
  },
  unsafe_change: {
    status: 409,
    summary: 'The change could cost the group its majority of voters.',
    action:
      'Bring back the members that are silent first; docs/raft/operations.md says what else can be done.',
    retryable: true,
  },
  member_disk: {
    status: 500,
    summary: 'The disk of this member of the cluster cannot be used for what it has agreed to.',
    action: 'Do what the message says; never delete or copy single files in there.',
    retryable: false,
  },
  member_failed: {
    status: 500,
    summary: 'The agent takes no part in the agreement of the cluster any more.',
    action: 'Restart it: it goes on from its disk. When it comes again, keep the disk and report it.',
    retryable: false,
  },
  stale_revision: {
    status: 409,
    summary: 'The agent already has a newer desired state.',
    action: 'Read the current revision and apply the change to it.',
    retryable: false,
  },
} as const satisfies Record<string, CatalogueEntry>;
