import type { AgentPhase, ConsensusStatus, ModelStatus } from '@ollamamax/api';
import type { Peer } from '../p2p/peers.ts';
import { Health, type CheckResult } from './health.ts';

export interface AgentHealthSources {
  readonly phase: () => AgentPhase;
  /** Its start is over. */
  readonly started: () => boolean;
  readonly consensus: () => ConsensusStatus;
  readonly models: () => readonly ModelStatus[];
  readonly peers: () => readonly Peer[];
}

const pass: CheckResult = { status: 'pass' };

/** What is agreed on is served without a leader, too: the consensus warns, and never decides. */
const consensusCheck = ({ state, leader, problem }: ConsensusStatus): CheckResult => {
  if (problem !== undefined) return { status: 'warn', output: `${problem.code}: ${problem.message}` };
  if (state !== 'member') return { status: 'warn', output: 'this agent belongs to no group of agents' };
  return leader === undefined ? { status: 'warn', output: 'no agent leads' } : pass;
};

/** The checks of an agent. Only its own phase decides whether it is given requests, and whether it has started. */
export const createAgentHealth = ({ phase, started, consensus, models, peers }: AgentHealthSources): Health =>
  new Health(
    {
      phase: () => (phase() === 'ready' ? pass : { status: 'fail', output: `the agent is ${phase()}` }),
      consensus: () => consensusCheck(consensus()),
      models: () => {
        const failed = models().filter((model) => model.state === 'failed');
        if (failed.length === 0) return pass;
        const output = failed.map((model) => `${model.name}: ${model.error?.message ?? 'failed'}`).join('; ');
        return { status: 'warn', output };
      },
      peers: () => {
        const offline = peers().filter((peer) => !peer.online);
        return offline.length === 0
          ? pass
          : { status: 'warn', output: `no answer from ${offline.map((peer) => peer.id).join(', ')}` };
      },
    },
    ['phase'],
    () => (started() ? pass : { status: 'fail', output: 'the agent is starting' }),
  );
