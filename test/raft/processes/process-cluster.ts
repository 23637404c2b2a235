import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentIdentity } from '@ollamamax/api';
import { createCertificateAuthority, issueCertificate } from '@ollamamax/common';
import { defaultMemberSettings, type MemberSettings } from '../../../agent/src/raft/node/member-settings.ts';
import { freePorts } from '../../cluster/kubernetes/free-ports.ts';
import { LinkProxy } from './link-proxy.ts';
import { MemberProcess } from './member-process.ts';
import type { MemberReport } from './wire.ts';

/** Small segments and frequent snapshots: what happens rarely in life happens all the time here. */
const settings: MemberSettings = {
  ...defaultMemberSettings,
  segmentBytes: 256 * 1024,
  driver: { ...defaultMemberSettings.driver, snapshotEntries: 200, keepEntries: 50 },
};

/** Members in processes of their own, and a way that can be cut between each two. */
export class ProcessCluster {
  readonly members: readonly MemberProcess[];
  readonly #links: ReadonlyMap<string, LinkProxy>;
  readonly #folder: string;

  private constructor(
    members: readonly MemberProcess[],
    links: ReadonlyMap<string, LinkProxy>,
    folder: string,
  ) {
    this.members = members;
    this.#links = links;
    this.#folder = folder;
  }

  static async start(size: number): Promise<ProcessCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'ollamamax-raft-'));
    const ids = Array.from({ length: size }, (_, at) => at + 1);
    const ports = await freePorts(2 * size);
    const raftPort = (id: number): number => ports[id - 1] ?? 0;
    const clientPort = (id: number): number => ports[size + id - 1] ?? 0;
    const links = new Map<string, LinkProxy>();
    const proxyPorts = new Map<string, number>();
    for (const from of ids)
      for (const to of ids) {
        const proxy = new LinkProxy(() => raftPort(to));
        links.set(`${from}>${to}`, proxy);
        proxyPorts.set(`${from}>${to}`, await proxy.listen());
      }
    const authority = await createCertificateAuthority({ commonName: 'test', days: 1 });
    const members: MemberProcess[] = [];
    for (const id of ids) {
      const leaf = await issueCertificate(authority, {
        uriSan: agentIdentity('test', `member-${id}`),
        days: 1,
      });
      const peers = ids.map((node) => ({
        node,
        agent: `member-${node}`,
        incarnation: `life-${node}`,
        host: '127.0.0.1',
        port: proxyPorts.get(`${id}>${node}`) ?? 0,
      }));
      members.push(
        new MemberProcess({
          id,
          folder: join(folder, String(id)),
          create: true,
          raftPort: raftPort(id),
          clientPort: clientPort(id),
          peers,
          tls: { ca: authority.cert, cert: leaf.cert, key: leaf.key },
          settings,
        }),
      );
    }
    const cluster = new ProcessCluster(members, links, folder);
    for (const member of members) member.start();
    await cluster.untilReady();
    return cluster;
  }

  member(id: number): MemberProcess {
    const member = this.members[id - 1];
    if (member === undefined) throw new Error(`there is no member ${id}`);
    return member;
  }

  /** The way from one member to another, in that direction. */
  link(from: number, to: number): LinkProxy {
    const link = this.#links.get(`${from}>${to}`);
    if (link === undefined) throw new Error(`there is no way from ${from} to ${to}`);
    return link;
  }

  /** Cuts some members off from the others, both ways. */
  isolate(ids: readonly number[], state: 'cut' | 'silent'): void {
    for (const a of this.members)
      for (const b of this.members)
        if (ids.includes(a.id) !== ids.includes(b.id)) this.link(a.id, b.id).set(state);
  }

  heal(): void {
    for (const link of this.#links.values()) link.set('open');
  }

  async statuses(): Promise<ReadonlyMap<number, MemberReport>> {
    const all = await Promise.all(
      this.members.map(async (member) => [member.id, await member.status()] as const),
    );
    return new Map(all.flatMap(([id, report]) => (report === undefined ? [] : [[id, report]])));
  }

  /** The leader of the highest term. */
  async leader(): Promise<number | undefined> {
    const leaders = [...(await this.statuses())].filter(([, { role }]) => role === 'leader');
    return leaders.sort(([, a], [, b]) => b.term - a.term)[0]?.[0];
  }

  /** Waits until one leads and all are voters. */
  async untilReady(): Promise<number> {
    return this.until('all are voters and one leads', async () => {
      const statuses = await this.statuses();
      const whole = [...statuses.values()].every(({ voters }) => voters.length === this.members.length);
      return statuses.size === this.members.length && whole ? this.leader() : undefined;
    });
  }

  async until<T>(what: string, check: () => Promise<T | undefined>): Promise<T> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const found = await check();
      if (found !== undefined) return found;
      if (Date.now() > deadline)
        throw new Error(
          `waited 60 s in vain: ${what}\n${this.members.map(({ id, output }) => `--- ${id}\n${output}`).join('\n')}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    for (const member of this.members) {
      member.pause(false);
      await member.kill();
    }
    for (const link of this.#links.values()) link.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
