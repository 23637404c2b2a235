import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { childNames, labels, ports } from '@ollamamax/api';
import { createLogger, secureContextOptions } from '@ollamamax/common';
import type { KubeObject } from '../../../operator/src/kube/index.ts';
import { resources } from '../../../operator/src/resources.ts';
import { createInformer } from '../../../operator/src/runtime/index.ts';
import type { Informer } from '../../../operator/src/runtime/index.ts';
import { FakeCluster } from './fake-cluster.ts';
import type { Plane } from './plane.ts';

interface Pod extends KubeObject {
  readonly spec: { readonly nodeName?: string; readonly containers: readonly { readonly name: string }[] };
  readonly status?: { readonly podIP?: string };
}

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

interface Agent {
  readonly uid: string | undefined;
  /** Name of its cluster. */
  readonly cluster: string;
  /** Undefined while its certificate is read. */
  server: Server | undefined;
}

/** On pods that are not left to kwok, see its stages. */
export const playedByBench = { 'ollamamax.io/played-by': 'bench' } as const;

/** What a kubelet says of a pod that serves. */
const runningAt = ({ spec }: Pod, ip: string): object => {
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  const types = ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'];
  return {
    phase: 'Running',
    podIP: ip,
    podIPs: [{ ip }],
    startTime: now,
    conditions: types.map((type) => ({ type, status: 'True', lastTransitionTime: now })),
    containerStatuses: spec.containers.map(({ name }) => ({
      name,
      image: 'none',
      imageID: 'none',
      ready: true,
      restartCount: 0,
      state: { running: { startedAt: now } },
    })),
  };
};

/** As long as agents keep a connection of which nobody makes use. */
const keepAliveMs = 30_000;

export interface FakeAgentsOptions extends Pick<Plane, 'client' | 'namespace'> {
  /** What they have agreed on outlives their pods; otherwise it goes with them. */
  readonly keepVolumes?: boolean;
  /** An agent begins or ends. */
  readonly onChange?: (cluster: FakeCluster, agent: string) => void;
}

/**
 * Plays the kubelets of agents, and answers the operator as agents do: one whose agents are all silent would do other
 * things than one whose agents are well. Every pod has an address of this machine of its own.
 */
export class FakeAgents {
  readonly #options: FakeAgentsOptions;
  readonly #clusters = new Map<string, FakeCluster>();
  readonly #pods: Informer<Pod>;
  readonly #agents = new Map<string, Agent>();
  /** Uids of pods that were started. */
  readonly #started = new Set<string | undefined>();

  constructor(options: FakeAgentsOptions) {
    const { client, namespace } = options;
    this.#options = options;
    this.#pods = createInformer<Pod>({
      client,
      resource: resources.pod,
      log: createLogger({ level: 'warn', format: 'text', stream: process.stderr }),
      namespaces: [namespace],
      labelSelector: labels.cluster,
    });
    this.#pods.onEvent(({ type, object }) => {
      const { name = '' } = object.metadata;
      const running = this.#agents.get(name);
      if (running !== undefined && (type === 'delete' || running.uid !== object.metadata.uid))
        this.#end(name);
      if (type === 'delete') return;
      if (object.metadata.deletionTimestamp === undefined) this.#begin(name, object);
      // Somebody else has changed or deleted it meanwhile: then there is another event.
      this.#play(object).catch(() => undefined);
    });
  }

  async #play(pod: Pod): Promise<void> {
    const { client } = this.#options;
    const { name = '', namespace, uid, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined)
      await client.delete(resources.pod, { name, namespace }, { uid, gracePeriodSeconds: 0 });
    else if (pod.spec.nodeName !== undefined && !this.#started.has(uid)) {
      this.#started.add(uid);
      const ip = `127.90.${this.#started.size >> 8}.${this.#started.size & 255}`;
      const patch = { metadata: { uid }, status: runningAt(pod, ip) };
      await client.mergePatch(resources.pod, { name, namespace }, patch, { subresource: 'status' });
    }
  }

  /** The agents of a cluster, by its name. */
  cluster(name: string): FakeCluster {
    const known = this.#clusters.get(name) ?? new FakeCluster(name);
    this.#clusters.set(name, known);
    return known;
  }

  /** It does not answer any more, although its pod goes on. */
  silence(name: string): void {
    const agent = this.#agents.get(name);
    if (agent === undefined) return;
    agent.server?.close();
    agent.server?.closeAllConnections();
    agent.server = undefined;
    this.#tell(agent.cluster, name, (cluster) => cluster.end(name, false));
  }

  #tell(of: string, agent: string, what: (cluster: FakeCluster) => void): void {
    const cluster = this.cluster(of);
    what(cluster);
    this.#options.onChange?.(cluster, agent);
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#pods.start(signal);
  }

  async stop(): Promise<void> {
    await this.#pods.stop();
    for (const name of [...this.#agents.keys()]) this.#end(name);
  }

  #begin(name: string, { metadata, status }: Pod): void {
    const ip = status?.podIP;
    if (ip === undefined || this.#agents.has(name)) return;
    const cluster = metadata.labels?.[labels.cluster] ?? '';
    const agent: Agent = { uid: metadata.uid, cluster, server: undefined };
    this.#agents.set(name, agent);
    this.#serverOf(name, cluster).then(
      (server) => {
        if (this.#agents.get(name) !== agent) return;
        agent.server = server.listen({ host: ip, port: ports.internal });
        this.#tell(cluster, name, (of) => of.start(name));
      },
      // The operator finds it silent, and the cluster does not get ready.
      () => this.#agents.delete(name),
    );
  }

  async #serverOf(name: string, cluster: string): Promise<Server> {
    const { client, namespace } = this.#options;
    const secret = { name: childNames(cluster).agentCertificates, namespace };
    const { data = {} } = await client.get<Secret>(resources.secret, secret);
    const pem = (key: string): Buffer => Buffer.from(data[key] ?? '', 'base64');
    const tls = secureContextOptions({
      ca: pem('ca.crt'),
      cert: pem(`${name}.crt`),
      key: pem(`${name}.key`),
    });
    const agents = this.cluster(cluster);
    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const body = await text(request);
      const reply = agents.answer(name, request.method ?? '', request.url ?? '', body);
      response.writeHead(reply.status).end(reply.body);
    };
    const server = createServer(
      { ...tls, requestCert: true, rejectUnauthorized: true },
      (request, response) => {
        answer(request, response).catch(() => response.destroy());
      },
    );
    server.keepAliveTimeout = keepAliveMs;
    return server;
  }

  #end(name: string): void {
    const agent = this.#agents.get(name);
    this.#agents.delete(name);
    if (agent?.server === undefined) return;
    agent.server.close();
    agent.server.closeAllConnections();
    this.#tell(agent.cluster, name, (of) => of.end(name, this.#options.keepVolumes !== true));
  }
}
