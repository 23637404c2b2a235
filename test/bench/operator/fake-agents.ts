import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { childNames, internalPaths, labels, ports, version } from '@ollamamax/api';
import type { AgentStatus, DesiredState } from '@ollamamax/api';
import { createLogger, secureContextOptions } from '@ollamamax/common';
import type { KubeObject } from '../../../operator/src/kube/index.ts';
import { resources } from '../../../operator/src/resources.ts';
import { createInformer } from '../../../operator/src/runtime/index.ts';
import type { Informer } from '../../../operator/src/runtime/index.ts';
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

/** What an agent says whose models are there as soon as it is told of them. */
const statusOf = (id: string, cluster: string, state: DesiredState | undefined): AgentStatus => ({
  id,
  cluster,
  version,
  bootId: id,
  startedAt: '2026-01-01T00:00:00.000Z',
  phase: 'ready',
  apiUrl: `http://${id}`,
  catalogRevision: state?.revision ?? 0,
  load: {
    inFlight: 0,
    queued: 0,
    openStreams: 0,
    requestsPerSecond: 0,
    tokensPerSecond: 0,
    requestsTotal: 0,
    errorsTotal: 0,
    tokensTotal: 0,
  },
  resources: { cpuCores: 2, memoryTotalBytes: 4e9, memoryAvailableBytes: 3e9, residentBytes: 2e8 },
  models: (state?.models ?? []).map(({ name }) => ({
    name,
    state: 'ready',
    digest: '0'.repeat(64),
    sizeBytes: 1e9,
    completedBytes: 1e9,
  })),
});

/**
 * Plays the kubelets of agents, and answers the operator as agents do: one whose agents are all silent would do other
 * things than one whose agents are well. Every pod has an address of this machine of its own.
 */
export class FakeAgents {
  readonly #plane: Plane;
  readonly #pods: Informer<Pod>;
  readonly #agents = new Map<string, Agent>();
  /** Uids of pods that were started. */
  readonly #started = new Set<string | undefined>();

  constructor(plane: Plane) {
    const { client, namespace } = plane;
    this.#plane = plane;
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
    const { client } = this.#plane;
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
    const agent: Agent = { uid: metadata.uid, server: undefined };
    this.#agents.set(name, agent);
    this.#serverOf(name, cluster).then(
      (server) => {
        if (this.#agents.get(name) !== agent) return;
        agent.server = server.listen({ host: ip, port: ports.internal });
      },
      // The operator finds it silent, and the cluster does not get ready.
      () => this.#agents.delete(name),
    );
  }

  async #serverOf(name: string, cluster: string): Promise<Server> {
    const { client, namespace } = this.#plane;
    const secret = { name: childNames(cluster).agentCertificates, namespace };
    const { data = {} } = await client.get<Secret>(resources.secret, secret);
    const pem = (key: string): Buffer => Buffer.from(data[key] ?? '', 'base64');
    const tls = secureContextOptions({
      ca: pem('ca.crt'),
      cert: pem(`${name}.crt`),
      key: pem(`${name}.key`),
    });
    let state: DesiredState | undefined;
    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const body = await text(request);
      if (request.method === 'PUT' && request.url === internalPaths.desiredState) {
        state = JSON.parse(body) as DesiredState;
        response.end('{}');
      } else if (request.url === internalPaths.status) {
        response.end(JSON.stringify(statusOf(name, cluster, state)));
      } else response.writeHead(404).end();
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
    const server = this.#agents.get(name)?.server;
    this.#agents.delete(name);
    server?.close();
    server?.closeAllConnections();
  }
}
