import type { InferenceEvent } from '@ollamamax/api';

/**
 * What a runner has sent for one request and the client has not read yet. The runner is bounded by credit, so
 * this is too: `onRead` gives credit back as the client reads.
 */
export class EventChannel {
  readonly #onRead: (units: number) => void;
  #events: InferenceEvent[] = [];
  #ended: { readonly error: Error | undefined } | undefined;
  #wake: (() => void) | undefined;

  constructor(onRead: (units: number) => void) {
    this.#onRead = onRead;
  }

  /** True while text lies here that the client has not taken. */
  get unread(): boolean {
    return this.#events.length > 0;
  }

  push(event: InferenceEvent): void {
    if (this.#ended !== undefined) return;
    const last = this.#events.at(-1);
    const joined = last === undefined ? undefined : joinTexts(last, event);
    if (joined === undefined) this.#events.push(event);
    else this.#events[this.#events.length - 1] = joined;
    this.#notify();
  }

  /** Nothing comes after this. With an error, what has not been read is dropped. */
  end(error?: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    if (error !== undefined) this.#events = [];
    this.#notify();
  }

  /** The next event; undefined at the end. Throws the error it ended with. */
  async next(): Promise<InferenceEvent | undefined> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) {
        if (event.type === 'text' || event.type === 'thinking') this.#onRead(event.text.length);
        return event;
      }
      if (this.#ended?.error !== undefined) throw this.#ended.error;
      if (this.#ended !== undefined) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** @returns undefined for events that are no texts of one kind */
const joinTexts = (first: InferenceEvent, second: InferenceEvent): InferenceEvent | undefined => {
  if (first.type === 'thinking' && second.type === 'thinking')
    return { type: 'thinking', text: first.text + second.text };
  if (first.type !== 'text' || second.type !== 'text') return undefined;
  const logprobs = [...(first.logprobs ?? []), ...(second.logprobs ?? [])];
  return {
    type: 'text',
    text: first.text + second.text,
    ...(logprobs.length === 0 ? {} : { logprobs }),
  };
};
