import { stat } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { systemClock, type Clock } from './clock.ts';
import { openConnection, type Credentials, type KubeConnection } from './connection.ts';

export interface KubeconfigOptions {
  /** Path of the file. */
  readonly file: string;
  /** The file's current context unless given. */
  readonly context?: string | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * The API server of a kubeconfig file with any way to log in that client-node knows: certificates, tokens, commands, OIDC.
 * Loaded on demand, because client-node takes 90 MB of memory, which a pod does not need.
 * @throws Error when the file is missing, makes no sense or has no such context
 */
export const kubeconfigConnection = async (options: KubeconfigOptions): Promise<KubeConnection> => {
  const { file, context, clock = systemClock } = options;
  const library = await import('@kubernetes/client-node');
  const load = (): KubeConfig => {
    const config = new library.KubeConfig();
    config.loadFromFile(file);
    if (context !== undefined) config.setCurrentContext(context);
    return config;
  };
  let config = load();
  let changedAt = await changeOf(file);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error(`${file}: no cluster for context ${config.getCurrentContext()}`);
  return openConnection({
    server: cluster.server,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    clock,
    read: async (fresh) => {
      const change = await changeOf(file);
      // A new object forgets the tokens of login commands, which are dear to get.
      if (fresh || change !== changedAt) config = load();
      changedAt = change;
      return credentialsOf(config);
    },
  });
};

const changeOf = async (file: string): Promise<string> => {
  const { mtimeMs, ino, size } = await stat(file);
  return [mtimeMs, ino, size].join();
};

const credentialsOf = async (config: KubeConfig): Promise<Credentials> => {
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const { Authorization: bearer } = (options.headers ?? {}) as { Authorization?: string };
  const basic = typeof options.auth === 'string' ? Buffer.from(options.auth).toString('base64') : undefined;
  return {
    authorization: bearer?.trim() ?? (basic === undefined ? undefined : `Basic ${basic}`),
    tls: {
      ca: pem(options.ca),
      cert: pem(options.cert),
      key: pem(options.key),
      servername: options.servername,
      rejectUnauthorized: options.rejectUnauthorized !== false,
    },
  };
};

/** client-node gives one text or buffer, or null. */
const pem = (value: unknown): string | undefined =>
  typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : undefined;
