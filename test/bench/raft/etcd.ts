import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePorts } from '../../cluster/kubernetes/free-ports.ts';
import { BenchRefused } from '../harness/bench.ts';
import { startChild, stopChild } from '../harness/child-process.ts';
import { runLoad, type Load, type RaftCandidate } from './candidate.ts';

const execute = promisify(execFile);
const cache = join(homedir(), '.cache', 'ollamamax', 'bench-raft');
const loadSources = fileURLToPath(new URL('etcd-load/', import.meta.url));
const installMs = 600_000;

/** etcd as Debian packages it, and the load for it. */
export interface EtcdPrograms {
  readonly server: string;
  readonly load: string;
  readonly version: string;
}

/**
 * Unpacks Debian's etcd-server, without installing a service, and builds the load with Go.
 * @throws BenchRefused when neither apt nor Go can
 */
export const etcdPrograms = async (
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<EtcdPrograms> => {
  const limits = { signal, timeout: installMs };
  const server = join(cache, 'etcd', 'usr', 'bin', 'etcd');
  const sources = ['main.go', 'go.mod', 'go.sum'].map((name) => readFileSync(join(loadSources, name)));
  const load = join(
    cache,
    `etcd-load-${createHash('sha256').update(Buffer.concat(sources)).digest('hex').slice(0, 16)}`,
  );
  try {
    await mkdir(cache, { recursive: true });
    if (!existsSync(server)) {
      progress('unpacking etcd-server of Debian');
      const folder = await mkdtemp(join(cache, 'deb-'));
      await execute('apt-get', ['download', 'etcd-server'], { ...limits, cwd: folder });
      const [archive] = await readdir(folder);
      if (archive === undefined) throw new Error('apt-get downloaded nothing');
      await execute('dpkg', ['-x', join(folder, archive), join(cache, 'etcd')], limits);
      await rm(folder, { recursive: true });
    }
    if (!existsSync(load)) {
      progress("building the load with etcd's own client");
      await execute('go', ['build', '-o', load, '.'], { ...limits, cwd: loadSources });
    }
    const { stdout } = await execute(server, ['--version'], limits);
    return { server, load, version: /etcd Version: (\S+)/.exec(stdout)?.[1] ?? 'unknown' };
  } catch (error) {
    signal.throwIfAborted();
    throw new BenchRefused(
      `the peer etcd is missing (it needs apt-get, Debian's package etcd-server, and Go): ${
        error instanceof Error ? error.message : String(error)
      }`,
      { cause: error },
    );
  }
};

/** Three members on loopback, mutual TLS among them and with clients, every write synced as by default. */
export const startEtcd = async (
  { server, load }: EtcdPrograms,
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
        [],
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
