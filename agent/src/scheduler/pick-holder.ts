import type { AgentPhase, ModelState } from '@ollamamax/api';

/** An agent that has the model on its disk, or is about to. */
export interface HolderCandidate {
  readonly id: string;
  readonly local: boolean;
  readonly online: boolean;
  readonly phase: AgentPhase;
  /** State of the model's file there. */
  readonly state: ModelState;
  /** Whether the model is in memory there, or on its way into it. */
  readonly resident: boolean;
  /** Requests its runners work on or hold in queues, with those sent to it since it last said so. */
  readonly load: number;
  /** Requests it works on at a time. */
  readonly slots: number;
}

/**
 * From so many requests per slot on, a loaded model counts no more than one that must first be loaded: a whole
 * further round is waiting there, and an idle copy elsewhere would never be used otherwise.
 */
const crowdedPerSlot = 2;

/** FNV-1a with a final mix; agents agree on it, and it needs no library. */
const hash = (text: string): number => {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
};

/**
 * The agent that a request goes to: a ready one rather than one that starts or drains, then one with the model in
 * memory, then the least loaded per slot, then this agent itself, then by rendezvous hash of the request id.
 * Undefined when nobody can serve it now.
 */
export const pickHolder = (
  candidates: readonly HolderCandidate[],
  requestId: string,
  excluded: ReadonlySet<string> = new Set(),
): HolderCandidate | undefined => {
  const rank = (candidate: HolderCandidate): readonly number[] => {
    const perSlot = candidate.load / Math.max(1, candidate.slots);
    return [
      candidate.phase === 'ready' ? 0 : 1,
      candidate.resident && perSlot < crowdedPerSlot ? 0 : 1,
      perSlot,
      candidate.local ? 0 : 1,
      -hash(`${requestId}/${candidate.id}`),
    ];
  };
  let best: { readonly candidate: HolderCandidate; readonly rank: readonly number[] } | undefined;
  for (const candidate of candidates) {
    if (!candidate.online || candidate.state !== 'ready' || excluded.has(candidate.id)) continue;
    const own = rank(candidate);
    const bestRank = best?.rank;
    const difference =
      bestRank === undefined
        ? -1
        : (own.map((value, at) => value - (bestRank[at] ?? 0)).find((d) => d !== 0) ?? 0);
    if (difference < 0) best = { candidate, rank: own };
  }
  return best?.candidate;
};
