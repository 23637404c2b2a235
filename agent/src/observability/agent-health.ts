import type { AgentPhase, ModelStatus } from '@ollamamax/api';
import type { Peer } from '../p2p/peers.ts';
import { Health, type CheckResult } from './health.ts';

export interface AgentHealthSources {
  readonly phase: () => AgentPhase;
  readonly models: () => readonly ModelStatus[];
  readonly peers: () => readonly Peer[];
}

const pass: CheckResult = { status: 'pass' };

/** The checks of an agent. Only its own phase decides whether it is given requests, and whether it has started. */
export const createAgentHealth = ({ phase, models, peers }: AgentHealthSources): Health =>
  new Health(
    {
      phase: () => (phase() === 'ready' ? pass : { status: 'fail', output: `the agent is ${phase()}` }),
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
    () => (phase() === 'starting' ? { status: 'fail', output: 'the agent is starting' } : pass),
  );
