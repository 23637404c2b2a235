import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** The way from one member to another: it can be cut, held up, and put right again. */
export class LinkProxy {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #target: () => number;
  #state: 'open' | 'cut' | 'silent' = 'open';

  /** @param target port of the member that it leads to */
  constructor(target: () => number) {
    this.#target = target;
    this.#server = createServer((from) => this.#accept(from));
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** `cut` resets connections and refuses new ones; `silent` swallows what is sent without a word. */
  set(state: 'open' | 'cut' | 'silent'): void {
    this.#state = state;
    for (const pair of this.#pairs) {
      // What was swallowed cannot be made good: the connection is over.
      if (state !== 'silent') for (const socket of pair) socket.destroy();
    }
  }

  close(): void {
    this.set('cut');
    this.#server.close();
  }

  #accept(from: Socket): void {
    if (this.#state === 'cut') {
      from.destroy();
      return;
    }
    const to = connect({ host: '127.0.0.1', port: this.#target() });
    const pair = [from, to] as const;
    this.#pairs.add(pair);
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      one.setNoDelay(true);
      one.on('data', (chunk) => {
        if (this.#state === 'open') other.write(chunk);
      });
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#pairs.delete(pair);
        other.destroy();
      });
    }
  }
}
