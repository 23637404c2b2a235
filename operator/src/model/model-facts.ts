import type { AgentReport } from '../agents/report.ts';

/** Whether an agent said, when last heard, that it can serve a model. */
const holdsReady = (report: AgentReport | undefined, model: string): boolean =>
  report?.status?.models.some(({ name, state }) => name === model && state === 'ready') === true;

/** Names of agents that can serve a model, among those that are ready themselves. */
export const holdersOf = (
  model: string,
  reports: ReadonlyMap<string, AgentReport>,
  readyAgents: ReadonlySet<string>,
): readonly string[] =>
  [...reports.values()]
    .filter((report) => readyAgents.has(report.name) && holdsReady(report, model))
    .map(({ name }) => name);
