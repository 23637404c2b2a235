import { interruptedError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';

/** Ctrl-C once: stop in order. Twice: kill. */
export class StopSignals {
  readonly controller = new AbortController();
  readonly stopped: Promise<'SIGINT' | 'SIGTERM'>;
  readonly #release: () => void;
  #count = 0;

  constructor(context: CliContext, onFirst: () => void, onAgain: () => void) {
    let resolveStopped: (signal: 'SIGINT' | 'SIGTERM') => void;
    this.stopped = new Promise((resolve) => {
      resolveStopped = resolve;
    });
    this.#release = context.onSignal((signal) => {
      this.#count += 1;
      if (this.#count > 1) {
        onAgain();
        return;
      }
      onFirst();
      resolveStopped(signal);
      this.controller.abort(interruptedError('The local cluster was not started.'));
    });
  }

  get forced(): boolean {
    return this.#count > 1;
  }

  release(): void {
    this.#release();
  }
}
