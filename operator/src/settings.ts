import { version } from '@ollamamax/api';
import type { LogLevel } from '@ollamamax/common';

/** What the operator is told by its environment. */
export interface OperatorSettings {
  readonly podName: string;
  readonly namespace: string;
  /** Empty: all. */
  readonly watchNamespaces: readonly string[];
  /** Whether it may read what belongs to no namespace: nodes and StorageClasses. */
  readonly clusterReads: boolean;
  readonly agentImage: string;
  readonly agentImagePullPolicy: string | undefined;
  readonly leaderElection: boolean;
  readonly metricsListen: { readonly host: string; readonly port: number };
  readonly clusterDomain: string;
  /** Reconciles at a time, of each kind. */
  readonly concurrency: number;
  /** Path of a kubeconfig; undefined: the service account of the pod. */
  readonly kubeconfig: string | undefined;
  readonly log: { readonly level: LogLevel; readonly format: 'json' | 'text' };
  /** Places at which tests end the process; see Failpoints. */
  readonly failpoints: string;
}

/** Every problem of the environment, a line each. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The environment of the operator has problems:\n${problems.map((line) => `  ${line}`).join('\n')}`);
    this.problems = problems;
  }
}

const levels: readonly string[] = ['debug', 'info', 'warn', 'error'];
const policies: readonly string[] = ['Always', 'IfNotPresent', 'Never'];
const namePattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * Reads the environment.
 * @throws SettingsError naming every problem and what would be right
 */
export const readSettings = (env: Readonly<Record<string, string | undefined>>): OperatorSettings => {
  const problems: string[] = [];
  const value = (name: string, fallback: string): string => {
    const given = env[name];
    return given === undefined || given.trim() === '' ? fallback : given.trim();
  };
  const oneOf = (name: string, allowed: readonly string[], fallback: string): string => {
    const given = value(name, fallback);
    if (allowed.includes(given)) return given;
    problems.push(`${name} is ${JSON.stringify(given)}: use one of ${allowed.join(', ')}.`);
    return fallback;
  };
  const watchNamespaces = value('WATCH_NAMESPACES', '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  for (const name of watchNamespaces)
    if (!namePattern.test(name))
      problems.push(`WATCH_NAMESPACES has ${JSON.stringify(name)}, which is no name of a namespace.`);
  const listen = /^(.*):(\d{1,5})$/.exec(value('METRICS_LISTEN', '0.0.0.0:8080'));
  const port = Number(listen?.[2] ?? Number.NaN);
  if (!(port >= 0 && port <= 65535))
    problems.push('METRICS_LISTEN must be HOST:PORT, for example 0.0.0.0:8080.');
  const concurrency = Number(value('CONCURRENCY', '8'));
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 64)
    problems.push('CONCURRENCY must be a whole number from 1 to 64.');
  const pullPolicy = env.AGENT_IMAGE_PULL_POLICY;
  const settings: OperatorSettings = {
    podName: value('POD_NAME', 'ollamamax-operator'),
    namespace: value('POD_NAMESPACE', 'default'),
    watchNamespaces,
    clusterReads:
      watchNamespaces.length === 0 || oneOf('CLUSTER_READS', ['true', 'false'], 'false') === 'true',
    agentImage: value('AGENT_IMAGE', `ollamamax-agent:${version}`),
    agentImagePullPolicy:
      pullPolicy === undefined || pullPolicy === ''
        ? undefined
        : oneOf('AGENT_IMAGE_PULL_POLICY', policies, 'IfNotPresent'),
    leaderElection: oneOf('LEADER_ELECTION', ['true', 'false'], 'true') === 'true',
    // Brackets are how an IPv6 address is told from its port, and no part of it.
    metricsListen: { host: (listen?.[1] ?? '').replace(/^\[(.*)\]$/, '$1'), port },
    clusterDomain: value('CLUSTER_DOMAIN', 'cluster.local'),
    concurrency,
    kubeconfig: env.KUBECONFIG === undefined || env.KUBECONFIG === '' ? undefined : env.KUBECONFIG,
    log: {
      level: oneOf('LOG_LEVEL', levels, 'info') as LogLevel,
      format: oneOf('LOG_FORMAT', ['json', 'text'], 'json') as 'json' | 'text',
    },
    failpoints: value('OLLAMAMAX_FAILPOINTS', ''),
  };
  if (problems.length > 0) throw new SettingsError(problems);
  return settings;
};
