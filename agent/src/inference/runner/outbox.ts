import type { JobEvent } from './protocol.ts';

/** Gathers what happens within one turn of the event loop into one message; texts of a job are joined. */
export class Outbox {
  readonly #send: (events: readonly JobEvent[]) => void;
  #events: JobEvent[] = [];
  /** Place of the last event of each job that is a text. */
  readonly #openTexts = new Map<number, number>();

  constructor(send: (events: readonly JobEvent[]) => void) {
    this.#send = send;
  }

  push(event: JobEvent): void {
    if (this.#events.length === 0) setImmediate(() => this.#flush());
    const at = this.#openTexts.get(event.id);
    const open = at === undefined ? undefined : this.#events[at];
    if (at !== undefined && event.kind === 'thinking' && open?.kind === 'thinking') {
      this.#events[at] = { ...open, text: open.text + event.text, tokens: open.tokens + event.tokens };
      return;
    }
    if (at !== undefined && event.kind === 'text' && open?.kind === 'text') {
      const logprobs = [...(open.logprobs ?? []), ...(event.logprobs ?? [])];
      this.#events[at] = {
        ...open,
        text: open.text + event.text,
        tokens: open.tokens + event.tokens,
        ...(logprobs.length === 0 ? {} : { logprobs }),
      };
      return;
    }
    this.#events.push(event);
    if (event.kind === 'text' || event.kind === 'thinking')
      this.#openTexts.set(event.id, this.#events.length - 1);
    else this.#openTexts.delete(event.id);
  }

  #flush(): void {
    const events = this.#events;
    this.#events = [];
    this.#openTexts.clear();
    this.#send(events);
  }
}
