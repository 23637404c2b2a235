import { flushCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { isApiError, type ApiError } from '@ollamamax/api/errors';
import type { Logger } from '@ollamamax/common';
import type { NodeId } from '../../raft/core/types.ts';
import { Member } from '../../raft/node/member.ts';
import type { Done } from '../../raft/node/pending-proposals.ts';
import { noTransport } from '../../raft/transport/no-transport.ts';
import { TlsTransport } from '../../raft/transport/tls-transport.ts';
import type { Peer, Transport } from '../../raft/transport/transport.ts';
import { peerOf } from '../peer-of.ts';
import { openDisk, type OpenedDisk } from './open-member.ts';
import { createPortLogger } from './port-logger.ts';
import type { Report, Request, ThreadOptions } from './protocol.ts';
import { RelayMachine } from './relay-machine.ts';

/*
 * Raft in a thread of its own: ticks, sockets and disk of the member, and nothing else. It ends by being asked to, or
 * by itself when the disk fails or a rule of the algorithm is broken.
 */

const report = (message: Report): void => parentPort?.postMessage(message);

const log: Logger = createPortLogger(
  (level, message, fields) => report({ kind: 'log', level, message, fields }),
  { component: 'raft' },
);

const tellOutcome: Done = (outcome, id) => report({ kind: 'outcome', id, outcome });

/** Members as they are known by another way than the log. */
let heard = (workerData as ThreadOptions).peers;

/** What a member consists of, to be ended in this order. */
interface Running {
  readonly member: Member;
  readonly disk: OpenedDisk;
  readonly transport: Transport | TlsTransport;
}

const start = async (options: ThreadOptions, onFailure: (error: unknown) => void): Promise<Running> => {
  const { identity, cluster, network, settings } = options;
  const machine = new RelayMachine(report);
  const disk = await openDisk(options, onFailure, (trouble) =>
    log.warn(trouble.message, { action: trouble.action }),
  );
  const transport =
    network === undefined
      ? noTransport
      : new TlsTransport({
          self: {
            node: identity.memberId,
            incarnation: identity.incarnation,
            clusterId: identity.clusterId,
            address: network.advertise,
            features: 0,
          },
          cluster,
          group: 0,
          listen: { host: network.host, port: network.port },
          tls: network.tls,
          log,
          onRefused: (by, refusal) => log.warn('Refused by another member.', { member: by, refusal }),
        });
  const wanted = (): readonly NodeId[] => Object.values(machine.catalog.state.members).map(({ id }) => id);
  /** Those that the log tells of, where they are now; until it tells of any, those that were heard of. */
  const peers = (): readonly Peer[] => {
    const { members, leaving } = machine.catalog.state;
    const all = Object.values({ ...members, ...leaving });
    if (all.length === 0) return heard;
    return all.map(
      (member) =>
        heard.find(({ node, incarnation }) => node === member.id && incarnation === member.incarnation) ??
        peerOf(member),
    );
  };
  const member = new Member({
    id: identity.memberId,
    settings,
    log: disk.wal,
    snapshots: disk.snapshots,
    machine,
    transport,
    peers,
    wanted,
    onFailure,
    onRole: (state) => report({ kind: 'role', state }),
    onStep: (step) => {
      if (step.kind === 'blocked') log.warn('The members cannot be changed now.', { reason: step.why });
      else log.info('The members are changed.', { step: step.kind, reason: step.why });
    },
  });
  await member.start();
  machine.catalog.watch(({ part }) => {
    if (part === 'members' || part === 'all') member.refreshPeers();
  });
  const port = transport instanceof TlsTransport ? transport.address().port : undefined;
  report({ kind: 'started', port });
  // For later starts: a thread that strips types itself keeps the 20 MB of the program that does it.
  flushCompileCache();
  return { member, disk, transport };
};

const stop = async ({ member, disk }: Running): Promise<void> => {
  await member.stop();
  await new Promise<void>((resolve) => {
    disk.wal.close(resolve);
  });
};

let running: Running | undefined;
let failed = false;

const fail = (error: unknown): void => {
  if (failed) return;
  failed = true;
  const { code, message }: Pick<ApiError, 'code' | 'message'> = isApiError(error)
    ? error
    : { code: 'member_failed', message: error instanceof Error ? error.message : String(error) };
  report({ kind: 'failed', problem: { code, message } });
  void running?.member.stop();
};

const take = (request: Request, { member, transport }: Running): void => {
  switch (request.kind) {
    case 'propose':
      member.propose(request.payload, tellOutcome, request.id);
      return;
    case 'read':
      member.read((applied) => report({ kind: 'readDone', id: request.id, applied }));
      return;
    case 'report':
      report({ kind: 'reportDone', id: request.id, report: member.report() });
      return;
    case 'snapshot':
      member.takeSnapshot((index) => report({ kind: 'snapshotDone', id: request.id, index }));
      return;
    case 'peers':
      heard = request.peers;
      member.refreshPeers();
      return;
    case 'transfer':
      member.transferLeader(request.to);
      return;
    case 'renew':
      if (transport instanceof TlsTransport) transport.renew(request.tls);
      return;
    case 'stop':
  }
};

const onRequest = (request: Request): void => {
  if (request.kind === 'stop') {
    const end = (): void => parentPort?.close();
    if (running === undefined) end();
    else void stop(running).finally(end);
  } else if (running !== undefined) take(request, running);
};

try {
  running = await start(workerData as ThreadOptions, fail);
} catch (error) {
  fail(error);
}
parentPort?.on('message', onRequest);
