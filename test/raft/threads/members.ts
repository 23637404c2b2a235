import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentIdentity, type CatalogOperation } from '@ollamamax/api';
import {
  createCertificateAuthority,
  createLogger,
  issueCertificate,
  type CertificatePair,
} from '@ollamamax/common';
import { foldersOf, identityOn } from '../../../agent/src/catalog/offline/stopped-member.ts';
import { peerOf } from '../../../agent/src/catalog/peer-of.ts';
import { encodeCommand } from '../../../agent/src/catalog/state/encode-command.ts';
import { RaftThread } from '../../../agent/src/catalog/thread/raft-thread.ts';
import type { EntryType } from '../../../agent/src/raft/core/types.ts';
import { newIncarnation, type MemberIdentity } from '../../../agent/src/raft/node/identity-file.ts';
import { defaultMemberSettings } from '../../../agent/src/raft/node/member-settings.ts';
import { wrapRequest } from '../../../agent/src/raft/node/request-id.ts';
import { nodeVfs } from '../../../agent/src/raft/storage/node-vfs.ts';
import { openWal } from '../../../agent/src/raft/storage/open-wal.ts';
import type { Peer } from '../../../agent/src/raft/transport/transport.ts';
import { freePorts } from '../../cluster/kubernetes/free-ports.ts';
import { until } from '../../cluster/kubernetes/until.ts';

const log = createLogger({ level: 'error', format: 'text', stream: process.stderr });

/** Snapshots come early, so that disks hold one and entries behind it. */
const settings = {
  ...defaultMemberSettings,
  driver: { ...defaultMemberSettings.driver, snapshotEntries: 12, keepEntries: 4 },
  segmentBytes: 1024 * 1024,
};

/** A place for one agent's member to listen at. */
export interface Seat {
  readonly agent: string;
  readonly port: number;
}

export const command = (operation: CatalogOperation): Uint8Array => encodeCommand({ format: 1, operation });

export const drain = (agent: string): CatalogOperation => ({
  op: 'setDrain',
  agent,
  since: 1,
  reason: 'test',
});

/** Members of real threads, with mutual TLS between them, whose disks outlive them. */
export class Members {
  readonly #authority: CertificatePair;
  readonly #folders: string[] = [];
  readonly #threads = new Set<RaftThread>();

  private constructor(authority: CertificatePair) {
    this.#authority = authority;
  }

  static async create(): Promise<Members> {
    return new Members(await createCertificateAuthority({ commonName: 'test', days: 1 }));
  }

  /** A data directory, empty or as another one is now. */
  folder(copyOf?: string): string {
    const folder = mkdtempSync(join(tmpdir(), 'ollamamax-members-'));
    this.#folders.push(folder);
    if (copyOf !== undefined) cpSync(copyOf, folder, { recursive: true });
    return folder;
  }

  /** Starts the member of a data directory. */
  async start(
    dataDir: string,
    identity: MemberIdentity,
    { agent, port }: Seat,
    peers: readonly Peer[] = [],
  ): Promise<RaftThread> {
    const leaf = await issueCertificate(this.#authority, { uriSan: agentIdentity('c', agent), days: 1 });
    const thread = new RaftThread({
      log,
      onFailure: () => undefined,
      thread: {
        directory: join(dataDir, 'raft'),
        identity,
        create: !identity.setUp,
        cluster: 'c',
        network: {
          host: '127.0.0.1',
          port,
          advertise: `127.0.0.1:${port}`,
          tls: { ca: this.#authority.cert, cert: leaf.cert, key: leaf.key },
        },
        peers,
        settings,
      },
    });
    this.#threads.add(thread);
    await thread.start();
    return thread;
  }

  async stop(thread: RaftThread): Promise<void> {
    this.#threads.delete(thread);
    await thread.stop();
  }

  /** Admits an agent by way of a member that knows a leader, and starts it. */
  async join(
    by: RaftThread,
    clusterId: string,
    dataDir: string,
    seat: Seat,
  ): Promise<{ readonly thread: RaftThread; readonly identity: MemberIdentity }> {
    const incarnation = newIncarnation();
    const { agent, port } = seat;
    const admitted = await by.propose(
      command({ op: 'admitMember', agent, incarnation, address: `127.0.0.1:${port}` }),
    );
    if (admitted.kind !== 'applied') throw new Error(`not admitted: ${JSON.stringify(admitted)}`);
    const { value } = admitted.result as { readonly value: { readonly id: number } };
    const identity = { clusterId, memberId: value.id, incarnation, agent, setUp: false };
    const peers = Object.values(by.catalog.state.members).map(peerOf);
    return { thread: await this.start(dataDir, identity, seat, peers), identity };
  }

  async end(): Promise<void> {
    await Promise.all([...this.#threads].map((thread) => thread.stop()));
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  }
}

export const untilLeads = (thread: RaftThread): Promise<unknown> =>
  until('it leads', () => thread.role.role === 'leader');

export interface StoppedGroup {
  readonly clusterId: string;
  /** Data directories of its agents, in order of their members' numbers. */
  readonly dataDirs: readonly string[];
  readonly seats: readonly Seat[];
}

/** Three members that have agreed on something, in a snapshot and behind it; stopped. */
export const stoppedGroup = async (members: Members): Promise<StoppedGroup> => {
  const clusterId = 'old';
  const seats = (await freePorts(3)).map((port, at) => ({ agent: `agent-${at}`, port }));
  const dataDirs = seats.map(() => members.folder());
  const [first, second, third] = await startGroup(members, clusterId, seats, dataDirs);
  for (let at = 0; at < 20; at += 1) await first.propose(command(drain(`x${at}`)));
  await first.propose(
    command({ op: 'setDesired', origin: 'pushed', state: { revision: 5, models: [], settings: {} } }),
  );
  const reached = first.catalog.index;
  await until('all have all of it', () =>
    [first, second, third].every(({ catalog }) => catalog.index >= reached),
  );
  // What is agreed is known to the others a heartbeat later.
  await until('all know it', async () => {
    const known = await Promise.all([first, second, third].map((thread) => thread.report()));
    return known.every((report) => (report?.status.commit ?? 0) >= reached);
  });
  for (const thread of [third, second, first]) await members.stop(thread);
  return { clusterId, dataDirs, seats };
};

const startGroup = async (
  members: Members,
  clusterId: string,
  seats: readonly Seat[],
  dataDirs: readonly string[],
): Promise<readonly [RaftThread, RaftThread, RaftThread]> => {
  const [seat, ...others] = seats;
  const [dataDir, ...otherDirs] = dataDirs;
  if (seat === undefined || dataDir === undefined) throw new Error('no seat');
  const incarnation = newIncarnation();
  const identity = { clusterId, memberId: 1, incarnation, agent: seat.agent, setUp: false };
  const first = await members.start(dataDir, identity, seat);
  await untilLeads(first);
  const { agent, port } = seat;
  await first.propose(command({ op: 'admitMember', agent, incarnation, address: `127.0.0.1:${port}` }));
  const joined: RaftThread[] = [];
  for (const [at, other] of others.entries())
    joined.push((await members.join(first, clusterId, otherDirs[at] ?? '', other)).thread);
  const [second, third] = joined;
  if (second === undefined || third === undefined) throw new Error('three');
  await until('all are voters', () => third.catalog.config?.voters.length === 3);
  return [first, second, third];
};

/** Writes an entry behind the last one that nobody else ever saw. */
export const appendAlone = (dataDir: string, payload: Uint8Array): Promise<void> =>
  appendEntry(dataDir, 'normal', wrapRequest({ node: 9, nonce: 9, sequence: 9 }, payload));

/** As `appendAlone`, an entry of any kind. */
export const appendEntry = async (dataDir: string, type: EntryType, data: Uint8Array): Promise<void> => {
  const identity = await identityOn(foldersOf(dataDir));
  if (identity === undefined) throw new Error('no member');
  const { wal: directory } = foldersOf(dataDir);
  await new Promise<void>((resolve, reject) => {
    openWal(
      { vfs: nodeVfs, directory, identity, create: undefined, onFailure: reject, onTrouble: reject },
      ({ wal, error }) => {
        if (wal === undefined) {
          reject(error);
          return;
        }
        const index = wal.lastIndex() + 1;
        const term = wal.term(index - 1) ?? 0;
        const entries = [{ index, term, type, data }];
        const work = { entries, hardState: undefined, snapshot: undefined, mustSync: true };
        wal.append({ ...work, messages: [], token: 0 }, () => wal.close(resolve));
      },
    );
  });
};
