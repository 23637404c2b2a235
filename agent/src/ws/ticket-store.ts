import { randomBytes } from 'node:crypto';

/** Who asked for a ticket and from where; only the same place may use it. */
export interface TicketGrant {
  readonly user: { readonly name: string; readonly role: string };
  /** The token the ticket stands for, so that the connection can be re-validated; absent without authentication. */
  readonly token?: string;
  readonly origin: string | undefined;
  readonly address: string | undefined;
}

export interface TicketStore {
  /** A single-use secret that may stand in a URL, and its ISO end. */
  issue(grant: TicketGrant): { readonly ticket: string; readonly expiresAt: string };
  /** The grant, once: any try uses the ticket up, even one from elsewhere, which gets undefined. */
  consume(
    ticket: string,
    from: { readonly origin: string | undefined; readonly address: string | undefined },
  ): TicketGrant | undefined;
}

export interface TicketStoreOptions {
  readonly ttlMs: number;
  /** Tickets held at once; the oldest make room. */
  readonly max: number;
  readonly now?: () => number;
}

export const createTicketStore = (options: TicketStoreOptions): TicketStore => {
  const now = options.now ?? Date.now;
  // A Map keeps the order of issue, and all live equally long: the first is the first to expire.
  const held = new Map<string, { readonly grant: TicketGrant; readonly expires: number }>();
  const prune = (): void => {
    for (const [ticket, { expires }] of held) {
      if (expires > now() && held.size < options.max) return;
      held.delete(ticket);
    }
  };
  return {
    issue: (grant) => {
      prune();
      const ticket = randomBytes(32).toString('base64url');
      const expires = now() + options.ttlMs;
      held.set(ticket, { grant, expires });
      return { ticket, expiresAt: new Date(expires).toISOString() };
    },
    consume: (ticket, from) => {
      const found = held.get(ticket);
      held.delete(ticket);
      if (found === undefined || found.expires <= now()) return undefined;
      const { origin, address } = found.grant;
      return origin === from.origin && address === from.address ? found.grant : undefined;
    },
  };
};
