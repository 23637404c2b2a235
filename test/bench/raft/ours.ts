import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { youngGenerationMB } from '../../../agent/src/raft/node/member-settings.ts';
import { freePorts } from '../../cluster/kubernetes/free-ports.ts';
import { until } from '../../cluster/kubernetes/until.ts';
import { BenchRefused } from '../harness/bench.ts';
import { own, stopChild } from '../harness/child-process.ts';
import { runLoad, type Load, type RaftCandidate } from './candidate.ts';
import { membersOf, type LoadFigures, type MemberFigures } from './plan.ts';

/** What the thread of an agent's member is given. */
const youngGeneration = `--max-semi-space-size=${youngGenerationMB / 3}`;

const memberProgram = fileURLToPath(new URL('member/main.ts', import.meta.url));

class OurMember {
  readonly id: number;
  readonly #plan: object;
  #child: ChildProcess | undefined;
  #create = true;
  readonly #asked: ((figures: MemberFigures) => void)[] = [];

  constructor(id: number, plan: object) {
    this.id = id;
    this.#plan = plan;
  }

  start(): void {
    const plan = JSON.stringify({ ...this.#plan, id: this.id, create: this.#create });
    this.#create = false;
    const child = own(
      spawn(process.execPath, [youngGeneration, memberProgram, plan], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    this.#child = child;
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#asked.shift()?.(JSON.parse(line) as MemberFigures);
    });
  }

  /** @returns undefined when it does not answer within a second */
  figures(): Promise<MemberFigures | undefined> {
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve(undefined), 1000);
      this.#asked.push((figures) => {
        clearTimeout(late);
        resolve(figures);
      });
      this.#child?.stdin?.write('\n');
    });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#asked.length = 0;
    if (child?.exitCode !== null) return;
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
  }

  async stop(): Promise<void> {
    if (this.#child !== undefined) await stopChild(this.#child);
  }
}

/** Members of ours in processes of their own, on loopback. */
export interface OurCluster extends RaftCandidate {
  /** Of the member that leads. @throws when nobody does within a minute */
  leader(): Promise<{ readonly id: number; readonly figures: MemberFigures }>;
  /** host:port of each member's port for clients. */
  readonly endpoints: readonly string[];
  kill(id: number): Promise<void>;
  restart(id: number): void;
}

/**
 * @param loadProgram see buildLoad
 * @param ports two for each that may ever be a member: Raft's and the clients'
 * @param members how many of them this cluster begins with
 */
export const startOurs = async (
  folder: string,
  certificates: string,
  loadProgram: string,
  signal: AbortSignal,
  ports?: readonly number[],
): Promise<OurCluster> => {
  const size = 3;
  const used = ports ?? (await freePorts(2 * size));
  const plan = { members: used.length / 2, ports: used, certificates };
  const members = Array.from(
    { length: size },
    (_, at) => new OurMember(at + 1, { ...plan, folder: join(folder, `ours-${at + 1}`) }),
  );
  const endpoints = membersOf(used)
    .slice(0, size)
    .map(({ clientPort }) => `127.0.0.1:${clientPort}`);
  for (const member of members) member.start();
  const leader = (): Promise<{ id: number; figures: MemberFigures }> =>
    until('one leads, and there are voters enough', async () => {
      for (const member of members) {
        const figures = await member.figures();
        if (figures?.role === 'leader' && figures.voters >= size) return { id: member.id, figures };
      }
      return undefined;
    });
  await leader();
  return {
    name: 'ours',
    endpoints,
    leader,
    load: async (asked: Load): Promise<LoadFigures> => {
      const { id } = await leader();
      const { leaderOnly = false, followersOnly = false } = asked;
      const chosen = endpoints.filter((_, at) => (at + 1 === id ? !followersOnly : !leaderOnly));
      return runLoad(loadProgram, ['--of=ours'], chosen, certificates, asked, signal);
    },
    kill: async (id) => {
      const member = members[id - 1];
      if (member === undefined) throw new BenchRefused(`there is no member ${id}`);
      await member.kill();
    },
    restart: (id) => members[id - 1]?.start(),
    stop: async () => {
      await Promise.all(members.map((member) => member.stop()));
    },
  };
};
