import type { X509Certificate } from 'node:crypto';
import { access, constants, readFile, stat } from 'node:fs/promises';
import {
  agentIdentity,
  canonicalModelName,
  isApiError,
  type ErrorCode,
  type NodeConfig,
  type Problem,
} from '@ollamamax/api';
import { identityOf, keyMatches, parseCertificate } from '../tls/tls-problem.ts';
import {
  hostScope,
  isLoopbackHost,
  isWildcardHost,
  parseListenAddress,
  type Lookup,
} from './listen-address.ts';

/** A problem that the schema cannot see; `code` when it is another error than config_invalid. */
export interface SemanticProblem extends Problem {
  readonly code?: ErrorCode;
}

export interface ConfigFindings {
  readonly problems: readonly SemanticProblem[];
  readonly warnings: readonly string[];
  /** Content of auth.jwtSecretFile. */
  readonly jwtSecret?: string;
}

const minSecretLength = 32;

const fileProblem = async (path: string): Promise<string | undefined> => {
  try {
    if (!(await stat(path)).isFile()) return `names ${path}, which is not a file`;
    await access(path, constants.R_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return `names ${path}, which does not exist`;
    if (code === 'EACCES') return `names ${path}, which this user may not read`;
    return `names ${path}, which cannot be read (${code ?? 'unknown error'})`;
  }
};

type FileCheck = { readonly text: string } | { readonly problem: Problem };

const readSettingFile = async (path: string, file: string): Promise<FileCheck> => {
  const message = await fileProblem(file);
  return message === undefined ? { text: await readFile(file, 'utf8') } : { problem: { path, message } };
};

/** Certificate and key: readable, PEM, belonging together, in their time. */
const checkPair = async (
  prefix: string,
  files: { readonly certFile: string; readonly keyFile: string },
): Promise<{ readonly problems: Problem[]; readonly certificate?: X509Certificate }> => {
  const problems: Problem[] = [];
  const cert = await readSettingFile(`${prefix}.certFile`, files.certFile);
  const key = await readSettingFile(`${prefix}.keyFile`, files.keyFile);
  if ('problem' in cert) problems.push(cert.problem);
  if ('problem' in key) problems.push(key.problem);
  if ('problem' in cert) return { problems };
  const certificate = parseCertificate(cert.text);
  if (certificate === undefined) {
    problems.push({
      path: `${prefix}.certFile`,
      message: `names ${files.certFile}, which holds no PEM certificate`,
    });
    return { problems };
  }
  if (certificate.validToDate.getTime() < Date.now())
    problems.push({
      path: `${prefix}.certFile`,
      message: `names ${files.certFile}, whose certificate expired on ${certificate.validToDate.toISOString()}`,
    });
  if ('text' in key) {
    const matches = keyMatches(certificate, key.text);
    if (matches !== true)
      problems.push({
        path: `${prefix}.keyFile`,
        message:
          matches === undefined
            ? `names ${files.keyFile}, which holds no PEM private key`
            : `names ${files.keyFile}, which is not the key of the certificate in ${files.certFile}`,
      });
  }
  return { problems, certificate };
};

const checkTls = async (config: NodeConfig): Promise<Problem[]> => {
  const { certFile, keyFile } = config.tls;
  if (certFile !== undefined && keyFile !== undefined)
    return (await checkPair('tls', { certFile, keyFile })).problems;
  if (certFile !== undefined)
    return [{ path: 'tls.keyFile', message: 'is required when tls.certFile is set' }];
  if (keyFile !== undefined)
    return [{ path: 'tls.certFile', message: 'is required when tls.keyFile is set' }];
  return [];
};

const checkInternalTls = async (config: NodeConfig): Promise<Problem[]> => {
  const { peers, peersDns } = config.cluster;
  if (config.internalTls === undefined)
    return peers.length > 0 || peersDns !== undefined
      ? [
          {
            path: 'internalTls',
            message: `is required when ${peers.length > 0 ? 'cluster.peers' : 'cluster.peersDns'} is set; give caFile, certFile and keyFile`,
          },
        ]
      : [];
  const { problems, certificate } = await checkPair('internalTls', config.internalTls);
  const ca = await readSettingFile('internalTls.caFile', config.internalTls.caFile);
  if ('problem' in ca) problems.push(ca.problem);
  else if (parseCertificate(ca.text) === undefined)
    problems.push({
      path: 'internalTls.caFile',
      message: `names ${config.internalTls.caFile}, which holds no PEM certificate`,
    });
  if (certificate !== undefined) {
    const identity = identityOf(certificate);
    const expected = agentIdentity(config.cluster.name, config.node.id);
    if (identity !== expected)
      problems.push({
        path: 'internalTls.certFile',
        message: `is a certificate for ${identity ?? 'no URI'}; this agent needs one for ${expected}`,
      });
  }
  return problems;
};

const checkAuth = async (config: NodeConfig): Promise<{ problems: Problem[]; jwtSecret?: string }> => {
  const { enabled, usersFile, jwtSecret, jwtSecretFile } = config.auth;
  const problems: Problem[] = [];
  let secret: string | undefined;
  if (jwtSecret !== undefined && jwtSecretFile !== undefined)
    problems.push({ path: 'auth.jwtSecretFile', message: 'cannot be set together with auth.jwtSecret' });
  if (usersFile !== undefined) {
    const message = await fileProblem(usersFile);
    if (message !== undefined) problems.push({ path: 'auth.usersFile', message });
  }
  if (jwtSecretFile !== undefined) {
    const file = await readSettingFile('auth.jwtSecretFile', jwtSecretFile);
    if ('problem' in file) problems.push(file.problem);
    else if (file.text.trim().length < minSecretLength)
      problems.push({
        path: 'auth.jwtSecretFile',
        message: `names ${jwtSecretFile}, which holds fewer than ${minSecretLength} characters`,
      });
    else secret = file.text.trim();
  }
  if (enabled && usersFile === undefined)
    problems.push({
      path: 'auth.usersFile',
      message: 'is required when auth.enabled is true; make one with "ollamamax user add"',
    });
  if (enabled && jwtSecret === undefined && jwtSecretFile === undefined)
    problems.push({
      path: 'auth.jwtSecret',
      message: `or auth.jwtSecretFile is required when auth.enabled is true, at least ${minSecretLength} characters`,
    });
  return { problems, ...(secret === undefined ? {} : { jwtSecret: secret }) };
};

const listeners = (config: NodeConfig): { path: string; host: string; port: number }[] =>
  (['api', 'dashboard', 'metrics', 'internal', 'raft'] as const)
    .filter((name) => (name !== 'internal' && name !== 'raft') || config.internalTls !== undefined)
    .map((name) => ({ path: `listen.${name}`, ...parseListenAddress(config.listen[name]) }));

const checkPorts = (config: NodeConfig): Problem[] => {
  const problems: Problem[] = [];
  const reserved = [
    { path: 'listen.p2p', port: Number(config.listen.p2p.split('/').at(-1)) },
    ...config.cluster.peers.map((peer, index) => ({
      path: `cluster.peers[${index}].address`,
      port: parseListenAddress(peer.address).port,
    })),
  ];
  const all = listeners(config);
  for (const { path, port } of [...all, ...reserved])
    if (port > 65535) problems.push({ path, message: `has the port ${port}; a port is at most 65535` });
  all.forEach((listener, index) => {
    const rival = all
      .slice(0, index)
      .find(
        (other) =>
          other.port === listener.port &&
          (other.host === listener.host || isWildcardHost(other.host) || isWildcardHost(listener.host)),
      );
    if (rival !== undefined && listener.port !== 0)
      problems.push({
        path: listener.path,
        message: `has the port ${listener.port}, which ${rival.path} has already`,
      });
  });
  return problems;
};

/** What other agents are told of where Raft is must be of use to them. */
const checkRaft = (config: NodeConfig): Problem[] => {
  const { cluster, listen, advertise } = config;
  if (cluster.peers.length === 0 && cluster.peersDns === undefined) return [];
  if (advertise.raft !== undefined) return [];
  const { host } = parseListenAddress(listen.raft);
  if (isWildcardHost(host))
    return [
      {
        path: 'advertise.raft',
        message:
          'is required when listen.raft is every address of the machine; give the host:port at which other agents reach this one',
      },
    ];
  return isLoopbackHost(host) && !isLoopbackHost(parseListenAddress(listen.internal).host)
    ? [
        {
          path: 'listen.raft',
          message: `is ${listen.raft}, where other machines cannot reach it, but listen.internal is not; give an address of this machine, or advertise.raft`,
        },
      ]
    : [];
};

const checkPeers = (config: NodeConfig): Problem[] => {
  const seen = new Set<string>();
  return config.cluster.peers.flatMap((peer, index) => {
    const path = `cluster.peers[${index}].id`;
    if (peer.id === config.node.id)
      return [{ path, message: `is ${JSON.stringify(peer.id)}, this agent itself; list only the others` }];
    if (seen.has(peer.id)) return [{ path, message: `is ${JSON.stringify(peer.id)}, which is listed twice` }];
    seen.add(peer.id);
    return [];
  });
};

const digestNeeded = 'is required when source.http is set: 64 lower-case hexadecimal digits';

const checkModels = (config: NodeConfig): Problem[] => {
  const seen = new Map<string, number>();
  return config.models.flatMap((model, index) => {
    const problems: Problem[] = [];
    try {
      const name = canonicalModelName(model.name);
      const first = seen.get(name);
      if (first === undefined) seen.set(name, index);
      else
        problems.push({
          path: `models[${index}].name`,
          message: `is ${JSON.stringify(model.name)}, the same model as models[${first}]`,
        });
    } catch (error) {
      if (!isApiError(error)) throw error;
      problems.push({ path: `models[${index}].name`, message: `is wrong: ${error.message} ${error.action}` });
    }
    if ('http' in model.source && model.sha256 === undefined)
      problems.push({
        path: `models[${index}].sha256`,
        message: digestNeeded,
      });
    for (const [place, { source, sha256 }] of (model.adapters ?? []).entries())
      if ('http' in source && sha256 === undefined)
        problems.push({ path: `models[${index}].adapters[${place}].sha256`, message: digestNeeded });
    for (const name of ['projector', 'draft'] as const) {
      const file = model[name];
      if (file !== undefined && 'http' in file.source && file.sha256 === undefined)
        problems.push({ path: `models[${index}].${name}.sha256`, message: digestNeeded });
    }
    return problems;
  });
};

const checkExposure = async (
  config: NodeConfig,
  lookup: Lookup,
): Promise<{ problems: SemanticProblem[]; warnings: string[] }> => {
  const problems: SemanticProblem[] = [];
  const warnings: string[] = [];
  for (const name of ['api', 'dashboard'] as const) {
    const path = `listen.${name}`;
    const address = config.listen[name];
    const scope = await hostScope(parseListenAddress(address).host, lookup);
    if (scope === 'unresolved')
      problems.push({ path, message: `is ${JSON.stringify(address)}, a host that cannot be resolved` });
    if (scope !== 'network') continue;
    if (!config.auth.enabled && !config.http.insecure)
      problems.push({
        path,
        code: 'insecure_listen',
        message: `is ${JSON.stringify(address)}, which others on the network can reach, and auth.enabled is false`,
      });
    else if (!config.auth.enabled)
      warnings.push(`${path} is ${address}: everybody who reaches it may use it, as http.insecure allows.`);
    else if (config.tls.certFile === undefined)
      warnings.push(
        `${path} is ${address} without tls.certFile: passwords and tokens cross the network readable, unless something in front adds TLS.`,
      );
  }
  return { problems, warnings };
};

/** Everything beyond the schema: files, combinations of settings, exposure. Reports all problems at once. */
export const checkConfig = async (config: NodeConfig, lookup: Lookup): Promise<ConfigFindings> => {
  const auth = await checkAuth(config);
  const exposure = await checkExposure(config, lookup);
  return {
    problems: [
      ...checkPeers(config),
      ...checkPorts(config),
      ...checkRaft(config),
      ...(await checkTls(config)),
      ...(await checkInternalTls(config)),
      ...auth.problems,
      ...checkModels(config),
      ...exposure.problems,
    ],
    warnings: exposure.warnings,
    ...(auth.jwtSecret === undefined ? {} : { jwtSecret: auth.jwtSecret }),
  };
};
