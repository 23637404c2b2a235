import { describe, expect, test } from '@jest/globals';
import { version } from '@ollamamax/api';
import { readSettings, SettingsError } from './settings.ts';

const problemsOf = (env: Readonly<Record<string, string>>): readonly string[] => {
  try {
    readSettings(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
};

describe('readSettings', () => {
  const defaults = {
    podName: 'ollamamax-operator',
    namespace: 'default',
    watchNamespaces: [],
    clusterReads: true,
    agentImage: expect.stringMatching(new RegExp(`agent:${version.replaceAll('.', '\\.')}$`)),
    agentImagePullPolicy: undefined,
    leaderElection: true,
    metricsListen: { host: '0.0.0.0', port: 8080 },
    clusterDomain: 'cluster.local',
    concurrency: 8,
    kubeconfig: undefined,
    log: { level: 'info', format: 'json' },
    failpoints: '',
  };

  test('nothing is needed', () => {
    expect(readSettings({})).toEqual(defaults);
  });

  test('what is empty is as if it were not there', () => {
    const names = [
      'POD_NAME',
      'POD_NAMESPACE',
      'WATCH_NAMESPACES',
      'AGENT_IMAGE',
      'AGENT_IMAGE_PULL_POLICY',
      'LEADER_ELECTION',
      'METRICS_LISTEN',
      'CLUSTER_DOMAIN',
      'CONCURRENCY',
      'KUBECONFIG',
      'LOG_LEVEL',
      'LOG_FORMAT',
    ];
    expect(readSettings(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(defaults);
  });

  test('everything', () => {
    expect(
      readSettings({
        POD_NAME: 'operator-1',
        POD_NAMESPACE: 'system',
        WATCH_NAMESPACES: ' team-a, team-b ,',
        AGENT_IMAGE: 'own/agent:2',
        AGENT_IMAGE_PULL_POLICY: 'Always',
        LEADER_ELECTION: 'false',
        METRICS_LISTEN: '127.0.0.1:0',
        CLUSTER_DOMAIN: 'example.internal',
        CONCURRENCY: '16',
        KUBECONFIG: '/etc/kube/config',
        LOG_LEVEL: 'debug',
        LOG_FORMAT: 'text',
        OLLAMAMAX_FAILPOINTS: 'a=crash',
        SOMETHING_ELSE: 'x',
      }),
    ).toEqual({
      podName: 'operator-1',
      namespace: 'system',
      watchNamespaces: ['team-a', 'team-b'],
      clusterReads: false,
      agentImage: 'own/agent:2',
      agentImagePullPolicy: 'Always',
      leaderElection: false,
      metricsListen: { host: '127.0.0.1', port: 0 },
      clusterDomain: 'example.internal',
      concurrency: 16,
      kubeconfig: '/etc/kube/config',
      log: { level: 'debug', format: 'text' },
      failpoints: 'a=crash',
    });
  });

  test.each([
    [':9090', '', 9090],
    ['[::]:9090', '::', 9090],
    ['[fe80::1]:80', 'fe80::1', 80],
    ['metrics.local:65535', 'metrics.local', 65535],
  ])('METRICS_LISTEN=%s', (text, host, port) => {
    expect(readSettings({ METRICS_LISTEN: text }).metricsListen).toEqual({ host, port });
  });

  test.each([
    ['WATCH_NAMESPACES', 'a,B', 'WATCH_NAMESPACES has "B", which is no name of a namespace.'],
    ['WATCH_NAMESPACES', '-a', 'WATCH_NAMESPACES has "-a", which is no name of a namespace.'],
    [
      'AGENT_IMAGE_PULL_POLICY',
      'always',
      'AGENT_IMAGE_PULL_POLICY is "always": use one of Always, IfNotPresent, Never.',
    ],
    ['LEADER_ELECTION', 'yes', 'LEADER_ELECTION is "yes": use one of true, false.'],
    ['METRICS_LISTEN', '8080', 'METRICS_LISTEN must be HOST:PORT, for example 0.0.0.0:8080.'],
    ['METRICS_LISTEN', '0.0.0.0:70000', 'METRICS_LISTEN must be HOST:PORT, for example 0.0.0.0:8080.'],
    ['CONCURRENCY', '0', 'CONCURRENCY must be a whole number from 1 to 64.'],
    ['CONCURRENCY', '1.5', 'CONCURRENCY must be a whole number from 1 to 64.'],
    ['CONCURRENCY', 'many', 'CONCURRENCY must be a whole number from 1 to 64.'],
    ['CONCURRENCY', '65', 'CONCURRENCY must be a whole number from 1 to 64.'],
    ['LOG_LEVEL', 'verbose', 'LOG_LEVEL is "verbose": use one of debug, info, warn, error.'],
    ['LOG_FORMAT', 'xml', 'LOG_FORMAT is "xml": use one of json, text.'],
  ])('%s=%s is told of', (name, value, problem) => {
    expect(problemsOf({ [name]: value })).toEqual([problem]);
  });

  test('every problem is named at once', () => {
    const env = {
      WATCH_NAMESPACES: 'A,b,C',
      AGENT_IMAGE_PULL_POLICY: 'x',
      LEADER_ELECTION: 'x',
      METRICS_LISTEN: 'x',
      CONCURRENCY: 'x',
      LOG_LEVEL: 'x',
      LOG_FORMAT: 'x',
    };
    const problems = problemsOf(env);
    for (const name of Object.keys(env)) expect(problems.join('\n')).toContain(name);
    expect(problems).toHaveLength(8);
    expect(() => readSettings(env)).toThrow(problems.map((line) => `  ${line}`).join('\n'));
  });
});
