/** Real certificates, real sockets, and engines that do what a test tells them: for the tests of the wire. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { ApiError, agentIdentity, operatorIdentity } from '@ollamamax/api';
import type {
  AgentStatus,
  DesiredState,
  InferenceEvent,
  InferenceRequest,
  InferenceUsage,
  ModelChunks,
  ModelShow,
} from '@ollamamax/api';
import { createCertificateAuthority, issueCertificate, silentLogger } from '@ollamamax/common';
import type { CertificatePair, TlsMaterial } from '@ollamamax/common';
import type { Catalog, Consensus } from '../catalog/catalog.ts';
import { createInternalServer } from '../internal-api/server.ts';
import type { InternalServer, InternalServerOptions } from '../internal-api/server.ts';
import { staticDiscovery } from './discovery.ts';
import type { Discovery } from './discovery.ts';
import { createPollingPeers } from './polling-peers.ts';
import type { PollingPeersOptions } from './polling-peers.ts';

const cluster = 'test';
export const modelName = 'tiny:latest';

/** A CA with everything it signs. */
export const newAuthority = async () => {
  const ca = await createCertificateAuthority({ commonName: 'test', days: 1 });
  const leaf = async (uriSan: string): Promise<TlsMaterial & CertificatePair> => ({
    ca: ca.cert,
    ...(await issueCertificate(ca, { uriSan, days: 1 })),
  });
  return {
    leaf,
    agent: (id: string, of = cluster) => leaf(agentIdentity(of, id)),
    operator: (of = cluster) => leaf(operatorIdentity(of)),
  };
};
export type Authority = Awaited<ReturnType<typeof newAuthority>>;

const usage: InferenceUsage = {
  promptTokens: 1,
  cachedPromptTokens: 0,
  completionTokens: 1,
  loadNs: 0,
  queueNs: 0,
  promptNs: 0,
  evalNs: 0,
  totalNs: 0,
};
export const done: InferenceEvent = { type: 'done', reason: 'stop', usage };
export const text = (value: string): InferenceEvent => ({ type: 'text', text: value });

export const newRequest = (fields: Partial<InferenceRequest> = {}): InferenceRequest => ({
  id: 'request-1',
  model: modelName,
  input: { kind: 'prompt', prompt: 'hello' },
  sampling: {},
  ...fields,
});

export const newStatus = (id: string, fields: Partial<AgentStatus> = {}): AgentStatus => ({
  id,
  cluster,
  version: '0.1.0',
  bootId: `boot-${id}`,
  startedAt: '2026-01-01T00:00:00.000Z',
  phase: 'ready',
  apiUrl: `http://${id}:8080`,
  catalogRevision: 1,
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
  resources: { cpuCores: 2, memoryTotalBytes: 8, memoryAvailableBytes: 4, residentBytes: 1 },
  models: [{ name: modelName, state: 'ready', sizeBytes: 10, completedBytes: 10 }],
  ...fields,
});

export const newDesiredState = (revision: number, models: readonly string[] = [modelName]): DesiredState => ({
  revision,
  models: models.map((name) => ({ name, source: { file: '/tiny.gguf' } })),
  settings: {},
});

/** Keeps the promises of Catalog in memory. */
export const memoryCatalog = (
  initial = newDesiredState(1),
): Pick<Catalog, 'state' | 'apply' | 'onChange'> => {
  let current = initial;
  const listeners = new Set<(state: DesiredState) => void>();
  return {
    state: () => current,
    apply: async (next) => {
      if (next.revision < current.revision) throw new ApiError('stale_revision');
      const changed = next.revision > current.revision;
      if (changed) {
        current = next;
        for (const listener of listeners) listener(next);
      }
      return { revision: current.revision, changed };
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
};

const refuse = (): Promise<never> => Promise.reject(new ApiError('not_a_member'));

/** Of an agent that belongs to no group, and cannot. */
export const noConsensus: Consensus = {
  status: () => ({ state: 'none', voters: [], learners: [] }),
  bootstrap: refuse,
  admit: refuse,
  join: refuse,
  remove: refuse,
  leave: refuse,
  transfer: refuse,
  snapshot: refuse,
  backup: refuse,
  restore: refuse,
};

export const newShow = (name: string): ModelShow => ({
  name,
  digest: 'a'.repeat(64),
  modifiedAt: '2026-01-01T00:00:00.000Z',
  details: {
    format: 'gguf',
    family: 'llama',
    parameterCount: 1,
    parameterSize: '1',
    quantization: 'Q8_0',
    contextLength: 1,
    embeddingLength: 1,
    capabilities: ['completion'],
  },
  template: '',
  system: '',
  license: '',
  parameters: {},
  modelInfo: {},
  tensors: [],
});

export const newChunks = (name: string): ModelChunks => {
  const { digest, details } = newShow(name);
  return { name, digest, sizeBytes: 1, details, chunker: 'fixed-1', chunks: [{ length: 1, sha256: digest }] };
};

export type RunLocal = InternalServerOptions['runLocal'];

/** Answers two texts and done. */
const helloRun: RunLocal = async function* () {
  yield text('hel');
  yield text('lo');
  yield done;
};

/** Waits until the signal aborts and throws what an engine throws then. */
export const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    const fail = (): void => reject(new ApiError('cancelled'));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });

interface Relay {
  readonly port: number;
  /** Connections made so far. */
  connections(): number;
  /** Breaks all connections at both ends. */
  reset(): void;
  /** From now on all bytes are lost, and nobody is told. */
  freeze(): void;
  thaw(): void;
}

/** What a test started; stopped in reverse order. */
export class Started {
  readonly #stops: (() => Promise<void>)[] = [];

  onStop(stop: () => Promise<void>): void {
    this.#stops.push(stop);
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }

  async server(
    tls: TlsMaterial,
    id: string,
    options: Partial<InternalServerOptions> = {},
  ): Promise<InternalServer & { readonly port: number }> {
    const server = createInternalServer({
      host: '127.0.0.1',
      port: 0,
      cluster,
      tls,
      status: () => newStatus(id),
      catalog: memoryCatalog(),
      consensus: noConsensus,
      runLocal: helloRun,
      models: { show: async (name) => newShow(name), chunks: async (name) => newChunks(name) },
      ownModels: {
        manage: async function* () {
          yield { type: 'done' };
        },
        blobHere: () => Promise.reject(new ApiError('blob_not_found')),
      },
      log: silentLogger,
      ...options,
      limits: { stopGraceMs: 50, ...options.limits },
    });
    await server.start();
    this.onStop(() => server.stop());
    return { ...server, port: server.address().port };
  }

  /** Bytes to a port and back, with the network's bad days at hand. */
  async relay(port: number): Promise<Relay> {
    const pairs = new Set<readonly [Socket, Socket]>();
    let frozen = false;
    let connections = 0;
    const server = createServer((near) => {
      connections += 1;
      const far = connect(port, '127.0.0.1');
      const pair = [near, far] as const;
      pairs.add(pair);
      for (const [from, to] of [pair, [far, near] as const]) {
        from.on('error', () => undefined);
        from.on('data', (chunk) => {
          if (!frozen) to.write(chunk);
        });
        from.on('close', () => {
          if (frozen) return;
          pairs.delete(pair);
          to.destroy();
        });
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const cut = (): void => {
      for (const sockets of pairs) for (const socket of sockets) socket.resetAndDestroy();
      pairs.clear();
    };
    this.onStop(async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    });
    return {
      port: (server.address() as AddressInfo).port,
      connections: () => connections,
      reset: cut,
      freeze: () => (frozen = true),
      thaw: () => {
        frozen = false;
        cut();
      },
    };
  }

  /** Polling peers of agent `self`, with quick polls. */
  async peers(
    tls: TlsMaterial,
    targets: Discovery | Readonly<Record<string, number>>,
    options: Partial<PollingPeersOptions> = {},
  ): Promise<ReturnType<typeof createPollingPeers>> {
    const peers = createPollingPeers({
      selfId: 'self',
      cluster,
      tls,
      discovery:
        typeof targets === 'function'
          ? targets
          : staticDiscovery(
              Object.entries(targets).map(([id, port]) => ({ id, address: `127.0.0.1:${port}` })),
            ),
      pollMs: 30,
      log: silentLogger,
      ...options,
    });
    await peers.start?.(new AbortController().signal);
    this.onStop(async () => peers.stop?.(new AbortController().signal));
    return peers;
  }
}

/** Asks until it is so; fails after 60 s. */
export const eventually = async (what: string, isSo: () => boolean): Promise<void> => {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    if (isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`not within 60 s: ${what}`);
};

export const collect = async (events: AsyncIterable<InferenceEvent>): Promise<InferenceEvent[]> => {
  const all: InferenceEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
};

/** The catalogue code a promise fails with; `none` when it does not fail. */
export const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error as { readonly code?: string }).code ?? `no code: ${String(error)}`,
  );
