import { createHash, createHmac, createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { agentIdentity, agentName, apiGroup, operatorIdentity, type OllamaCluster } from '@ollamamax/api';
import {
  createCertificateAuthority,
  formatYaml,
  hashPassword,
  issueCertificate,
  type CertificatePair,
  type TlsMaterial,
} from '@ollamamax/common';
import { isNotFound, type KubeClient, type KubeObject } from '../kube/index.ts';
import { ownedBy } from '../runtime/index.ts';
import { resources } from '../resources.ts';
import { child, namesOf, type Child } from './desired/child.ts';
import { authKeys } from './desired/config-map.ts';

export interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const authorityDays = 3650;
const leafDays = 365;
/** A certificate is replaced when less than this part of its life is left. */
const renewBelow = 1 / 3;
/** Certificates are made for so many agents more at a time, so that a new agent finds its own at once. */
const spareStep = 8;

const signingSecretBytes = 48;
const adminUser = 'admin';
/** On the Secret with users: which password the hash in it was made of, without telling the password. */
const passwordMark = `${apiGroup}/password-mark`;

const text = (secret: Secret | undefined, key: string): string | undefined => {
  const value = secret?.data?.[key];
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
};

const encoded = (values: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );

/** Why a Secret that the spec names cannot be used. */
export class ReferenceError extends Error {
  override readonly name = 'ReferenceError';
  readonly reason: 'ReferenceNotFound' | 'ReferenceInvalid';

  constructor(reason: 'ReferenceNotFound' | 'ReferenceInvalid', message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The Secrets of a cluster as they are now, by role; undefined where there is none of that name. */
export interface SecretsNow {
  readonly authority: Secret | undefined;
  readonly agentCertificates: Secret | undefined;
  readonly operatorIdentity: Secret | undefined;
  readonly apiCertificate: Secret | undefined;
  readonly auth: Secret | undefined;
  readonly admin: Secret | undefined;
  readonly signing: Secret | undefined;
  readonly users: Secret | undefined;
}

const readSecret = async (
  client: KubeClient,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<Secret | undefined> => {
  try {
    return await client.get<Secret>(resources.secret, { name, namespace }, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
};

/** Reads by name: the operator may not list Secrets. */
export const readSecrets = async (
  client: KubeClient,
  cluster: OllamaCluster,
  signal: AbortSignal,
): Promise<SecretsNow> => {
  const names = namesOf(cluster);
  const { auth, tls } = cluster.spec;
  const read = (name: string | undefined) =>
    name === undefined ? undefined : readSecret(client, cluster.metadata.namespace, name, signal);
  const [authority, agentCertificates, identity, apiCertificate, own, admin, signing, users] =
    await Promise.all([
      read(names.authority),
      read(names.agentCertificates),
      read(names.operatorIdentity),
      read(tls.managed ? names.apiCertificate : undefined),
      read(auth.enabled ? names.auth : undefined),
      read(auth.enabled && auth.usersSecretRef === undefined ? names.admin : undefined),
      read(auth.enabled ? auth.signingSecretRef?.name : undefined),
      read(auth.enabled ? auth.usersSecretRef?.name : undefined),
    ]);
  return {
    authority,
    agentCertificates,
    operatorIdentity: identity,
    apiCertificate,
    auth: own,
    admin,
    signing,
    users,
  };
};

const isFresh = (pem: string | undefined, authority: string, now: number): boolean => {
  if (pem === undefined) return false;
  try {
    const leaf = new X509Certificate(pem);
    const from = Date.parse(leaf.validFrom);
    const to = Date.parse(leaf.validTo);
    return leaf.verify(new X509Certificate(authority).publicKey) && to - now > (to - from) * renewBelow;
  } catch {
    return false;
  }
};

/** Whether a certificate is for all of these hosts: that of the Ingress may change. */
const namesAll = (pem: string, hosts: readonly string[]): boolean => {
  const given = new X509Certificate(pem).subjectAltName?.split(', ') ?? [];
  return hosts.every((host) => given.includes(`DNS:${host}`));
};

const secret = (
  cluster: OllamaCluster,
  name: string,
  values: Readonly<Record<string, string>>,
  annotations?: Readonly<Record<string, string>>,
  type = 'Opaque',
): Child => child(cluster, 'v1', 'Secret', name, { type, data: encoded(values) }, { annotations });

const isAuthority = ({ cert, key }: CertificatePair): boolean => {
  try {
    const certificate = new X509Certificate(cert);
    return certificate.ca && certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
};

const authorityOf = async (cluster: OllamaCluster, now: Secret | undefined): Promise<CertificatePair> => {
  const { namespace, name } = cluster.metadata;
  if (now === undefined)
    return createCertificateAuthority({ commonName: `OllamaMax ${namespace}/${name}`, days: authorityDays });
  const pair = { cert: text(now, 'ca.crt') ?? '', key: text(now, 'ca.key') ?? '' };
  // Another authority means new certificates for all agents: nobody but a person may want that.
  if (!isAuthority(pair))
    throw new ReferenceError(
      'ReferenceInvalid',
      `Secret ${namesOf(cluster).authority} has no certificate and key of an authority that fit each other. Delete it: the operator makes a new one.`,
    );
  return pair;
};

const referenced = (
  source: Secret | undefined,
  ref: { readonly name: string; readonly key: string },
  what: string,
): string => {
  if (source === undefined)
    throw new ReferenceError('ReferenceNotFound', `Secret ${ref.name} (${what}) does not exist.`);
  const value = text(source, ref.key);
  if (value === undefined)
    throw new ReferenceError('ReferenceNotFound', `Secret ${ref.name} (${what}) has no key ${ref.key}.`);
  return value;
};

const signingSecretOf = (cluster: OllamaCluster, now: SecretsNow): string => {
  const ref = cluster.spec.auth.signingSecretRef;
  if (ref === undefined)
    return text(now.auth, authKeys.signingSecret) ?? randomBytes(signingSecretBytes).toString('base64url');
  const value = referenced(now.signing, ref, 'spec.auth.signingSecretRef').trim();
  if (value.length < 32)
    throw new ReferenceError(
      'ReferenceInvalid',
      `Key ${ref.key} of Secret ${ref.name} (spec.auth.signingSecretRef) has fewer than 32 characters.`,
    );
  return value;
};

/** What log-in needs: the Secret that agents mount, and that with the password of the first user. */
const authSecrets = async (cluster: OllamaCluster, now: SecretsNow): Promise<Child[]> => {
  const names = namesOf(cluster);
  const signingSecret = signingSecretOf(cluster, now);
  const ref = cluster.spec.auth.usersSecretRef;
  if (ref !== undefined) {
    const users = referenced(now.users, ref, 'spec.auth.usersSecretRef');
    return [
      secret(cluster, names.auth, { [authKeys.signingSecret]: signingSecret, [authKeys.users]: users }),
    ];
  }
  const password = text(now.admin, 'password')?.trim() ?? randomBytes(18).toString('base64url');
  const mark = createHmac('sha256', signingSecret).update(password).digest('hex');
  const known =
    now.auth?.metadata.annotations?.[passwordMark] === mark ? text(now.auth, authKeys.users) : undefined;
  const users =
    known ??
    formatYaml({
      users: [{ name: adminUser, role: 'admin', passwordHash: await hashPassword(password) }],
    });
  return [
    // The password first: a hash whose password nobody knows would be of no use.
    secret(cluster, names.admin, { username: adminUser, password }, undefined, 'kubernetes.io/basic-auth'),
    secret(
      cluster,
      names.auth,
      { [authKeys.signingSecret]: signingSecret, [authKeys.users]: users },
      { [passwordMark]: mark },
    ),
  ];
};

/** Something of another owner must not become ours: the applier reports the conflict. */
const ownOf = ({ metadata }: OllamaCluster, existing: Secret | undefined): Secret | undefined =>
  existing !== undefined && ownedBy(existing, metadata.uid) ? existing : undefined;

/** As which the operator speaks to the agents, when that is there already. */
export const operatorIdentityOf = (cluster: OllamaCluster, now: SecretsNow): TlsMaterial | undefined => {
  const secretNow = ownOf(cluster, now.operatorIdentity);
  const [ca, cert, key] = ['ca.crt', 'tls.crt', 'tls.key'].map((name) => text(secretNow, name));
  return ca === undefined || cert === undefined || key === undefined ? undefined : { ca, cert, key };
};

export interface Credentials {
  /** Secrets to apply, in this order. */
  readonly secrets: readonly Child[];
  /** As which the operator speaks to the agents. */
  readonly operator: TlsMaterial;
  /** Changes when agents have to be restarted to get their certificates. */
  readonly epoch: string;
}

/**
 * Everything secret of a cluster: what exists and is still good stays, the rest is made anew.
 * @param replicas agents that must have certificates
 * @param clusterDomain of the DNS of the Kubernetes cluster
 * @throws ReferenceError when a Secret that the spec names is missing or of no use
 */
export const credentialsOf = async (
  cluster: OllamaCluster,
  now: SecretsNow,
  replicas: number,
  nowMs: number,
  clusterDomain = 'cluster.local',
): Promise<Credentials> => {
  const names = namesOf(cluster);
  const { name, namespace } = cluster.metadata;
  const own = (existing: Secret | undefined): Secret | undefined => ownOf(cluster, existing);
  const authority = await authorityOf(cluster, own(now.authority));
  const fresh = (pem: string | undefined): boolean => isFresh(pem, authority.cert, nowMs);

  const operatorNow = own(now.operatorIdentity);
  const operatorCert = text(operatorNow, 'tls.crt');
  const operatorKey = text(operatorNow, 'tls.key');
  const operator =
    operatorCert !== undefined && operatorKey !== undefined && fresh(operatorCert)
      ? { cert: operatorCert, key: operatorKey }
      : await issueCertificate(authority, { uriSan: operatorIdentity(name), days: leafDays });

  const agents = Math.ceil(replicas / spareStep) * spareStep;
  const agentsNow = own(now.agentCertificates);
  const pairOf = (id: string): CertificatePair | undefined => {
    const cert = text(agentsNow, `${id}.crt`);
    const key = text(agentsNow, `${id}.key`);
    return cert === undefined || key === undefined ? undefined : { cert, key };
  };
  const ids = Array.from({ length: agents }, (_unused, ordinal) => agentName(name, ordinal));
  // All together, so that one restart of each agent is enough.
  const renew = ids.some((id) => {
    const pair = pairOf(id);
    return pair !== undefined && !fresh(pair.cert);
  });
  const pairs: Record<string, string> = { 'ca.crt': authority.cert };
  for (const id of ids) {
    const pair =
      (renew ? undefined : pairOf(id)) ??
      (await issueCertificate(authority, { uriSan: agentIdentity(name, id), days: leafDays }));
    pairs[`${id}.crt`] = pair.cert;
    pairs[`${id}.key`] = pair.key;
  }
  // Of the first agent alone: certificates that are made for further agents restart nobody.
  const epoch = createHash('sha256')
    .update(authority.cert)
    .update(pairs[`${agentName(name, 0)}.crt`] ?? '')
    .digest('hex')
    .slice(0, 16);

  const secrets: Child[] = [
    secret(cluster, names.authority, { 'ca.crt': authority.cert, 'ca.key': authority.key }),
    secret(
      cluster,
      names.operatorIdentity,
      { 'ca.crt': authority.cert, 'tls.crt': operator.cert, 'tls.key': operator.key },
      undefined,
      'kubernetes.io/tls',
    ),
    secret(cluster, names.agentCertificates, pairs),
  ];
  if (cluster.spec.tls.managed) {
    const { host } = cluster.spec.ingress;
    const hosts = [
      names.service,
      `${names.service}.${namespace}`,
      `${names.service}.${namespace}.svc`,
      `${names.service}.${namespace}.svc.${clusterDomain}`,
      `*.${names.headlessService}.${namespace}.svc`,
      ...(host === undefined ? [] : [host]),
    ];
    const apiNow = own(now.apiCertificate);
    const cert = text(apiNow, 'tls.crt');
    const key = text(apiNow, 'tls.key');
    const pair =
      cert !== undefined && key !== undefined && fresh(cert) && namesAll(cert, hosts)
        ? { cert, key }
        : await issueCertificate(authority, {
            uriSan: `spiffe://${name}/api`,
            dnsSans: hosts,
            days: leafDays,
          });
    secrets.push(
      secret(
        cluster,
        names.apiCertificate,
        { 'ca.crt': authority.cert, 'tls.crt': pair.cert, 'tls.key': pair.key },
        undefined,
        'kubernetes.io/tls',
      ),
    );
  }
  if (cluster.spec.auth.enabled) {
    const admin = own(now.admin);
    secrets.push(...(await authSecrets(cluster, { ...now, auth: own(now.auth), admin })));
  }
  return { secrets, operator: { ca: authority.cert, ...operator }, epoch };
};
