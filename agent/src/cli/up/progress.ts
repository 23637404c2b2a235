import type { OutputStream } from '../context.ts';

/** Tells how far a command is: in place on a terminal, one line per finished step elsewhere. */
export class Progress {
  readonly #stream: OutputStream;
  readonly #live: boolean;
  #current = '';

  constructor(stream: OutputStream, env: Readonly<Record<string, string | undefined>>) {
    this.#stream = stream;
    this.#live = stream.isTTY === true && env.TERM !== 'dumb' && env.CI === undefined;
  }

  /** What is being done now; shown only where it can be replaced. */
  doing(text: string): void {
    if (!this.#live || text === this.#current) return;
    this.#current = text;
    // Some terminals do not know their width and say 0.
    const { columns = 0 } = this.#stream;
    const width = Math.max(20, (columns === 0 ? 80 : columns) - 3);
    this.#stream.write(`\r\u001b[2K  ${text.length > width ? `${text.slice(0, width - 1)}…` : text}`);
  }

  /** A step is complete, or something happened. */
  say(text: string): void {
    this.#clear();
    this.#stream.write(`${text}\n`);
  }

  #clear(): void {
    if (this.#current === '') return;
    this.#current = '';
    this.#stream.write('\r\u001b[2K');
  }
}
