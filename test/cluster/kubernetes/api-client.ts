import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';

interface Kubeconfig {
  readonly clusters: readonly {
    readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string };
  }[];
  readonly users: readonly {
    readonly user: { readonly 'client-certificate-data': string; readonly 'client-key-data': string };
  }[];
}

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
}

/** The API server over plain HTTPS, where starting kubectl each time would cost too much. */
export class ApiClient {
  readonly url: string;
  readonly #agent: Agent;

  /** @param kubeconfig path of one that `writeKubeconfig` has written */
  constructor(kubeconfig: string) {
    const { clusters, users } = JSON.parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
    const cluster = clusters[0]?.cluster;
    const user = users[0]?.user;
    if (cluster === undefined || user === undefined)
      throw new Error(`${kubeconfig} names no cluster and user`);
    this.url = cluster.server;
    this.#agent = new Agent({
      keepAlive: true,
      ca: Buffer.from(cluster['certificate-authority-data'], 'base64'),
      cert: Buffer.from(user['client-certificate-data'], 'base64'),
      key: Buffer.from(user['client-key-data'], 'base64'),
    });
  }

  /** @throws when no whole answer comes in time */
  async request(method: string, path: string, body?: unknown, timeoutMs = 10_000): Promise<ApiAnswer> {
    return new Promise((resolve, reject) => {
      const call = request(
        new URL(path, this.url),
        {
          method,
          agent: this.#agent,
          signal: AbortSignal.timeout(timeoutMs),
          headers: { accept: 'application/json', 'content-type': 'application/json' },
        },
        (response) => {
          let text = '';
          response
            .setEncoding('utf8')
            .on('data', (part: string) => (text += part))
            .once('error', reject)
            .once('end', () => resolve({ status: response.statusCode ?? 0, text }));
        },
      );
      call.once('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** What is at that path. @throws when it is not there or may not be read */
  async get<T>(path: string): Promise<T> {
    const { status, text } = await this.request('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${text}`);
    return JSON.parse(text) as T;
  }

  close(): void {
    this.#agent.destroy();
  }
}
