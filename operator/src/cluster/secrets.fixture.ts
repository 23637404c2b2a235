import type { OllamaCluster } from '@ollamamax/api';
import type { KubeObject } from '../kube/index.ts';
import { ownerOf } from './cluster.fixture.ts';
import type { Credentials, Secret, SecretsNow } from './credentials.ts';
import type { Child } from './desired/child.ts';

export const dayMs = 86_400_000;
export const now = Date.now();
export const none: SecretsNow = {
  authority: undefined,
  agentCertificates: undefined,
  operatorIdentity: undefined,
  apiCertificate: undefined,
  auth: undefined,
  admin: undefined,
  signing: undefined,
  users: undefined,
};

export const named = (secrets: readonly KubeObject[], name: string): Secret | undefined =>
  secrets.find(({ metadata }) => metadata.name === name);

/** The Secrets as they are read once they have been applied. */
export const applied = (made: Credentials, more: Partial<SecretsNow> = {}): SecretsNow => ({
  authority: named(made.secrets, 'demo-ca'),
  agentCertificates: named(made.secrets, 'demo-agent-tls'),
  operatorIdentity: named(made.secrets, 'demo-operator-tls'),
  apiCertificate: named(made.secrets, 'demo-api-tls'),
  auth: named(made.secrets, 'demo-auth'),
  admin: named(made.secrets, 'demo-admin'),
  signing: undefined,
  users: undefined,
  ...more,
});

export const valueOf = (secrets: readonly Child[], name: string, key: string): string => {
  const value = named(secrets, name)?.data?.[key];
  if (value === undefined) throw new Error(`Secret ${name} has no ${key}`);
  return Buffer.from(value, 'base64').toString();
};

export const keysOf = (secrets: readonly Child[], name: string): readonly string[] =>
  Object.keys(named(secrets, name)?.data ?? {});

/** A Secret that a person made, or that belongs to somebody else. */
export const foreign = (
  name: string,
  values: Readonly<Record<string, string>>,
  owner?: OllamaCluster,
): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'team', ...(owner === undefined ? {} : { ownerReferences: ownerOf(owner) }) },
  data: Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  ),
});
