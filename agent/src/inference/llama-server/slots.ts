/** A place in llama-server for one request at a time, with what is left of the last one. */
export interface Slot {
  readonly id: number;
  /** Whether what is left may be gone on from. */
  readonly mayReuse: boolean;
  /** The request is over. */
  release(): void;
}

interface Place {
  tenant: string | undefined;
  busy: number;
  lastUsed: number;
}

/**
 * Gives each request a place. What a request has computed serves only requests of the same tenant: how long a prompt
 * takes would tell others what was asked before.
 */
export class Slots {
  readonly #places: readonly Place[];
  #uses = 0;

  /** @param count places that llama-server has */
  constructor(count: number) {
    this.#places = Array.from({ length: count }, () => ({ tenant: undefined, busy: 0, lastUsed: 0 }));
  }

  /** @throws RangeError without any place */
  take(tenant: string): Slot {
    const [first, ...others] = this.#places.entries();
    if (first === undefined) throw new RangeError('there are no places');
    const [id, place] = others.reduce(
      (best, next) => (isBetter(next[1], best[1], tenant) ? next : best),
      first,
    );
    const mayReuse = place.tenant === tenant;
    place.tenant = tenant;
    place.busy += 1;
    place.lastUsed = ++this.#uses;
    return {
      id,
      mayReuse,
      release: () => {
        place.busy -= 1;
      },
    };
  }
}

/** Free ones first, then those of the tenant, the last used of these; of others the one that was used longest ago. */
const isBetter = (one: Place, other: Place, tenant: string): boolean => {
  if (one.busy !== other.busy) return one.busy < other.busy;
  const isOwn = one.tenant === tenant;
  if (isOwn !== (other.tenant === tenant)) return isOwn;
  return isOwn ? one.lastUsed > other.lastUsed : one.lastUsed < other.lastUsed;
};
