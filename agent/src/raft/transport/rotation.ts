import type { PeerSender } from './peer-sender.ts';

/** After new certificates, makes the connections of all senders anew: one at a time, so that most are always quiet. */
export class Rotation {
  readonly #senders: () => Iterable<PeerSender>;
  readonly #retryMs: number;
  #running = false;
  #retry: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param retryMs before those are tried again that could not be replaced; they go on meanwhile */
  constructor(senders: () => Iterable<PeerSender>, retryMs: number) {
    this.#senders = senders;
    this.#retryMs = retryMs;
  }

  start(): void {
    if (this.#running || this.#stopped) return;
    clearTimeout(this.#retry);
    this.#running = true;
    this.#next(new Set());
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
  }

  #next(failed: Set<PeerSender>): void {
    const outdated = [...this.#senders()].filter((sender) => sender.outdated);
    const sender = outdated.find((one) => !failed.has(one));
    if (sender !== undefined && !this.#stopped) {
      sender.replace((replaced) => {
        if (!replaced) failed.add(sender);
        setImmediate(() => this.#next(failed));
      });
      return;
    }
    this.#running = false;
    if (outdated.length === 0 || this.#stopped) return;
    this.#retry = setTimeout(() => this.start(), this.#retryMs);
  }
}
