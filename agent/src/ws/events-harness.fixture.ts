import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ClusterEventValue, MetricsEventValue, ServerFrame } from '@ollamamax/api';
import { silentLogger } from '@ollamamax/common';
import { createTicketStore, type TicketStore } from './ticket-store.ts';
import { createEventsServer, type EventsServer, type EventsServerOptions } from './ws-server.ts';

/** What the tests use of a client's WebSocket. */
export interface TestSocket {
  readonly readyState: number;
  readonly protocol: string;
  on(event: 'message', listener: (data: Buffer) => void): unknown;
  on(event: 'close', listener: (code: number) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(
    event: 'unexpected-response',
    listener: (request: unknown, response: { readonly statusCode?: number | undefined }) => void,
  ): unknown;
  send(data: string | Buffer, options?: { readonly binary?: boolean }): void;
  pause(): void;
  resume(): void;
  close(): void;
  terminate(): void;
}

export const agentValue = (id: string, residentBytes = 0): ClusterEventValue => ({
  id,
  phase: 'ready',
  version: 'any',
  apiUrl: 'http://127.0.0.1:1',
  startedAt: '2026-01-01T00:00:00.000Z',
  lastSeen: '2026-01-01T00:00:00.000Z',
  cpuCores: 2,
  memoryTotalBytes: 8,
  memoryAvailableBytes: 4,
  residentBytes,
  catalogRevision: 1,
});

/** A cluster that a test can change. */
export class TestView {
  readonly bootId = 'boot';
  values: ClusterEventValue[] = [agentValue('agent-1'), agentValue('agent-2')];
  figures: Record<string, MetricsEventValue> = {};
  readonly #listeners = new Set<() => void>();
  agents = (): ClusterEventValue[] => this.values;
  models = (): never[] => [];
  metrics = (): Record<string, MetricsEventValue> => this.figures;
  onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  set(values: ClusterEventValue[]): void {
    this.values = values;
    for (const listener of this.#listeners) listener();
  }
}

export const until = async (what: string, met: () => boolean): Promise<void> => {
  const deadline = Date.now() + 20_000;
  while (!met()) {
    if (Date.now() > deadline) throw new Error(`waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

export class Client {
  readonly frames: ServerFrame[] = [];
  readonly socket: TestSocket;
  code: number | undefined;

  constructor(socket: TestSocket) {
    this.socket = socket;
    socket.on('message', (data) => this.frames.push(JSON.parse(data.toString()) as ServerFrame));
    socket.on('close', (code) => (this.code = code));
    socket.on('error', () => undefined);
  }

  async opened(): Promise<this> {
    await until('the connection', () => this.socket.readyState === 1);
    return this;
  }

  async hello(): Promise<this> {
    await this.opened();
    this.send({ type: 'hello' });
    await this.next('welcome');
    return this;
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  all<T extends ServerFrame['type']>(type: T): Extract<ServerFrame, { type: T }>[] {
    return this.frames.filter((frame): frame is Extract<ServerFrame, { type: T }> => frame.type === type);
  }

  /** The `nth` frame of a type, counted from 1. */
  async next<T extends ServerFrame['type']>(type: T, nth = 1): Promise<Extract<ServerFrame, { type: T }>> {
    await until(`${type} ${nth}`, () => this.all(type).length >= nth);
    const frame = this.all(type)[nth - 1];
    if (frame === undefined) throw new Error(`no ${type} ${nth}`);
    return frame;
  }

  async closed(): Promise<number> {
    await until('the close', () => this.code !== undefined);
    return this.code ?? 0;
  }
}

export interface Setup {
  readonly url: string;
  readonly view: TestView;
  readonly events: EventsServer;
  readonly tickets: TicketStore;
}

const running: { http: Server; events: EventsServer; clients: Client[] }[] = [];

export const setUp = async (options: Partial<EventsServerOptions> = {}): Promise<Setup> => {
  const view = new TestView();
  const tickets = createTicketStore({ ttlMs: 30_000, max: 100 });
  const events = createEventsServer({
    view,
    agentId: 'agent-1',
    tickets,
    originAllowed: (origin, host) =>
      origin === undefined || origin === 'http://friend.example' || origin === `http://${host ?? ''}`,
    log: silentLogger,
    ...options,
  });
  const http = createServer();
  events.attach(http);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  running.push({ http, events, clients: [] });
  return { url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws`, view, events, tickets };
};

export const track = (socket: TestSocket): Client => {
  const client = new Client(socket);
  running.at(-1)?.clients.push(client);
  return client;
};

export const tearDown = async () => {
  for (const { http, events, clients } of running.splice(0)) {
    for (const client of clients) client.socket.terminate();
    events.close();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  }
};
