import { describe, expect, test } from '@jest/globals';
import { compileValidator, NodeConfig } from '@ollamamax/api';
import { parseConfigFile } from '@ollamamax/common';
import { clusterOf, inputOf, type ClusterFields } from '../cluster.fixture.ts';
import { configKey, configMap, servesHttps } from './config-map.ts';

type Configuration = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const configurationOf = (spec: object = {}, fields?: ClusterFields): Configuration => {
  const { data } = configMap(inputOf(clusterOf(spec, fields))) as unknown as {
    readonly data: Readonly<Record<string, string>>;
  };
  expect(Object.keys(data)).toEqual([configKey]);
  const { value, problems } = parseConfigFile(data[configKey]!, {});
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
    expect(configurationOf().cluster).toEqual({ name: 'demo', peersDns: 'demo-agents.team.svc:9443' });
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
