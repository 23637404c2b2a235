import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from '../../cluster/kubernetes/free-ports.ts';
import { BenchRefused } from '../harness/bench.ts';
import { startChild, stopChild } from '../harness/child-process.ts';
import { runLoad, type Load, type RaftCandidate } from './candidate.ts';
import { buildLoad, programCache } from './load-program.ts';

const execute = promisify(execFile);
const installMs = 600_000;

/** etcd as Debian packages it, and the load. */
export interface RaftPrograms {
  readonly server: string;
  readonly load: string;
  readonly version: string;
}

/**
 * Unpacks Debian's etcd-server, without installing a service, and builds the load with Go.
 * @throws BenchRefused when apt or Go cannot
 */
export const raftPrograms = async (
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<RaftPrograms> => {
  const load = await buildLoad(progress, signal);
  const limits = { signal, timeout: installMs };
  const server = join(programCache, 'etcd', 'usr', 'bin', 'etcd');
  try {
    await mkdir(programCache, { recursive: true });
    if (!existsSync(server)) {
      progress('unpacking etcd-server of Debian');
      const folder = await mkdtemp(join(programCache, 'deb-'));
      await execute('apt-get', ['download', 'etcd-server'], { ...limits, cwd: folder });
      const [archive] = await readdir(folder);
      if (archive === undefined) throw new Error('apt-get downloaded nothing');
      await execute('dpkg', ['-x', join(folder, archive), join(programCache, 'etcd')], limits);
      await rm(folder, { recursive: true });
    }
    const { stdout } = await execute(server, ['--version'], limits);
    return { server, load, version: /etcd Version: (\S+)/.exec(stdout)?.[1] ?? 'unknown' };
  } catch (error) {
    signal.throwIfAborted();
    throw new BenchRefused(
      `the peer etcd is missing (it needs apt-get, and Debian's package etcd-server): ${
        error instanceof Error ? error.message : String(error)
      }`,
      { cause: error },
    );
  }
};

/** Three members on loopback, mutual TLS among them and with clients, every write synced as by default. */
export const startEtcd = async (
  { server, load }: RaftPrograms,
  folder: string,
  certificates: string,
  signal: AbortSignal,
): Promise<RaftCandidate> => {
  const ports = await freePorts(6);
  const url = (at: number): string => `https://127.0.0.1:${ports[at] ?? 0}`;
  const members = [0, 1, 2];
  const cluster = members.map((at) => `m${at}=${url(at)}`).join(',');
  const children = members.map((at) => {
    const tls = (prefix: string): string[] => [
      `--${prefix}client-cert-auth`,
      `--${prefix}trusted-ca-file=${certificates}/ca.crt`,
      `--${prefix}cert-file=${certificates}/member-${at + 1}.crt`,
      `--${prefix}key-file=${certificates}/member-${at + 1}.key`,
    ];
    return startChild(server, [
      `--name=m${at}`,
      `--data-dir=${join(folder, `etcd-${at}`)}`,
      `--listen-peer-urls=${url(at)}`,
      `--initial-advertise-peer-urls=${url(at)}`,
      `--listen-client-urls=${url(3 + at)}`,
      `--advertise-client-urls=${url(3 + at)}`,
      `--initial-cluster=${cluster}`,
      ...tls(''),
      ...tls('peer-'),
    ]).child;
  });
  const endpoints = members.map((at) => `127.0.0.1:${ports[3 + at] ?? 0}`);
  return {
    name: 'etcd',
    load: (asked: Load) =>
      runLoad(
        load,
        ['--of=etcd', ...(asked.leaderOnly === true ? ['--leader'] : [])],
        // Any of them: etcd's followers ask their leader as ours do, and who leads is not known here.
        asked.followersOnly === true ? endpoints.slice(1) : endpoints,
        certificates,
        asked,
        signal,
      ),
    stop: async () => {
      await Promise.all(children.map(stopChild));
    },
  };
};
