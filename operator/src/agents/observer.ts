import { isApiError, type DesiredState, type ErrorCode } from '@ollamamax/api';
import type { Logger } from '@ollamamax/common';
import { createAgentClient, type AgentAddress, type AgentClient } from './agent-client.ts';
import { pushTargets } from './push-targets.ts';
import type { AgentReport, Watched } from './report.ts';
import { isMoving, visible } from './visible.ts';

/** Asks agents how they are, and gives them what they are to bring about. Nothing of it goes through the API server. */
export interface AgentObserver {
  /** From now on, or in another way than before. */
  watch(key: string, watched: Watched): void;
  forget(key: string): void;
  /** Asks at once: something was done of which agents will tell. */
  refresh(key: string): void;
  /** By name; only agents that were asked at least once. */
  reports(key: string): ReadonlyMap<string, AgentReport>;
  stop(): Promise<void>;
}

export interface AgentObserverOptions {
  readonly log: Logger;
  /** Something that shows in a status has changed. */
  readonly onChange: (key: string) => void;
  readonly monotonic: () => number;
  /** Milliseconds between questions while something is moving, and otherwise. */
  readonly busyMs?: number;
  readonly idleMs?: number;
  /** Of the agents; 9443 unless said otherwise. */
  readonly port?: number;
}

interface Known extends Pick<AgentReport, 'status' | 'problem' | 'fresh'> {
  /** A pod of the same name at another address is another agent, which has not been silent yet. */
  readonly ip: string;
  /** Monotonic time of its last answer, before that of the first question. */
  readonly heardAt: number;
  /** Monotonic time of the last question. */
  readonly askedAt: number;
}

interface Entry {
  watched: Watched;
  client: AgentClient;
  material: string;
  readonly known: Map<string, Known>;
  timer: NodeJS.Timeout | undefined;
  round: Promise<void> | undefined;
  again: boolean;
}

/** An agent that has been silent for so long is not merely starting. */
const awayAfterMs = 30_000;

/** What was pushed has not been agreed on yet, and is pushed again: no word about what it says. */
const waiting: ReadonlySet<ErrorCode> = new Set([
  'no_leader',
  'not_a_member',
  'outcome_unknown',
  'deadline_exceeded',
  'agent_draining',
  // It has just answered: it takes its time to agree.
  'agent_unreachable',
]);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const createAgentObserver = (options: AgentObserverOptions): AgentObserver => {
  const { log, monotonic, busyMs = 1000, idleMs = 10_000, port } = options;
  const entries = new Map<string, Entry>();
  let stopped = false;

  const ask = async (entry: Entry, agent: AgentAddress): Promise<void> => {
    const { client } = entry;
    const { ip } = agent;
    const earlier = entry.known.get(agent.name);
    const before = earlier?.ip === ip ? earlier : undefined;
    const askedAt = monotonic();
    const heardAt = before?.heardAt ?? askedAt;
    // One that has been away for a while is asked less often: connections that fail cost, too.
    const away = before?.problem?.kind === 'unreachable' && askedAt - heardAt > awayAfterMs;
    if (away && askedAt - before.askedAt < idleMs) return;
    try {
      const status = await client.status(agent);
      entry.known.set(agent.name, {
        ip,
        status,
        problem: undefined,
        fresh: true,
        askedAt,
        heardAt: monotonic(),
      });
    } catch (error) {
      const refused = isApiError(error) && error.code !== 'agent_unreachable';
      entry.known.set(agent.name, {
        ip,
        status: before?.status,
        fresh: false,
        askedAt,
        problem: { kind: refused ? 'refused' : 'unreachable', message: messageOf(error) },
        heardAt: refused ? monotonic() : heardAt,
      });
    }
  };

  /** Gives an agent the desired state; it has answered in this round. */
  const push = async (entry: Entry, agent: AgentAddress, wanted: DesiredState): Promise<void> => {
    const { client } = entry;
    const told = (more: Partial<Known>): void => {
      const known = entry.known.get(agent.name);
      if (known?.ip === agent.ip) entry.known.set(agent.name, { ...known, ...more });
    };
    try {
      await client.push(agent, wanted);
      told({ status: await client.status(agent), heardAt: monotonic() });
    } catch (error) {
      if (isApiError(error) && waiting.has(error.code)) {
        log.debug('The desired state is not agreed on yet', { agent: agent.name, error });
        return;
      }
      told({ problem: { kind: 'refused', message: messageOf(error) } });
    }
  };

  const round = async (key: string, entry: Entry): Promise<void> => {
    const { agents, wanted, clusterId } = entry.watched;
    const before = new Map(entry.known);
    const present = new Set(agents.map(({ name }) => name));
    let changed = false;
    for (const name of entry.known.keys())
      if (!present.has(name)) {
        entry.known.delete(name);
        changed = true;
      }
    await Promise.all(agents.map((agent) => ask(entry, agent)));
    if (wanted !== undefined) {
      const targets = new Set(pushTargets(entry.known, wanted.revision, clusterId));
      await Promise.all(
        agents.filter(({ name }) => targets.has(name)).map((agent) => push(entry, agent, wanted)),
      );
    }
    for (const { name } of agents) {
      const [was, is] = [before.get(name), entry.known.get(name)];
      if (was === undefined || is === undefined || visible(was) !== visible(is)) changed = true;
    }
    if (changed && !stopped && entries.get(key) === entry) options.onChange(key);
  };

  const schedule = (key: string, entry: Entry, ms: number): void => {
    clearTimeout(entry.timer);
    if (stopped || entries.get(key) !== entry) return;
    // Not all clusters in the same moment.
    entry.timer = setTimeout(() => run(key, entry), ms * (0.9 + Math.random() * 0.2));
  };

  const run = (key: string, entry: Entry): void => {
    if (entry.round !== undefined) {
      entry.again = true;
      return;
    }
    entry.round = round(key, entry)
      .catch((error: unknown) => log.error('Agents could not be asked', { key, error }))
      .finally(() => {
        entry.round = undefined;
        const soon = entry.again;
        entry.again = false;
        schedule(key, entry, soon ? 0 : isMoving(entry.watched, entry.known) ? busyMs : idleMs);
      });
  };

  const partsOf = ({ agents, wanted, clusterId, hurry }: Watched) => [
    agents,
    wanted?.revision,
    clusterId,
    hurry === true,
  ];

  const materialOf = ({ tls, cluster }: Watched): string =>
    [cluster, tls.ca, tls.cert].map((part) => String(part)).join('\n');

  return {
    watch: (key, watched) => {
      if (stopped) return;
      const existing = entries.get(key);
      const material = materialOf(watched);
      if (existing === undefined) {
        const client = createAgentClient(watched.cluster, watched.tls, port);
        const entry: Entry = {
          watched,
          client,
          material,
          known: new Map(),
          timer: undefined,
          round: undefined,
          again: false,
        };
        entries.set(key, entry);
        run(key, entry);
        return;
      }
      const same = JSON.stringify(partsOf(existing.watched)) === JSON.stringify(partsOf(watched));
      if (existing.material !== material) {
        existing.client.close();
        existing.client = createAgentClient(watched.cluster, watched.tls, port);
        existing.material = material;
      } else if (same) return;
      existing.watched = watched;
      run(key, existing);
    },
    forget: (key) => {
      const entry = entries.get(key);
      if (entry === undefined) return;
      entries.delete(key);
      clearTimeout(entry.timer);
      entry.client.close();
    },
    refresh: (key) => {
      const entry = entries.get(key);
      if (entry !== undefined && !stopped) run(key, entry);
    },
    reports: (key) => {
      const entry = entries.get(key);
      const now = monotonic();
      return new Map(
        [...(entry?.known ?? [])].map(
          ([name, { status, problem, fresh, heardAt }]): [string, AgentReport] => [
            name,
            { name, status, problem, fresh, silentMs: now - heardAt },
          ],
        ),
      );
    },
    stop: async () => {
      stopped = true;
      const rounds = [...entries.values()].flatMap((entry) => {
        clearTimeout(entry.timer);
        entry.client.close();
        return entry.round ?? [];
      });
      entries.clear();
      await Promise.all(rounds);
    },
  };
};
