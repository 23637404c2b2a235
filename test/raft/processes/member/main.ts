import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { createLogger } from '@ollamamax/common';
import { openDisk } from '../../../../agent/src/catalog/thread/open-member.ts';
import { Member } from '../../../../agent/src/raft/node/member.ts';
import { nodeVfs } from '../../../../agent/src/raft/storage/node-vfs.ts';
import { TlsTransport } from '../../../../agent/src/raft/transport/tls-transport.ts';
import type { Ask, MemberPlan, MemberReport, Order, Told } from '../wire.ts';
import { faultyVfs } from './faulty-vfs.ts';
import { Registers } from './registers.ts';

/* One member for tests of real processes: disk, driver and transport of an agent, and registers to agree on. */

const plan = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as MemberPlan;
const { id, folder, create, peers, raftPort, clientPort, tls, settings } = plan;
const own = peers.find(({ node }) => node === id);
if (own === undefined) throw new Error(`member ${id} is not one of the peers`);
const log = createLogger({ level: 'info', format: 'text', stream: process.stderr });
const faults = { slowMs: 0, broken: false };
const registers = new Registers();

const end = (error: unknown): void => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
};
const { wal, snapshots } = await openDisk(
  {
    directory: folder,
    identity: {
      clusterId: 'test',
      memberId: id,
      incarnation: own.incarnation,
      agent: own.agent,
      setUp: !create,
    },
    create,
    cluster: 'test',
    peers,
    settings,
  },
  end,
  (trouble) => log.warn(trouble.message),
  faultyVfs(nodeVfs, faults),
);
const member = new Member({
  id,
  settings,
  log: wal,
  snapshots,
  machine: registers,
  transport: new TlsTransport({
    self: {
      node: id,
      incarnation: own.incarnation,
      clusterId: 'test',
      address: `127.0.0.1:${raftPort}`,
      features: 0,
    },
    cluster: 'test',
    group: 0,
    listen: { host: '127.0.0.1', port: raftPort },
    tls,
    log,
  }),
  peers: () => peers,
  wanted: () => peers.map(({ node }) => node),
  onFailure: end,
  onRole: () => undefined,
  onStep: ({ kind, why }) => log.info('step', { kind, why }),
});
await member.start();

const answer = (ask: Ask, tell: (told: Told) => void): void => {
  const { number, op, key } = ask;
  if (op === 'read')
    member.read((at) =>
      tell(
        at === undefined
          ? { number, kind: 'refused' }
          : { number, kind: 'done', output: registers.read(key) },
      ),
    );
  else
    member.propose(new TextEncoder().encode(JSON.stringify(ask)), ({ kind }) =>
      tell(kind === 'applied' ? { number, kind: 'done', output: '' } : { number, kind }),
    );
};

const serve = (socket: Socket): void => {
  socket.on('error', () => socket.destroy());
  createInterface({ input: socket }).on('line', (line) => {
    answer(JSON.parse(line) as Ask, (told) => {
      if (!socket.destroyed) socket.write(`${JSON.stringify(told)}\n`);
    });
  });
};
createServer(serve).listen(clientPort, '127.0.0.1');

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const order = JSON.parse(line) as Order;
    if (order.kind === 'slowDisk') faults.slowMs = order.ms;
    else if (order.kind === 'brokenDisk') faults.broken = true;
    else {
      const { role, lead, term, applied, config } = member.report().status;
      const report: MemberReport = { role, lead, term, applied, voters: config.voters };
      process.stdout.write(`${JSON.stringify(report)}\n`);
    }
  })
  // The test is gone.
  .on('close', () => process.exit(0));
