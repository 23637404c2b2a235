import {
  eventCloseCodes,
  eventsSubprotocol,
  eventTopics,
  type ClientFrame,
  type ServerFrame,
} from '@ollamamax/api';
import { callJson } from '../api/http.ts';
import { ProblemError } from '../api/problem.ts';
import { applyFrame, emptyLiveState } from './live-state.ts';
import type { LiveStore } from './live-store.ts';

export interface LiveClientOptions {
  readonly store: LiveStore;
  /** Undefined: the agent runs without authentication. */
  readonly token: string | undefined;
  /** Asks the agent whether the token is still good. */
  readonly isLoggedIn: () => Promise<boolean>;
  readonly onLoggedOut: () => void;
}

const minDelayMs = 500;
const maxDelayMs = 15_000;
/** No frame for this many heartbeats: the connection is dead even if nobody closed it. */
const deadHeartbeats = 3;

const base64url = (text: string): string =>
  btoa(String.fromCharCode(...new TextEncoder().encode(text)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** Keeps the live store filled: connects, resumes, and reconnects with growing, jittered pauses until stopped. */
export class LiveClient {
  readonly #options: LiveClientOptions;
  #socket: WebSocket | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #clock: ReturnType<typeof setInterval>;
  #attempt = 0;
  #stopped = false;
  /** A ticket counts only at the agent that issued it; behind a load balancer the token itself must do. */
  #avoidTicket = false;

  constructor(options: LiveClientOptions) {
    this.#options = options;
    this.#clock = setInterval(() => this.#tick(), 1000);
    this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retryTimer);
    clearInterval(this.#clock);
    this.#socket?.close();
  }

  #tick(): void {
    const { store } = this.#options;
    const now = Date.now();
    store.tick(now);
    const { lastFrameAt, heartbeatMs, status } = store.get().connection;
    if (status === 'live' && lastFrameAt !== undefined && now - lastFrameAt > deadHeartbeats * heartbeatMs)
      this.#lose(this.#socket, minDelayMs);
  }

  #connect(): void {
    this.#open().catch(async (error: unknown) => {
      if (error instanceof ProblemError && error.status === 401) await this.#onUnauthenticated();
      else this.#retry();
    });
  }

  async #open(): Promise<void> {
    const url = new URL('/ws', location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const protocols: string[] = [eventsSubprotocol];
    const { token } = this.#options;
    if (token !== undefined) {
      const ticket = this.#avoidTicket ? undefined : await this.#ticket(token);
      if (ticket === undefined) protocols.push(`base64url.bearer.authorization.${base64url(token)}`);
      else url.searchParams.set('ticket', ticket);
    }
    if (this.#stopped) return;
    const socket = new WebSocket(url, protocols);
    this.#socket = socket;
    socket.addEventListener('open', () => this.#send(socket, { type: 'hello', client: 'dashboard' }));
    socket.addEventListener('message', (event: MessageEvent<string>) => this.#receive(socket, event.data));
    socket.addEventListener('close', ({ code }) => {
      if (this.#socket !== socket || this.#stopped) return;
      this.#socket = undefined;
      this.#onClose(code);
    });
  }

  async #ticket(token: string): Promise<string | undefined> {
    try {
      return (await callJson<{ readonly ticket: string }>('/api/v1/events/ticket', { method: 'POST', token }))
        .ticket;
    } catch (error) {
      if (error instanceof ProblemError && error.status === 404) return undefined;
      throw error;
    }
  }

  #send(socket: WebSocket, frame: ClientFrame): void {
    socket.send(JSON.stringify(frame));
  }

  #receive(socket: WebSocket, data: string): void {
    if (this.#socket !== socket) return;
    const { store } = this.#options;
    const frame = JSON.parse(data) as ServerFrame;
    store.setConnection({ lastFrameAt: Date.now() });
    switch (frame.type) {
      case 'welcome':
        this.#attempt = 0;
        this.#avoidTicket = false;
        store.setConnection({
          status: 'live',
          agent: frame.agent,
          version: frame.version,
          heartbeatMs: frame.heartbeatMs,
        });
        for (const topic of eventTopics) {
          const { position } = store.get().state[topic];
          this.#send(socket, {
            type: 'subscribe',
            id: topic,
            topic,
            ...(position === undefined ? {} : { from: position }),
          });
        }
        return;
      case 'goaway':
        this.#lose(socket, Math.random() * 5000);
        return;
      case 'error':
        if (frame.retryable) this.#lose(socket);
        return;
      case 'pong':
        return;
      case 'snapshot':
      case 'delta':
      case 'resumed':
      case 'lagged':
      case 'bookmark': {
        const next = applyFrame(store.get().state, frame);
        if (next === 'gap') {
          store.setState(emptyLiveState);
          this.#lose(socket, minDelayMs);
        } else {
          store.setState(next);
        }
      }
    }
  }

  #onClose(code: number): void {
    const { store } = this.#options;
    switch (code) {
      case eventCloseCodes.unauthenticated:
      case eventCloseCodes.sessionRevoked:
        this.#avoidTicket = true;
        void this.#onUnauthenticated();
        return;
      case eventCloseCodes.forbidden:
        store.setConnection({ status: 'refused' });
        return;
      case eventCloseCodes.draining:
        this.#retry(Math.random() * 5000);
        return;
      default:
        this.#retry();
    }
  }

  /** Only the agent knows whether the token ended or just this connection's ticket. Never a storm: it pauses too. */
  async #onUnauthenticated(): Promise<void> {
    const loggedIn = await this.#options.isLoggedIn().catch(() => true);
    if (this.#stopped) return;
    if (loggedIn) this.#retry();
    else {
      this.stop();
      this.#options.onLoggedOut();
    }
  }

  /** Drops a connection that is of no more use and comes back. */
  #lose(socket: WebSocket | undefined, delayMs?: number): void {
    if (this.#socket === socket) this.#socket = undefined;
    socket?.close();
    this.#retry(delayMs);
  }

  #retry(delayMs?: number): void {
    if (this.#stopped) return;
    this.#options.store.setConnection({ status: 'reconnecting' });
    const ceiling = Math.min(maxDelayMs, minDelayMs * 2 ** this.#attempt);
    this.#attempt += 1;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(
      () => this.#connect(),
      delayMs ?? ceiling / 2 + (Math.random() * ceiling) / 2,
    );
  }
}
