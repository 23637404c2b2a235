import { request as httpsRequest } from 'node:https';
import type { OllamaCluster, OllamaModel } from '@ollamamax/api';
import type { Stack } from './stack.ts';
import { until } from './kubernetes/until.ts';

/** Path of the model that comes with the image. */
const bundledModel = '/app/models/ollamamax-tiny-q8_0.gguf';

/** What tests ask of nodes that share two processors. */
const small = { requests: { cpu: '50m', memory: '128Mi' } } as const;

export interface EventFact {
  readonly reason: string;
  readonly type: string;
  readonly note: string;
  readonly about: string;
}

/** One namespace of a test, with the strictest Pod Security level enforced. */
export interface Namespace {
  readonly name: string;
  kubectl(args: readonly string[], stdin?: string): Promise<string>;
  apply(...objects: readonly object[]): Promise<string>;
  cluster(name?: string): Promise<OllamaCluster>;
  model(name: string): Promise<OllamaModel>;
  /** Waits until a condition of the cluster is as wanted. */
  untilCluster(
    what: string,
    check: (cluster: OllamaCluster) => boolean,
    options?: { readonly name?: string; readonly timeoutMs?: number },
  ): Promise<OllamaCluster>;
  untilModel(
    name: string,
    what: string,
    check: (model: OllamaModel) => boolean,
    timeoutMs?: number,
  ): Promise<OllamaModel>;
  events(): Promise<readonly EventFact[]>;
  /** Base URL of the client Service, reached from this machine. */
  serviceUrl(cluster?: string): Promise<string>;
  /** Logs in as the user that the operator made. */
  token(cluster?: string): Promise<string>;
  remove(): Promise<void>;
}

type WithConditions = OllamaCluster | OllamaModel;

export const condition = (object: WithConditions, type: string) =>
  object.status?.conditions?.find((one) => one.type === type);

export const isTrue = (object: WithConditions, type: string): boolean =>
  condition(object, type)?.status === 'True';

/** Ready, and that for what is asked for now. */
export const isReady = (object: WithConditions): boolean =>
  isTrue(object, 'Ready') && object.status?.observedGeneration === object.metadata.generation;

export const clusterObject = (name: string, spec: object = {}): object => ({
  apiVersion: 'ollamamax.io/v1alpha1',
  kind: 'OllamaCluster',
  metadata: { name },
  spec: { resources: small, storage: { size: '100Mi' }, ...spec },
});

export const modelObject = (name: string, cluster: string, spec: object = {}): object => ({
  apiVersion: 'ollamamax.io/v1alpha1',
  kind: 'OllamaModel',
  metadata: { name },
  spec: { clusterRef: { name: cluster }, source: { file: { path: bundledModel } }, ...spec },
});

const settleMs = 180_000;

export const createNamespace = async (stack: Stack, purpose: string): Promise<Namespace> => {
  // A kept cluster may still be deleting that of the last run.
  const name = `${purpose}-${process.pid}`;
  const { cluster } = stack;
  const kubectl = (args: readonly string[], stdin?: string): Promise<string> =>
    cluster.kubectl(['-n', name, ...args], stdin === undefined ? {} : { stdin });
  const get = async <T>(kind: string, object: string): Promise<T> =>
    JSON.parse(await kubectl(['get', kind, object, '-o', 'json'])) as T;
  await cluster.kubectl(['create', 'namespace', name]);
  await cluster.kubectl(['label', 'namespace', name, 'pod-security.kubernetes.io/enforce=restricted']);
  const told = (object: WithConditions): string =>
    (object.status?.conditions ?? [])
      .map(({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`)
      .join('\n');
  const waitFor = async <T extends WithConditions>(
    what: string,
    read: () => Promise<T>,
    check: (object: T) => boolean,
    timeoutMs: number,
  ): Promise<T> => {
    let last: T | undefined;
    try {
      return await until(
        what,
        async () => {
          last = await read();
          return check(last) ? last : undefined;
        },
        { timeoutMs, everyMs: 250 },
      );
    } catch (error) {
      throw new Error(`${what}: in vain. It says:\n${last === undefined ? 'nothing' : told(last)}`, {
        cause: error,
      });
    }
  };
  return {
    name,
    kubectl,
    apply: (...objects) =>
      kubectl(['apply', '-f', '-'], objects.map((object) => JSON.stringify(object)).join('\n---\n')),
    cluster: (object = 'demo') => get<OllamaCluster>('ollamacluster', object),
    model: (object) => get<OllamaModel>('ollamamodel', object),
    untilCluster: (what, check, { name: object = 'demo', timeoutMs = settleMs } = {}) =>
      waitFor(what, () => get<OllamaCluster>('ollamacluster', object), check, timeoutMs),
    untilModel: (object, what, check, timeoutMs = settleMs) =>
      waitFor(what, () => get<OllamaModel>('ollamamodel', object), check, timeoutMs),
    events: async () => {
      const list = JSON.parse(await kubectl(['get', 'events', '-o', 'json'])) as {
        items: {
          reason: string;
          type: string;
          message: string;
          involvedObject: { kind: string; name: string };
        }[];
      };
      return list.items.map(({ reason, type, message, involvedObject }) => ({
        reason,
        type,
        note: message,
        about: `${involvedObject.kind}/${involvedObject.name}`,
      }));
    },
    serviceUrl: async (object = 'demo') => {
      const service = await get<{ spec: { clusterIP: string } }>('service', object);
      return `http://${service.spec.clusterIP}:8080`;
    },
    token: async (object = 'demo') => {
      const secret = await get<{ data: { username: string; password: string } }>('secret', `${object}-admin`);
      const plain = (value: string): string => Buffer.from(value, 'base64').toString('utf8');
      const service = await get<{ spec: { clusterIP: string } }>('service', object);
      const response = await fetch(`http://${service.spec.clusterIP}:8080/api/v1/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          username: plain(secret.data.username),
          password: plain(secret.data.password),
        }),
      });
      if (!response.ok) throw new Error(`log-in answered ${response.status}: ${await response.text()}`);
      return ((await response.json()) as { token: string }).token;
    },
    remove: async () => {
      await cluster.kubectl(['delete', 'namespace', name, '--wait=false']);
    },
  };
};

/** A `fetch` that goes to the ingress controller, whatever host a URL names, and trusts one certificate. */
export const fetchThrough =
  (ingress: Stack['ingress'], certificate: string): typeof fetch =>
  (input, init = {}) =>
    new Promise((resolve, reject) => {
      const url = new URL(input instanceof Request ? input.url : String(input));
      const headers = Object.fromEntries(new Headers(init.headers).entries());
      const sent = httpsRequest(
        {
          host: ingress.address,
          port: ingress.httpsPort,
          servername: url.hostname,
          ca: certificate,
          method: init.method ?? 'GET',
          path: `${url.pathname}${url.search}`,
          headers: { ...headers, host: url.hostname },
          ...(init.signal === undefined || init.signal === null ? {} : { signal: init.signal }),
        },
        (response) => {
          const body = new ReadableStream<Uint8Array>({
            start: (controller) => {
              response.on('data', (chunk: Buffer) => controller.enqueue(new Uint8Array(chunk)));
              response.once('end', () => controller.close());
              response.once('error', (error) => controller.error(error));
            },
            cancel: () => {
              response.destroy();
            },
          });
          resolve(
            new Response(body, {
              status: response.statusCode ?? 500,
              headers: Object.entries(response.headers).flatMap(([name, value]): [string, string][] =>
                value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
              ),
            }),
          );
        },
      );
      sent.once('error', reject);
      const { body } = init;
      sent.end(typeof body === 'string' ? body : undefined);
    });
