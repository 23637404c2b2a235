import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BenchRefused } from '../harness/bench.ts';
import type { LoadFigures } from './plan.ts';

const execute = promisify(execFile);

/** How a cluster is loaded. */
export interface Load {
  readonly clients: number;
  readonly connections: number;
  readonly bytes: number;
  readonly seconds: number;
  /** Operations per second in all; as many as go when left out. */
  readonly rate?: number;
  readonly reads?: boolean;
  /** Only by way of the member that leads. */
  readonly leaderOnly?: boolean;
  /** Only by way of members that do not lead. */
  readonly followersOnly?: boolean;
}

/** A cluster of three that is measured. */
export interface RaftCandidate {
  readonly name: string;
  load(load: Load): Promise<LoadFigures>;
  stop(): Promise<void>;
}

/**
 * Runs the load.
 * @param args of this candidate
 * @throws BenchRefused when it fails, or operations did
 */
export const runLoad = async (
  file: string,
  args: readonly string[],
  endpoints: readonly string[],
  certificates: string,
  { clients, connections, bytes, seconds, rate, reads }: Load,
  signal: AbortSignal,
): Promise<LoadFigures> => {
  const options = {
    endpoints: endpoints.join(','),
    certificates,
    clients,
    connections,
    bytes,
    seconds,
    ...(rate === undefined ? {} : { rate: Math.round(rate) }),
  };
  const given = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const { stdout } = await execute(file, [...args, ...given, ...(reads === true ? ['--reads'] : [])], {
    signal,
    timeout: (seconds + 60) * 1000,
  });
  const figures = JSON.parse(stdout) as LoadFigures;
  if (figures.failed > 0)
    throw new BenchRefused(`${figures.failed} of ${figures.operations + figures.failed} operations failed`);
  return figures;
};
