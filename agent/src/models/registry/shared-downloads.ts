/** One download that several requests may wait for. */
interface Running {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  completed: number;
  waiting: number;
}

export interface SharedDownload {
  /** Bytes that are here. */
  completed(): number;
  readonly ended: Promise<void>;
  /** Stops it when nobody else waits. */
  leave(): void;
}

/** Downloads by what they bring: one that is under way is joined, and stopped when the last who waits has left. */
export class SharedDownloads {
  readonly #running = new Map<string, Running>();

  join(
    key: string,
    start: (signal: AbortSignal, onProgress: (completed: number) => void) => Promise<void>,
  ): SharedDownload {
    const known = this.#running.get(key);
    const running = known === undefined || known.stop.signal.aborted ? this.#begin(key, start) : known;
    running.waiting += 1;
    return {
      completed: () => running.completed,
      ended: running.ended,
      leave: () => {
        running.waiting -= 1;
        if (running.waiting > 0) return;
        running.stop.abort(new Error('nobody waits for the download any more'));
      },
    };
  }

  #begin(key: string, start: Parameters<SharedDownloads['join']>[1]): Running {
    const stop = new AbortController();
    // One that was stopped may still write: the next goes on where that ends.
    const before = this.#running.get(key)?.ended.catch(() => undefined) ?? Promise.resolve();
    const running: Running = {
      stop,
      completed: 0,
      waiting: 0,
      ended: before
        .then(() => start(stop.signal, (completed) => void (running.completed = completed)))
        .finally(() => {
          if (this.#running.get(key) === running) this.#running.delete(key);
        }),
    };
    // Whoever waits hears of it; when nobody does, it is nothing to die of.
    running.ended.catch(() => undefined);
    this.#running.set(key, running);
    return running;
  }
}
