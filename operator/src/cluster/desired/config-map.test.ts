import { describe, expect, test } from '@jest/globals';
import { compileValidator, NodeConfig } from '@ollamamax/api';
import { parseConfigFile } from '@ollamamax/common';
import { clusterOf, inputOf, podOf, type ClusterFields } from '../cluster.fixture.ts';
import type { StatefulSet } from '../objects.ts';
import { configHash, configKey, configMap, earlierConfigs, servesHttps } from './config-map.ts';
import { podTemplate } from './pod-template.ts';

type Configuration = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const configurationOf = (spec: object = {}, fields?: ClusterFields): Configuration => {
  const input = inputOf(clusterOf(spec, fields));
  const { data } = configMap(input) as unknown as { readonly data: Readonly<Record<string, string>> };
  const key = configKey(configHash(input));
  expect(Object.keys(data)).toEqual([key]);
  const { value, problems } = parseConfigFile(data[key]!, {});
  expect(problems).toEqual([]);
  return value as Configuration;
};

const validate = compileValidator(NodeConfig);

describe('the configuration of the agents', () => {
  test.each([
    ['the least cluster', {}, {}],
    ['HTTPS of its own', { tls: { managed: true } }, {}],
    ['HTTPS with a given certificate', { tls: { secretName: 'mine' } }, {}],
    ['no log-in', { auth: { enabled: false } }, {}],
    ['the longest names', {}, { name: 'x'.repeat(40), namespace: 'n'.repeat(63) }],
  ])('is one that agents take: %s', (_what, spec, fields) => {
    expect(validate(structuredClone(configurationOf(spec, fields)))).toMatchObject({ ok: true });
  });

  test('names the cluster and where its agents find each other', () => {
    expect(configurationOf().listen).toMatchObject({ raft: ':7000', internal: ':9443' });
    expect(configurationOf().cluster).toEqual({
      name: 'demo',
      peersDns: 'demo-agents.team.svc.cluster.local:9443',
    });
  });

  test('has the HTTPS certificate only where there is HTTPS, and that of the internal API always', () => {
    const tls = { certFile: '/etc/ollamamax/api-tls/tls.crt', keyFile: '/etc/ollamamax/api-tls/tls.key' };
    expect(configurationOf()).not.toHaveProperty('tls');
    for (const spec of [{ tls: { managed: true } }, { tls: { secretName: 'mine' } }]) {
      expect(configurationOf(spec).tls).toEqual(tls);
      expect(servesHttps(clusterOf(spec))).toBe(true);
    }
    expect(servesHttps(clusterOf())).toBe(false);
    expect(configurationOf().internalTls).toEqual({
      caFile: '/etc/ollamamax/tls/ca.crt',
      certFile: '/etc/ollamamax/tls/tls.crt',
      keyFile: '/etc/ollamamax/tls/tls.key',
    });
  });

  test('demands log-in, or says that it does not on purpose', () => {
    expect(configurationOf({ auth: { tokenLifetimeSeconds: 600 } })).toMatchObject({
      auth: {
        enabled: true,
        usersFile: '/etc/ollamamax/auth/users.yaml',
        jwtSecretFile: '/etc/ollamamax/auth/signing-secret',
        tokenSeconds: 600,
      },
    });
    expect(configurationOf()).not.toHaveProperty('http');
    const open = configurationOf({ auth: { enabled: false } });
    expect(open).not.toHaveProperty('auth');
    expect(open.http).toEqual({ insecure: true });
  });

  test('has what the spec says of drain and log', () => {
    const spec = {
      drain: { delaySeconds: 1, graceSeconds: 2 },
      logging: { level: 'debug', format: 'text' },
    };
    expect(configurationOf(spec)).toMatchObject({ drain: spec.drain, log: spec.logging });
  });

  test('has nothing secret and nothing that changes while agents run', () => {
    const text = JSON.stringify(configMap(inputOf(clusterOf({ inference: { contextSize: 12345 } }))));
    expect(text).not.toContain('12345');
    expect(text).not.toMatch(/argon2id|PRIVATE KEY/);
  });
});

describe('files that agents with an earlier template read', () => {
  const key = (letter: string): string => `node-${letter.repeat(16)}.yaml`;
  const live = { [key('a')]: 'old', [key('b')]: 'new', 'somebody.yaml': 'theirs' };
  const setOf = (hash: string, status: NonNullable<StatefulSet['status']>): StatefulSet => ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'demo', generation: 4 },
    spec: { template: { metadata: { annotations: { 'ollamamax.io/config-hash': hash } } } },
    status,
  });
  const done = { observedGeneration: 4, currentRevision: 'r2', updateRevision: 'r2' };

  test.each<[string, StatefulSet | undefined]>([
    ['the template is about to be changed', setOf('a'.repeat(16), done)],
    ['a roll goes on', setOf('b'.repeat(16), { ...done, currentRevision: 'r1' })],
    [
      'the StatefulSet controller has not seen it yet',
      setOf('b'.repeat(16), { ...done, observedGeneration: 3 }),
    ],
    ['the StatefulSet is being made anew', undefined],
  ])('stay while %s', (_when, statefulSet) => {
    expect(earlierConfigs('b'.repeat(16), live, statefulSet, [])).toEqual({ [key('a')]: 'old' });
  });

  test('go when all agents have the new template', () => {
    expect(earlierConfigs('b'.repeat(16), live, setOf('b'.repeat(16), done), [])).toEqual({});
  });

  test('are bounded, and those of pods are among them', () => {
    const many = Object.fromEntries(
      Array.from({ length: 40 }, (_unused, index) => [
        `node-${String(index).padStart(16, '0')}.yaml`,
        String(index),
      ]),
    );
    const pod = podOf(0);
    const annotations = { 'ollamamax.io/config-hash': '39'.padStart(16, '0') };
    const kept = earlierConfigs('b'.repeat(16), many, undefined, [
      { ...pod, metadata: { ...pod.metadata, annotations } },
    ]);
    expect(Object.keys(kept)).toHaveLength(20);
    expect(Object.values(kept)).toContain('39');
  });

  test('are in the ConfigMap beside the new one, which alone the template names', () => {
    const input = inputOf(clusterOf(), { earlierConfigs: { [key('a')]: 'old' } });
    const current = configKey(configHash(input));
    expect(configMap(input)).toMatchObject({ data: { [key('a')]: 'old', [current]: expect.any(String) } });
    expect(configHash(input)).toBe(configHash(inputOf()));
    expect(JSON.stringify(podTemplate(input))).toContain(JSON.stringify({ key: current, path: 'node.yaml' }));
    expect(JSON.stringify(podTemplate(input))).not.toContain(key('a'));
  });
});
