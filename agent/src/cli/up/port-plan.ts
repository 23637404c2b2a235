import { ports } from '@ollamamax/api';
import { usageError } from '../cli-error.ts';

/** TCP ports of one agent of a local cluster. */
export interface AgentPorts {
  readonly api: number;
  readonly dashboard: number;
  readonly metrics: number;
  readonly internal: number;
  readonly raft: number;
  /** Reserved: nothing listens there yet. */
  readonly p2p: number;
}

export const maxLocalAgents = 9;
const lowestPort = 1024;
const highestPort = 65_535;
/** `--port` moves every port by the same distance, so the lowest and highest ones bound it. */
export const portRange = {
  from: lowestPort + (ports.api - ports.raft),
  to: highestPort - (ports.internal - ports.api) - maxLocalAgents,
} as const;

/**
 * Ports of `count` agents on one machine, the first agent's API on `apiPort`.
 * @throws CliError usage when they do not fit
 */
export const planPorts = (count: number, apiPort: number): readonly AgentPorts[] => {
  if (!Number.isInteger(apiPort) || apiPort < portRange.from || apiPort > portRange.to)
    throw usageError(
      `--port ${apiPort} is not usable: the other ports of the cluster move with it.`,
      `Choose a port from ${portRange.from} to ${portRange.to}.`,
    );
  const shift = apiPort - ports.api;
  return Array.from({ length: count }, (_unused, index) => ({
    // API and dashboard of one agent are neighbours: 8080 and 8081, 8082 and 8083, …
    api: ports.api + 2 * index + shift,
    dashboard: ports.dashboard + 2 * index + shift,
    metrics: ports.metrics + index + shift,
    internal: ports.internal + index + shift,
    raft: ports.raft + index + shift,
    p2p: ports.p2p + index + shift,
  }));
};
