import type { Observed } from '../porcupine/judge.ts';
import type { ProcessCluster } from './process-cluster.ts';
import type { Ask } from './wire.ts';

const keys = ['a', 'b', 'c'];
const retryMs = 50;

/** Clients that go on asking, each one thing at a time, by way of any member, and note down what they saw. */
export class Clients {
  readonly #cluster: ProcessCluster;
  readonly #seen: Observed[] = [];
  readonly #running: Promise<void>[] = [];
  #acknowledged = 0;
  #lastNumber = 0;
  #going = true;

  constructor(cluster: ProcessCluster, count: number) {
    this.#cluster = cluster;
    for (let client = 1; client <= count; client += 1) this.#running.push(this.#run(client));
  }

  /** Operations that were answered so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Ends when so many more have been answered: the cluster serves. */
  async untilServed(more: number): Promise<void> {
    const goal = this.#acknowledged + more;
    await this.#cluster.until(`${more} more answers`, () =>
      Promise.resolve(this.#acknowledged >= goal ? true : undefined),
    );
  }

  /** @returns what they saw, open ends included */
  async stop(): Promise<readonly Observed[]> {
    this.#going = false;
    await Promise.all(this.#running);
    return this.#seen;
  }

  async #run(client: number): Promise<void> {
    for (let sequence = 1; this.#going; sequence += 1) {
      const key = keys[(sequence * 7 + client) % keys.length] ?? 'a';
      const op = (['append', 'read', 'write', 'read'] as const)[(sequence + client) % 4] ?? 'read';
      // What everybody can tell apart. A write cuts the text that appends make longer.
      const value = `${client}.${sequence} `;
      const call = performance.now();
      const output = await this.#ask(client, sequence, op, key, value);
      if (output === undefined) {
        if (op !== 'read') this.#seen.push({ client, key, op, value, output: '', call });
        return;
      }
      this.#acknowledged += 1;
      this.#seen.push({ client, key, op, value, output, call, return: performance.now() });
    }
  }

  /** Asks one member after the other; under its number a write is made once however often it is tried. */
  async #ask(
    client: number,
    sequence: number,
    op: Ask['op'],
    key: string,
    value: string,
  ): Promise<string | undefined> {
    const { members } = this.#cluster;
    for (let attempt = client; this.#going; attempt += 1) {
      const member = members[attempt % members.length];
      this.#lastNumber += 1;
      const told = await member?.ask({ number: this.#lastNumber, op, key, value, client, sequence });
      if (told?.kind === 'done') return told.output;
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
    return undefined;
  }
}
