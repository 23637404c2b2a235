import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createServer, type TLSSocket } from 'node:tls';
import { createLogger } from '@ollamamax/common';
import { openDisk } from '../../../../agent/src/catalog/thread/open-member.ts';
import { defaultMemberSettings } from '../../../../agent/src/raft/node/member-settings.ts';
import type { Peer } from '../../../../agent/src/raft/transport/transport.ts';
import { Member } from '../../../../agent/src/raft/node/member.ts';
import type { Done } from '../../../../agent/src/raft/node/pending-proposals.ts';
import type { StateMachine } from '../../../../agent/src/raft/node/state-machine.ts';
import { TlsTransport } from '../../../../agent/src/raft/transport/tls-transport.ts';
import { answers, ClientAnswers, ClientFrames, kinds } from '../client-wire.ts';
import { membersOf, type MemberFigures, type MemberPlan } from '../plan.ts';

/*
 * A member of ours for the bench, in a process of its own: the same disk, driver and transport as an agent's, a state
 * machine that keeps the last value of each client, and a port for the load with mutual TLS as etcd's has it.
 */

const plan = JSON.parse(process.argv[2] ?? '{}') as MemberPlan;
const { id, ports, folder, certificates, create } = plan;
const pem = (name: string): string => readFileSync(join(certificates, name), 'utf8');
const log = createLogger({ level: 'warn', format: 'text', stream: process.stderr });
const own = membersOf(ports)[id - 1];
if (own === undefined) throw new Error(`there is no member ${id}`);

const bareRss = process.memoryUsage().rss;
const values = new Map<string, Uint8Array>();
let applied = 0;
const machine: StateMachine = {
  apply: (index, payload) => {
    applied = index;
    // The first 8 bytes stand for a key.
    values.set(Buffer.from(payload.buffer, payload.byteOffset, 8).toString('latin1'), payload);
    return undefined;
  },
  membersChanged: () => undefined,
  snapshot: () => Buffer.concat([...values.values()]),
  restore: () => values.clear(),
};

const end = (error: unknown): void => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
};
const settings = { ...defaultMemberSettings, segmentBytes: 64 * 1024 * 1024 };
const { wal, snapshots } = await openDisk(
  {
    directory: folder,
    identity: {
      clusterId: 'bench',
      memberId: id,
      incarnation: own.incarnation,
      agent: own.agent,
      setUp: !create,
    },
    create,
    cluster: 'bench',
    peers: [],
    settings,
  },
  end,
  (trouble) => log.warn(trouble.message),
);
const transport = new TlsTransport({
  self: {
    node: id,
    incarnation: own.incarnation,
    clusterId: 'bench',
    address: `127.0.0.1:${own.port}`,
    features: 0,
  },
  cluster: 'bench',
  group: 0,
  listen: { host: '127.0.0.1', port: own.port },
  tls: { ca: pem('ca.crt'), cert: pem(`member-${id}.crt`), key: pem(`member-${id}.key`) },
  log,
});
const members = (): readonly Peer[] => membersOf(ports).filter(({ node }) => node <= plan.members);

const member = new Member({
  id,
  settings,
  log: wal,
  snapshots,
  machine,
  transport,
  peers: members,
  wanted: () => members().map(({ node }) => node),
  onFailure: end,
  onRole: () => undefined,
  onStep: () => undefined,
});
await member.start();

const serve = (socket: TLSSocket): void => {
  socket.setNoDelay(true);
  const frames = new ClientFrames();
  /** Answers of one turn leave together. */
  const waiting = new ClientAnswers();
  const send = (): void => {
    const frames = waiting.take();
    if (!socket.destroyed) socket.write(frames);
  };
  const answer = (number: number, kind: number): void => {
    if (waiting.push(number, kind) === 1) queueMicrotask(send);
  };
  const tell: Done = ({ kind }, number) => answer(number, kind === 'applied' ? answers.done : answers.failed);
  socket.on('data', (chunk: Buffer) => {
    frames.push(chunk, (number, kind, body) => {
      if (kind === kinds.read)
        member.read((at) => answer(number, at === undefined ? answers.failed : answers.done));
      // It is copied at once.
      else member.propose(body, tell, number);
    });
  });
  socket.on('error', () => socket.destroy());
};
const server = createServer(
  {
    ca: pem('ca.crt'),
    cert: pem(`member-${id}.crt`),
    key: pem(`member-${id}.key`),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  },
  serve,
);
server.listen(own.clientPort, '127.0.0.1');

/** Asked by a line on standard input, answered by one on standard output. */
createInterface({ input: process.stdin }).on('line', () => {
  const { role, lead, config } = member.report().status;
  const { user, system } = process.cpuUsage();
  const figures: MemberFigures = {
    role,
    lead,
    voters: config.voters.length,
    learners: config.learners.length,
    applied,
    rss: process.memoryUsage().rss,
    bareRss,
    cpuMicros: user + system,
    syncs: wal.stats.syncs,
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
});
process.once('SIGTERM', () => {
  void member.stop().then(() => process.exit(0));
});
