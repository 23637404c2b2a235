import type { AgentStatus } from '@ollamamax/api';
import type { Peer } from './peers.ts';

/** What is known of one address. */
export interface Place {
  readonly target: { readonly address: string };
  readonly id: string | undefined;
  readonly online: boolean;
  readonly status: AgentStatus | undefined;
  readonly lastSeen: string | undefined;
  /** Monotonic time of the last answer, of the start before the first. */
  readonly heardAt: number;
}

const peerAt = (id: string, { target, online, lastSeen, status }: Place): Peer => ({
  id,
  address: target.address,
  online,
  lastSeen,
  status,
});

/**
 * The other agents by id. An agent may have had several addresses, and one address several agents, as pods come and
 * go; it stays a member for its time without having any, so that nothing is moved because it is away for a moment.
 */
export class Members<P extends Place> {
  readonly #places: () => Iterable<P>;
  readonly #selfId: string;
  readonly #forgetMs: number;
  /** As last heard of, by id. */
  readonly #heard = new Map<string, { readonly peer: Peer; readonly at: number }>();

  constructor(options: {
    readonly places: () => Iterable<P>;
    readonly selfId: string;
    readonly forgetMs: number;
  }) {
    this.#places = options.places;
    this.#selfId = options.selfId;
    this.#forgetMs = options.forgetMs;
  }

  /** Where each agent is: the address that answers, else the one that answered last. */
  byId(): Map<string, P> {
    const best = new Map<string, P>();
    for (const place of this.#places()) {
      if (place.id === undefined || place.id === this.#selfId) continue;
      const other = best.get(place.id);
      const better =
        other === undefined ||
        (place.online !== other.online ? place.online : !place.online && place.heardAt > other.heardAt);
      if (better) best.set(place.id, place);
    }
    return best;
  }

  list(): readonly Peer[] {
    const placed = this.byId();
    return [
      ...[...placed].map(([id, place]) => peerAt(id, place)),
      ...[...this.#heard].flatMap(([id, { peer }]) => (placed.has(id) ? [] : [{ ...peer, online: false }])),
    ];
  }

  /**
   * An agent has answered at a place.
   * @returns places of the same agent at which an earlier or later process of it was: nobody is there any more
   */
  heard(place: P): readonly P[] {
    const { id, status } = place;
    if (id === undefined || id === this.#selfId) return [];
    this.#heard.set(id, { peer: peerAt(id, place), at: place.heardAt });
    return [...this.#places()].filter(
      (other) =>
        other !== place && other.id === id && other.online && other.status?.bootId !== status?.bootId,
    );
  }

  /** Whether a place that is no longer found and does not answer is of no more use. */
  isSpent(place: P, now: number): boolean {
    if (place.id === undefined || now - place.heardAt >= this.#forgetMs) return true;
    return this.byId().get(place.id)?.online === true;
  }

  /** Forgets agents that have no place and whose time is over. @returns their ids */
  forget(now: number): readonly string[] {
    const placed = this.byId();
    const gone = [...this.#heard].flatMap(([id, { at }]) =>
      placed.has(id) || now - at < this.#forgetMs ? [] : [id],
    );
    for (const id of gone) this.#heard.delete(id);
    return gone;
  }
}
