import type { ServerResponse } from 'node:http';
import { ApiError } from '@ollamamax/api';

/** Characters that may wait for the end of the turn; more are sent at once. */
const mostWaiting = 64 * 1024;

/**
 * Writes a streamed answer at the pace of its reader. What comes within one turn of the event loop goes out as one
 * chunk: a chunk costs more than a token, at both ends. A reader that takes no byte for `stallMs` is cut off; one
 * that leaves makes `write` throw `cancelled`, so that the work behind it ends.
 */
export class StreamWriter {
  readonly #response: ServerResponse;
  readonly #stallMs: number;
  #waiting = '';

  constructor(response: ServerResponse, stallMs: number) {
    this.#response = response;
    this.#stallMs = stallMs;
  }

  /**
   * @returns a promise to wait for while the reader lags behind; it resolves when what was sent has been taken
   * @throws ApiError cancelled
   */
  write(text: string): Promise<void> | undefined {
    if (this.#response.destroyed || this.#response.closed) throw new ApiError('cancelled');
    if (this.#waiting === '') process.nextTick(() => this.#send());
    this.#waiting += text;
    if (this.#waiting.length > mostWaiting) this.#send();
    return this.#response.writableNeedDrain ? this.#taken() : undefined;
  }

  /** Sends what waits and ends the answer; for one that is gone, nothing. */
  end(text = ''): void {
    const rest = this.#waiting + text;
    this.#waiting = '';
    if (!this.#response.destroyed) this.#response.end(rest);
  }

  #send(): void {
    const text = this.#waiting;
    this.#waiting = '';
    if (text !== '' && !this.#response.destroyed) this.#response.write(text);
  }

  async #taken(): Promise<void> {
    const response = this.#response;
    let left = response.writableLength;
    for (;;) {
      const outcome = await this.#drained();
      if (outcome === 'drain') return;
      if (outcome === 'close') throw new ApiError('cancelled');
      // A slow reader that still takes bytes is not stalled.
      if (response.writableLength >= left) {
        response.destroy();
        throw new ApiError('cancelled', `The client took no byte for ${this.#stallMs / 1000} s.`);
      }
      left = response.writableLength;
    }
  }

  #drained(): Promise<'drain' | 'close' | 'stall'> {
    const response = this.#response;
    return new Promise((resolve) => {
      const settle = (outcome: 'drain' | 'close' | 'stall') => (): void => {
        clearTimeout(timer);
        response.off('drain', onDrain);
        response.off('close', onClose);
        resolve(outcome);
      };
      const onDrain = settle('drain');
      const onClose = settle('close');
      const timer = setTimeout(settle('stall'), this.#stallMs);
      response.once('drain', onDrain);
      response.once('close', onClose);
      if (response.destroyed) onClose();
    });
  }
}

/** Aborts with `cancelled` when the client leaves before the answer is complete. */
export const clientGone = (response: ServerResponse): AbortController => {
  const controller = new AbortController();
  const onClose = (): void => {
    if (!response.writableFinished) controller.abort(new ApiError('cancelled'));
  };
  if (response.destroyed) onClose();
  else response.once('close', onClose);
  return controller;
};
