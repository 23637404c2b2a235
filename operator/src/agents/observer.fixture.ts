import { afterEach, beforeAll } from '@jest/globals';
import type { DesiredState } from '@ollamamax/api';
import { silentLogger, type TlsMaterial } from '@ollamamax/common';
import { AgentServer, Authority, eventually } from './agent-server.fixture.ts';
import { createAgentObserver, type AgentObserver } from './observer.ts';
import type { AgentReport, Watched } from './report.ts';

export const key = 'team/demo';
export const busyMs = 20;
export const stateOf = (revision: number): DesiredState => ({ revision, models: [], settings: {} });

/** An observer of agents that are real ends of mutual TLS; each has an address of its own, all of them one port. */
export interface World {
  readonly observer: AgentObserver;
  readonly servers: readonly AgentServer[];
  readonly port: number;
  readonly changes: string[];
  /** Moves the clock by which silence is measured. */
  pass(ms: number): void;
  watch(wanted: DesiredState | undefined, more?: Partial<Watched>): void;
  report(ordinal: number): AgentReport | undefined;
  until(ordinal: number, isSo: (report: AgentReport) => boolean, what: string): Promise<AgentReport>;
  /** Until each agent was asked that often more. */
  rounds(count: number): Promise<void>;
}

export const ipOf = (ordinal: number): string => `127.0.0.${ordinal + 2}`;

const createWorld = async (
  authority: Authority,
  operator: TlsMaterial,
  count: number,
  idleMs: number,
): Promise<World> => {
  const servers = await Promise.all(
    Array.from({ length: count }, (_unused, ordinal) => AgentServer.create(authority, `demo-${ordinal}`)),
  );
  let port = 0;
  for (const [ordinal, server] of servers.entries()) port = await server.listen(ipOf(ordinal), port);
  const changes: string[] = [];
  let passed = 0;
  const observer = createAgentObserver({
    log: silentLogger,
    onChange: (changed) => changes.push(changed),
    monotonic: () => passed,
    busyMs,
    idleMs,
    port,
  });
  const agents = servers.map(({ name }, ordinal) => ({ name, ip: ipOf(ordinal) }));
  const report = (ordinal: number) => observer.reports(key).get(`demo-${ordinal}`);
  return {
    observer,
    servers,
    port,
    changes,
    pass: (ms) => {
      passed += ms;
    },
    watch: (wanted, more) => observer.watch(key, { cluster: 'demo', tls: operator, agents, wanted, ...more }),
    report,
    until: async (ordinal, isSo, what) => {
      const found = await eventually(
        () => report(ordinal),
        (one) => one !== undefined && isSo(one),
        what,
      );
      return found!;
    },
    rounds: async (rounds) => {
      const before = servers.map(({ asked }) => asked);
      await eventually(
        () => servers.map(({ asked }, index) => asked - before[index]!),
        (asked) => asked.every((more) => more >= rounds),
        'asked',
      );
    },
  };
};

/**
 * Worlds of one test each, which end with it, all under one authority.
 * @returns makes one; and a new certificate of the operator
 */
export const useWorlds = (): {
  readonly setUp: (count?: number, idleMs?: number) => Promise<World>;
  readonly newOperator: () => Promise<TlsMaterial>;
} => {
  let authority: Authority;
  let operator: TlsMaterial;
  const worlds: World[] = [];
  beforeAll(async () => {
    authority = await Authority.create();
    operator = await authority.operator();
  });
  afterEach(async () => {
    for (const { observer, servers } of worlds.splice(0)) {
      await observer.stop();
      await Promise.all(servers.map((server) => server.close()));
    }
  });
  return {
    setUp: async (count = 1, idleMs = busyMs) => {
      const world = await createWorld(authority, operator, count, idleMs);
      worlds.push(world);
      return world;
    },
    newOperator: () => authority.operator(),
  };
};

export const isWell = ({ status, problem }: AgentReport): boolean =>
  status !== undefined && problem === undefined;
