import { beforeAll, describe, expect, test } from '@jest/globals';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { OllamaCluster } from '@ollamamax/api';
import { createCertificateAuthority, issueCertificate, uriOfAltNames } from '@ollamamax/common';
import { KubeError, type KubeClient, type ObjectName } from '../kube/index.ts';
import { clusterOf, ownerOf, type ClusterFields } from './cluster.fixture.ts';
import {
  credentialsOf,
  operatorIdentityOf,
  readSecrets,
  type Credentials,
  type Secret,
  type SecretsNow,
} from './credentials.ts';
import { applied, dayMs, foreign, keysOf, named, none, now, valueOf } from './secrets.fixture.ts';

/* With real keys and certificates. */

const open = (fields?: ClusterFields): OllamaCluster => clusterOf({ auth: { enabled: false } }, fields);

const certificatesOf = (made: Credentials): Readonly<Record<string, string>> =>
  Object.fromEntries(
    keysOf(made.secrets, 'demo-agent-tls')
      .filter((key) => key !== 'ca.crt' && key.endsWith('.crt'))
      .map((key) => [key, valueOf(made.secrets, 'demo-agent-tls', key)]),
  );

describe('certificates', () => {
  let first: Credentials;
  beforeAll(async () => {
    first = await credentialsOf(open(), none, 3, now);
  });

  test('are signed by the authority of the cluster, fit their keys and say who has them', () => {
    const authority = new X509Certificate(valueOf(first.secrets, 'demo-ca', 'ca.crt'));
    expect(authority.ca).toBe(true);
    expect(authority.checkPrivateKey(createPrivateKey(valueOf(first.secrets, 'demo-ca', 'ca.key')))).toBe(
      true,
    );
    const expectFor = (secret: string, crt: string, key: string, identity: string): void => {
      const leaf = new X509Certificate(valueOf(first.secrets, secret, crt));
      expect(leaf.verify(authority.publicKey)).toBe(true);
      expect(leaf.checkPrivateKey(createPrivateKey(valueOf(first.secrets, secret, key)))).toBe(true);
      expect(uriOfAltNames(leaf.subjectAltName)).toBe(identity);
      expect(leaf.ca).toBe(false);
    };
    expectFor('demo-operator-tls', 'tls.crt', 'tls.key', 'spiffe://demo/operator');
    for (const ordinal of [0, 1, 2])
      expectFor(
        'demo-agent-tls',
        `demo-${ordinal}.crt`,
        `demo-${ordinal}.key`,
        `spiffe://demo/agent/demo-${ordinal}`,
      );
    expect(first.operator).toEqual({
      ca: valueOf(first.secrets, 'demo-ca', 'ca.crt'),
      cert: valueOf(first.secrets, 'demo-operator-tls', 'tls.crt'),
      key: valueOf(first.secrets, 'demo-operator-tls', 'tls.key'),
    });
  });

  test('agents see the authority but not its key', () => {
    expect(valueOf(first.secrets, 'demo-agent-tls', 'ca.crt')).toBe(
      valueOf(first.secrets, 'demo-ca', 'ca.crt'),
    );
    for (const secret of first.secrets)
      if (secret.metadata.name !== 'demo-ca')
        expect(JSON.stringify(secret)).not.toContain(named(first.secrets, 'demo-ca')?.data?.['ca.key']);
  });

  test('there are some for agents to come, so that a new agent finds its own at once', () => {
    expect(Object.keys(certificatesOf(first))).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7].map((ordinal) => `demo-${ordinal}.crt`),
    );
  });

  test('belong to the cluster', () => {
    for (const { metadata, kind } of first.secrets) {
      expect(kind).toBe('Secret');
      expect(metadata.ownerReferences).toEqual(ownerOf(open()));
      expect(metadata.labels).toMatchObject({ 'ollamamax.io/cluster': 'demo' });
    }
  });

  test('are kept while they are good', async () => {
    for (const days of [0, 100, 240])
      expect(await credentialsOf(open(), applied(first), 3, now + days * dayMs)).toEqual(first);
  });

  test('are all renewed together when a third of their time is left, and the agents are restarted', async () => {
    const later = await credentialsOf(open(), applied(first), 3, now + 245 * dayMs);
    const [before, after] = [certificatesOf(first), certificatesOf(later)];
    expect(Object.keys(after)).toEqual(Object.keys(before));
    for (const name of Object.keys(before)) expect(after[name]).not.toBe(before[name]);
    expect(later.epoch).not.toBe(first.epoch);
    expect(valueOf(later.secrets, 'demo-ca', 'ca.crt')).toBe(valueOf(first.secrets, 'demo-ca', 'ca.crt'));
    expect(later.operator.cert).not.toBe(first.operator.cert);
  });

  test('one that is old or damaged renews all: one restart is enough', async () => {
    const authority = {
      cert: valueOf(first.secrets, 'demo-ca', 'ca.crt'),
      key: valueOf(first.secrets, 'demo-ca', 'ca.key'),
    };
    const short = await issueCertificate(authority, { uriSan: 'spiffe://demo/agent/demo-5', days: 1 });
    for (const cert of [short.cert, 'no certificate']) {
      const values = Object.fromEntries(
        keysOf(first.secrets, 'demo-agent-tls').map((key) => [
          key,
          valueOf(first.secrets, 'demo-agent-tls', key),
        ]),
      );
      const changed = foreign('demo-agent-tls', { ...values, 'demo-5.crt': cert }, open());
      const made = await credentialsOf(
        open(),
        applied(first, { agentCertificates: changed }),
        3,
        now + dayMs,
      );
      expect(certificatesOf(made)['demo-0.crt']).not.toBe(certificatesOf(first)['demo-0.crt']);
      expect(made.epoch).not.toBe(first.epoch);
      expect(made.operator).toEqual(first.operator);
    }
  });

  test('more agents get theirs, the others keep theirs, and nobody is restarted', async () => {
    const more = await credentialsOf(open(), applied(first), 9, now);
    expect(Object.keys(certificatesOf(more))).toHaveLength(16);
    expect(certificatesOf(more)).toMatchObject(certificatesOf(first));
    expect(more.epoch).toBe(first.epoch);
    const fewer = await credentialsOf(open(), applied(more), 3, now);
    expect(certificatesOf(fewer)).toEqual(certificatesOf(first));
    expect(fewer.epoch).toBe(first.epoch);
  });

  test('of another authority are not kept', async () => {
    const other = await createCertificateAuthority({ commonName: 'other', days: 10 });
    const authority = foreign('demo-ca', { 'ca.crt': other.cert, 'ca.key': other.key }, open());
    const made = await credentialsOf(open(), applied(first, { authority }), 3, now);
    const issuer = new X509Certificate(other.cert).publicKey;
    for (const pem of [...Object.values(certificatesOf(made)), made.operator.cert])
      expect(new X509Certificate(pem).verify(issuer)).toBe(true);
    expect(made.epoch).not.toBe(first.epoch);
  });

  test('a Secret of somebody else is not used', async () => {
    const stranger = open({ name: 'other', uid: 'uid-other' });
    const takenFrom = (owner: OllamaCluster | undefined): SecretsNow => {
      const copy = (secret: Secret | undefined): Secret => {
        const { ownerReferences: _dropped, ...metadata } = secret!.metadata;
        return {
          ...secret!,
          metadata: { ...metadata, ...(owner === undefined ? {} : { ownerReferences: ownerOf(owner) }) },
        };
      };
      const mine = applied(first);
      return {
        ...none,
        authority: copy(mine.authority),
        agentCertificates: copy(mine.agentCertificates),
        operatorIdentity: copy(mine.operatorIdentity),
      };
    };
    for (const owner of [stranger, undefined]) {
      const made = await credentialsOf(open(), takenFrom(owner), 3, now);
      expect(made.operator.ca).not.toBe(first.operator.ca);
      expect(made.operator.cert).not.toBe(first.operator.cert);
      expect(made.epoch).not.toBe(first.epoch);
    }
  });

  test('an authority that is damaged stops the pass: another one would cut all agents off', async () => {
    const other = await createCertificateAuthority({ commonName: 'other', days: 10 });
    const cert = valueOf(first.secrets, 'demo-ca', 'ca.crt');
    for (const values of [
      { 'ca.crt': cert, 'ca.key': other.key },
      { 'ca.crt': cert, 'ca.key': 'no key' },
      { 'ca.crt': 'no certificate', 'ca.key': other.key },
      { 'ca.crt': first.operator.cert as string, 'ca.key': first.operator.key as string },
      { 'ca.crt': cert },
    ])
      await expect(
        credentialsOf(open(), applied(first, { authority: foreign('demo-ca', values, open()) }), 3, now),
      ).rejects.toMatchObject({ name: 'ReferenceError', reason: 'ReferenceInvalid' });
  });
});

describe('the identity of the operator that is there', () => {
  const values = { 'ca.crt': 'ca', 'tls.crt': 'cert', 'tls.key': 'key' };
  const found = (operatorIdentity: Secret | undefined) =>
    operatorIdentityOf(open(), { ...none, operatorIdentity });

  test('is that of the Secret of this cluster', () => {
    expect(found(foreign('demo-operator-tls', values, open()))).toEqual({
      ca: 'ca',
      cert: 'cert',
      key: 'key',
    });
  });

  test('is none of somebody else', () => {
    expect(found(undefined)).toBeUndefined();
    expect(found(foreign('demo-operator-tls', values))).toBeUndefined();
    expect(found(foreign('demo-operator-tls', values, open({ uid: 'uid-other' })))).toBeUndefined();
  });

  test.each(Object.keys(values))('is none without %s', (missing) => {
    const rest = Object.fromEntries(Object.entries(values).filter(([key]) => key !== missing));
    expect(found(foreign('demo-operator-tls', rest, open()))).toBeUndefined();
  });
});

describe('the certificate for clients', () => {
  const managed = (spec: object = {}): OllamaCluster =>
    clusterOf({ auth: { enabled: false }, tls: { managed: true }, ...spec });
  const certificateOf = (made: Credentials): string => valueOf(made.secrets, 'demo-api-tls', 'tls.crt');

  test('there is one only where the operator is to make it', async () => {
    for (const cluster of [open(), clusterOf({ auth: { enabled: false }, tls: { secretName: 'mine' } })])
      expect(named((await credentialsOf(cluster, none, 1, now)).secrets, 'demo-api-tls')).toBeUndefined();
  });

  test('is for the names by which clients and agents call an agent', async () => {
    const made = await credentialsOf(
      managed({ ingress: { enabled: true, host: 'llm.example' } }),
      none,
      1,
      now,
    );
    const leaf = new X509Certificate(certificateOf(made));
    for (const host of ['demo', 'demo.team', 'demo.team.svc', 'demo-2.demo-agents.team.svc', 'llm.example'])
      expect([host, leaf.checkHost(host)]).toEqual([host, expect.any(String)]);
    expect(leaf.checkHost('other.team.svc')).toBeUndefined();
    expect(leaf.verify(new X509Certificate(valueOf(made.secrets, 'demo-api-tls', 'ca.crt')).publicKey)).toBe(
      true,
    );
    expect(named(made.secrets, 'demo-api-tls')).toMatchObject({ type: 'kubernetes.io/tls' });
  });

  test('is for the domain of the Kubernetes cluster', async () => {
    const made = await credentialsOf(managed(), none, 1, now, 'corp.internal');
    const namesIn = (of: Credentials) => new X509Certificate(certificateOf(of)).subjectAltName?.split(', ');
    expect(namesIn(made)).toContain('DNS:demo.team.svc.corp.internal');
    expect(namesIn(made)).not.toContain('DNS:demo.team.svc.cluster.local');
    const same = await credentialsOf(managed(), applied(made), 1, now, 'corp.internal');
    expect(certificateOf(same)).toBe(certificateOf(made));
    expect(namesIn(await credentialsOf(managed(), applied(made), 1, now))).toContain(
      'DNS:demo.team.svc.cluster.local',
    );
  });

  test('is kept while it is good, and made anew when it is old or another host is asked for', async () => {
    const made = await credentialsOf(managed(), none, 1, now);
    const next = (cluster: OllamaCluster, ms = now) => credentialsOf(cluster, applied(made), 1, ms);
    expect(certificateOf(await next(managed()))).toBe(certificateOf(made));
    expect(certificateOf(await next(managed(), now + 245 * dayMs))).not.toBe(certificateOf(made));
    const renamed = await next(managed({ ingress: { enabled: true, host: 'new.example' } }));
    expect(new X509Certificate(certificateOf(renamed)).checkHost('new.example')).toBe('new.example');
    expect(renamed.epoch).toBe(made.epoch);
  });
});

describe('readSecrets', () => {
  const reader = (present: readonly string[], asked: string[]): KubeClient =>
    ({
      get: async (_resource: unknown, { name, namespace }: ObjectName) => {
        asked.push(`${namespace ?? ''}/${name}`);
        if (present.includes(name)) return foreign(name, {});
        throw new KubeError({ code: 404, reason: 'NotFound', message: name });
      },
    }) as unknown as KubeClient;
  const signal = new AbortController().signal;

  test('reads what is there, by name, and only what the spec needs', async () => {
    const asked: string[] = [];
    const found = await readSecrets(reader(['demo-ca', 'demo-admin'], asked), clusterOf(), signal);
    expect(Object.entries(found).flatMap(([role, secret]) => (secret === undefined ? [] : [role]))).toEqual([
      'authority',
      'admin',
    ]);
    expect(asked.sort()).toEqual(
      ['admin', 'agent-tls', 'auth', 'ca', 'operator-tls'].map((end) => `team/demo-${end}`),
    );
  });

  test('reads what the spec names, and not the admin where the users are given', async () => {
    const asked: string[] = [];
    const auth = { signingSecretRef: { name: 's', key: 'k' }, usersSecretRef: { name: 'u', key: 'k' } };
    await readSecrets(reader([], asked), clusterOf({ auth, tls: { managed: true } }), signal);
    expect(asked).toEqual(expect.arrayContaining(['team/s', 'team/u', 'team/demo-api-tls']));
    expect(asked).not.toContain('team/demo-admin');
  });

  test('does not take a failure for a Secret that is not there', async () => {
    const client = {
      get: () => Promise.reject(new KubeError({ code: 403, reason: 'Forbidden', message: 'no' })),
    } as unknown as KubeClient;
    await expect(readSecrets(client, clusterOf(), signal)).rejects.toMatchObject({ reason: 'Forbidden' });
  });
});
