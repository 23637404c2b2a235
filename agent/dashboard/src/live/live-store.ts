import { useSyncExternalStore } from 'react';
import { appendSample, sumMetrics, type History } from './history.ts';
import { emptyLiveState, type LiveState } from './live-state.ts';

export interface Connection {
  readonly status: 'connecting' | 'live' | 'reconnecting' | 'refused';
  /** Agent of the current or last connection. */
  readonly agent: string | undefined;
  /** Version of that agent. */
  readonly version: string | undefined;
  readonly heartbeatMs: number;
  /** When the last frame came, milliseconds since the epoch. */
  readonly lastFrameAt: number | undefined;
}

export interface LiveView {
  readonly state: LiveState;
  readonly connection: Connection;
  readonly history: History;
  /** The page's clock, once a second: ages are drawn from it. */
  readonly now: number;
}

const initial = (now: number): LiveView => ({
  state: emptyLiveState,
  connection: {
    status: 'connecting',
    agent: undefined,
    version: undefined,
    heartbeatMs: 5000,
    lastFrameAt: undefined,
  },
  history: [],
  now,
});

/** Holds what the page knows of the cluster; many frames in a row are drawn once. */
export class LiveStore {
  #view = initial(Date.now());
  #pending = false;
  readonly #listeners = new Set<() => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly get = (): LiveView => this.#view;

  setState(state: LiveState): void {
    this.#view = { ...this.#view, state };
    this.#notify();
  }

  setConnection(change: Partial<Connection>): void {
    this.#view = { ...this.#view, connection: { ...this.#view.connection, ...change } };
    this.#notify();
  }

  /** Once a second: moves the clock and the history. */
  tick(now: number): void {
    const { state, connection, history } = this.#view;
    const known = connection.status === 'live' && state.metrics.position !== undefined;
    this.#view = {
      ...this.#view,
      now,
      history: appendSample(history, known ? sumMetrics(state.metrics.values) : undefined),
    };
    this.#notify();
  }

  reset(): void {
    this.#view = initial(Date.now());
    this.#notify();
  }

  #notify(): void {
    if (this.#pending) return;
    this.#pending = true;
    queueMicrotask(() => {
      this.#pending = false;
      for (const listener of this.#listeners) listener();
    });
  }
}

export const liveStore = new LiveStore();

export const useLive = <T>(select: (view: LiveView) => T): T =>
  useSyncExternalStore(liveStore.subscribe, () => select(liveStore.get()));

/** Whether the figures on the page are too old to be trusted: nothing came for two heartbeats. */
export const isStale = ({ connection, now }: LiveView): boolean =>
  connection.lastFrameAt !== undefined && now - connection.lastFrameAt > 2 * connection.heartbeatMs;
