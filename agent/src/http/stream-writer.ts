import type { ServerResponse } from 'node:http';
import { ApiError } from '@ollamamax/api';

/**
 * Writes a streamed answer at the pace of the client. A client that takes no byte for `stallMs` is cut off;
 * one that leaves makes `write` throw `cancelled`, so that the work behind it ends.
 */
export class StreamWriter {
  readonly #response: ServerResponse;
  readonly #stallMs: number;

  constructor(response: ServerResponse, stallMs: number) {
    this.#response = response;
    this.#stallMs = stallMs;
  }

  async write(chunk: string): Promise<void> {
    const response = this.#response;
    if (response.destroyed || response.closed) throw new ApiError('cancelled');
    if (response.write(chunk)) return;
    let waiting = response.writableLength;
    for (;;) {
      const outcome = await this.#drained();
      if (outcome === 'drain') return;
      if (outcome === 'close') throw new ApiError('cancelled');
      // A slow client that still takes bytes is not stalled.
      if (response.writableLength >= waiting) {
        response.destroy();
        throw new ApiError('cancelled', `The client took no byte for ${this.#stallMs / 1000} s.`);
      }
      waiting = response.writableLength;
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
