import type { AgentReport } from '../agents/observer.ts';
import type { ReconcileContext } from '../runtime/index.ts';
import type { Scope } from './scope.ts';

/** What a pass over one cluster has before it changes anything. */
export interface Pass extends Scope {
  readonly reports: ReadonlyMap<string, AgentReport>;
  readonly context: ReconcileContext;
}

/** One that has been silent for longer says nothing any more: waiting for it would be for ever. */
const patienceMs = 30_000;

/**
 * Ready agents of whom nothing is known yet, as after a restart of the operator. Until they are heard, nobody knows
 * which models they serve: nothing that takes an agent away may go on.
 */
export const unheardAgents = ({
  readyAgents,
  reports,
}: Pick<Pass, 'readyAgents' | 'reports'>): readonly string[] =>
  [...readyAgents].filter((name) => {
    const report = reports.get(name);
    if (report === undefined) return true;
    const { status, problem, silentMs } = report;
    // One that refuses to tell will go on doing so.
    return status === undefined && problem?.kind !== 'refused' && silentMs < patienceMs;
  });
