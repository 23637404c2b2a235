import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, type Clock } from './clock.ts';
import { openConnection, type KubeConnection } from './connection.ts';

export interface InClusterOptions {
  /** `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`, which every pod has. */
  readonly host: string;
  readonly port: string;
  /** Where the service account is mounted; the place of every pod unless given. */
  readonly directory?: string | undefined;
  readonly clock?: Clock | undefined;
}

const usualDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The API server of the cluster this pod runs in, as its service account.
 * Does what `loadFromCluster` of client-node does without its 90 MB of generated models in memory.
 * @throws Error when the service account is not mounted
 */
export const inClusterConnection = async (options: InClusterOptions): Promise<KubeConnection> => {
  const { host, port, directory = usualDirectory, clock = systemClock } = options;
  const file = async (name: string): Promise<string> =>
    (await readFile(join(directory, name), 'utf8')).trim();
  return openConnection({
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    namespace: await file('namespace').catch(() => undefined),
    clock,
    read: async () => {
      const [token, ca] = await Promise.all([file('token'), file('ca.crt')]);
      return { authorization: `Bearer ${token}`, tls: { ca, rejectUnauthorized: true } };
    },
  });
};
