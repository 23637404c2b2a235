import { expect, test } from '@jest/globals';
import { ConsensusStatus, compileValidator } from '@ollamamax/api';
import type { ProgressStatus, Status } from '../raft/core/status.ts';
import { consensusStatus, type ConsensusFacts } from './consensus-status.ts';
import { emptyCatalog, type CatalogMember } from './state/catalog-state.ts';

const member = (id: number): CatalogMember => ({
  id,
  agent: `agent-${id}`,
  incarnation: `life-${id}`,
  address: `h:${id}`,
});

const progress = (match: number): ProgressStatus => ({
  match,
  next: match + 1,
  state: 'replicate',
  paused: false,
  learner: false,
  recentActive: true,
  pendingSnapshot: 0,
});

const config = { voters: [1, 3], outgoing: [1, 2], learners: [4], learnersNext: [], autoLeave: true };

const status: Status = {
  id: 1,
  role: 'leader',
  term: 7,
  vote: 1,
  lead: 1,
  commit: 9,
  applied: 8,
  firstIndex: 1,
  lastIndex: 10,
  config,
  transferee: 0,
  progress: new Map([1, 2, 3, 4].map((id) => [id, progress(id)])),
};

const leading: ConsensusFacts = {
  state: 'member',
  identity: { clusterId: 'c', memberId: 1, incarnation: 'life-1', agent: 'agent-1', setUp: true },
  address: 'h:1',
  role: { role: 'leader', lead: 1 },
  report: { status, alive: [1, 3], changing: true, blocked: 'too few' },
  config,
  catalog: {
    ...emptyCatalog,
    members: { 1: member(1), 3: member(3) },
    // Taken out, and still in the configuration.
    leaving: { 2: member(2) },
  },
  problem: undefined,
};

const validate = compileValidator(ConsensusStatus);

test('the leader tells of everybody in the configuration, also of who is on the way out', () => {
  const told = consensusStatus(leading);
  expect(validate(told)).toMatchObject({ ok: true });
  expect(told).toMatchObject({
    role: 'leader',
    leader: 'agent-1',
    voters: ['agent-1', 'agent-2', 'agent-3'],
    // Of whom the catalogue knows nothing.
    learners: ['#4'],
    changing: true,
    blocked: 'too few',
    commitIndex: 9,
  });
  expect(told.members?.map(({ agent, voting, alive }) => [agent, voting, alive])).toEqual([
    ['agent-1', true, true],
    ['agent-2', true, false],
    ['agent-3', true, true],
    ['#4', false, false],
  ]);
});

test('who does not lead tells whom it follows, and nothing that only a leader knows', () => {
  const told = consensusStatus({ ...leading, role: { role: 'follower', lead: 3 } });
  expect(told).toMatchObject({ role: 'follower', leader: 'agent-3' });
  expect(told).not.toHaveProperty('members');
  expect(told).not.toHaveProperty('blocked');
  const learner = { ...leading, role: { role: 'follower', lead: 0 } as const };
  const one = consensusStatus({ ...learner, config: { ...config, voters: [3], outgoing: [] } });
  expect(one).toMatchObject({ role: 'learner' });
  expect(one).not.toHaveProperty('leader');
  expect(consensusStatus({ ...learner, role: { role: 'preCandidate', lead: 0 } }).role).toBe('candidate');
});

test('who is no member says so, and who has failed says why', () => {
  const none = consensusStatus({
    ...leading,
    state: 'none',
    identity: undefined,
    report: undefined,
    config: undefined,
  });
  expect(none).toEqual({ state: 'none', address: 'h:1', voters: [], learners: [] });
  const problem = { code: 'member_disk', message: 'The disk is full.' };
  const failed = consensusStatus({ ...leading, state: 'failed', problem });
  expect(failed).toMatchObject({ state: 'failed', problem, memberId: 1 });
  expect(failed).not.toHaveProperty('role');
});
