import { canonicalModelName, type DesiredState } from '@ollamamax/api';

/** Agents that hold a model when its specification does not say. */
const defaultReplicas = 3;

/** 32-bit FNV-1a over UTF-16 code units, started from `seed`. */
const fnv1a = (text: string, seed: number): number => {
  let hash = seed;
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
};

/** Spreads every bit of the input over all bits of the result; FNV alone leaves similar ids close together. */
const mix = (value: number): number => {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
};

/** How much an agent is the right one for a model: the same on every agent and for ever. */
const affinity = (model: string, agent: string): number => {
  const key = `${model}\n${agent}`;
  return mix(fnv1a(key, 0x811c9dc5)) * 0x1_0000_0000 + mix(fnv1a(key, 0x1b873593));
};

/**
 * Which agents hold which model, by rendezvous hashing: every agent computes the same from the same state,
 * and an agent that comes or goes moves only the models it gains or loses.
 * @param agentIds agents of the cluster in any order; duplicates count once
 * @returns agents by canonical model name, the best one first, out of those that may hold it; all of these when
 * there are fewer than replicas
 */
export const placeModels = (
  state: DesiredState,
  agentIds: readonly string[],
): ReadonlyMap<string, readonly string[]> => {
  const agents = [...new Set(agentIds)];
  return new Map(
    state.models.map((spec) => {
      const name = canonicalModelName(spec.name);
      const allowed = spec.agents === undefined ? undefined : new Set(spec.agents);
      const ranked = agents
        .filter((id) => allowed?.has(id) ?? true)
        .map((id) => ({ id, score: affinity(name, id) }))
        // The id decides between equal scores, so that no order of the input shows.
        .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
      return [name, ranked.slice(0, spec.replicas ?? defaultReplicas).map(({ id }) => id)];
    }),
  );
};
