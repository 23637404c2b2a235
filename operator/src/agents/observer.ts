import { isApiError, type AgentStatus, type DesiredState } from '@ollamamax/api';
import type { Logger, TlsMaterial } from '@ollamamax/common';
import { createAgentClient, type AgentAddress, type AgentClient } from './agent-client.ts';

/** What is known of one agent. */
export interface AgentReport {
  readonly name: string;
  /** Its newest answer; kept while it does not answer. */
  readonly status: AgentStatus | undefined;
  /** Why it does not answer, or refuses what it was given; undefined when all is well. */
  readonly problem: { readonly kind: 'unreachable' | 'refused'; readonly message: string } | undefined;
  /** Milliseconds since it last answered, or since it was first asked. */
  readonly silentMs: number;
}

/** The agents of a cluster and what they are to bring about. */
export interface Watched {
  /** Name of the cluster in certificates. */
  readonly cluster: string;
  readonly tls: TlsMaterial;
  readonly agents: readonly AgentAddress[];
  /** Undefined: only look. */
  readonly wanted: DesiredState | undefined;
}

/** Asks agents how they are, and gives them what they are to bring about. Nothing of it goes through the API server. */
export interface AgentObserver {
  /** From now on, or in another way than before. */
  watch(key: string, watched: Watched): void;
  forget(key: string): void;
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

interface Known {
  /** A pod of the same name at another address is another agent, which has not been silent yet. */
  readonly ip: string;
  /** Monotonic time of its last answer, before that of the first question. */
  readonly heardAt: number;
  /** Monotonic time of the last question. */
  readonly askedAt: number;
  status: AgentStatus | undefined;
  problem: AgentReport['problem'];
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

/** Everything but figures that change with every answer. */
const visible = (known: Known): string => {
  const { status, problem } = known;
  return JSON.stringify([
    problem,
    status?.phase,
    status?.version,
    status?.catalogRevision,
    status?.catalogHash,
    status?.models.map(({ name, state, digest, sizeBytes, completedBytes, error, resident }) => [
      name,
      state,
      digest,
      error,
      resident?.state,
      sizeBytes === 0 ? 0 : Math.floor((completedBytes * 100) / sizeBytes),
    ]),
  ]);
};

const isMoving = ({ wanted, agents }: Watched, known: ReadonlyMap<string, Known>): boolean =>
  agents.some(({ name }) => {
    const one = known.get(name);
    return (
      one?.status === undefined ||
      one.problem !== undefined ||
      one.status.phase !== 'ready' ||
      (wanted !== undefined && one.status.catalogRevision !== wanted.revision) ||
      one.status.models.some(({ state }) => state !== 'ready')
    );
  });

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const createAgentObserver = (options: AgentObserverOptions): AgentObserver => {
  const { log, monotonic, busyMs = 1000, idleMs = 10_000, port } = options;
  const entries = new Map<string, Entry>();
  let stopped = false;

  const ask = async (entry: Entry, agent: AgentAddress): Promise<void> => {
    const { client, watched } = entry;
    const { ip } = agent;
    const earlier = entry.known.get(agent.name);
    const before = earlier?.ip === ip ? earlier : undefined;
    const askedAt = monotonic();
    const heardAt = before?.heardAt ?? askedAt;
    // One that has been away for a while is asked less often: connections that fail cost, too.
    const away = before?.problem?.kind === 'unreachable' && askedAt - heardAt > awayAfterMs;
    if (away && askedAt - before.askedAt < idleMs) return;
    let status = before?.status;
    try {
      status = await client.status(agent);
      const { wanted } = watched;
      if (wanted !== undefined && status.catalogRevision < wanted.revision) {
        await client.push(agent, wanted);
        status = await client.status(agent);
      }
      entry.known.set(agent.name, { ip, status, problem: undefined, askedAt, heardAt: monotonic() });
    } catch (error) {
      const refused = isApiError(error) && error.code !== 'agent_unreachable';
      entry.known.set(agent.name, {
        ip,
        status,
        askedAt,
        problem: { kind: refused ? 'refused' : 'unreachable', message: messageOf(error) },
        heardAt: refused ? monotonic() : heardAt,
      });
    }
  };

  const round = async (key: string, entry: Entry): Promise<void> => {
    const { agents } = entry.watched;
    const present = new Set(agents.map(({ name }) => name));
    let changed = false;
    for (const name of entry.known.keys())
      if (!present.has(name)) {
        entry.known.delete(name);
        changed = true;
      }
    await Promise.all(
      agents.map(async (agent) => {
        const before = entry.known.get(agent.name);
        await ask(entry, agent);
        const after = entry.known.get(agent.name);
        if (before === undefined || after === undefined || visible(before) !== visible(after)) changed = true;
      }),
    );
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
      const same =
        JSON.stringify([existing.watched.agents, existing.watched.wanted?.revision]) ===
        JSON.stringify([watched.agents, watched.wanted?.revision]);
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
    reports: (key) => {
      const entry = entries.get(key);
      const now = monotonic();
      return new Map(
        [...(entry?.known ?? [])].map(([name, { status, problem, heardAt }]): [string, AgentReport] => [
          name,
          { name, status, problem, silentMs: now - heardAt },
        ]),
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
