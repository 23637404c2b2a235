import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger } from '@ollamamax/common';
import { openDisk } from '../../../../agent/src/catalog/thread/open-member.ts';
import { defaultMemberSettings } from '../../../../agent/src/raft/node/member-settings.ts';
import { Member } from '../../../../agent/src/raft/node/member.ts';
import { TlsTransport } from '../../../../agent/src/raft/transport/tls-transport.ts';
import { membersOf, type MemberPlan } from '../plan.ts';

/* All members from the fourth on, in one process: what they cost the leader is measured, not what they cost here. */

const { ports, folder, certificates } = JSON.parse(process.argv[2] ?? '{}') as MemberPlan;
const pem = (name: string): string => readFileSync(join(certificates, name), 'utf8');
const log = createLogger({ level: 'error', format: 'text', stream: process.stderr });
const all = membersOf(ports);
const settings = { ...defaultMemberSettings, segmentBytes: 1024 * 1024 };

const end = (error: unknown): void => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
};
for (const { node, agent, incarnation, port } of all.slice(3)) {
  const { wal, snapshots } = await openDisk(
    {
      directory: join(folder, String(node)),
      identity: { clusterId: 'bench', memberId: node, incarnation, agent, setUp: false },
      create: true,
      cluster: 'bench',
      peers: [],
      settings,
    },
    end,
    () => undefined,
  );
  const member = new Member({
    id: node,
    settings,
    log: wal,
    snapshots,
    machine: {
      apply: () => undefined,
      membersChanged: () => undefined,
      snapshot: () => new Uint8Array(),
      restore: () => undefined,
    },
    transport: new TlsTransport({
      self: { node, incarnation, clusterId: 'bench', address: `127.0.0.1:${port}`, features: 0 },
      cluster: 'bench',
      group: 0,
      listen: { host: '127.0.0.1', port },
      tls: { ca: pem('ca.crt'), cert: pem(`member-${node}.crt`), key: pem(`member-${node}.key`) },
      log,
    }),
    // Only those that may lead: learners have nothing to tell each other.
    peers: () => all.slice(0, 3),
    wanted: () => all.slice(0, 3).map(({ node }) => node),
    onFailure: end,
    onRole: () => undefined,
    onStep: () => undefined,
  });
  await member.start();
}
process.stdout.write('ready\n');
process.once('SIGTERM', () => process.exit(0));
