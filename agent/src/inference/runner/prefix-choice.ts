import { commonPrefix } from './common-prefix.ts';

/** A sequence as a place for the next request. */
export interface Place {
  readonly sequence: number;
  /** The tokens whose state it holds. */
  readonly tokens: readonly number[];
  /** Whose tokens they are: nobody else may profit from them, since time tells what others asked. */
  readonly tenant: string;
  readonly isBusy: boolean;
  /** Rises with every use. */
  readonly usedAt: number;
}

export interface PlaceChoice {
  readonly sequence: number;
  /** The sequence to be copied there first; undefined: none. */
  readonly copyFrom: number | undefined;
  /** Tokens of the prompt that are held then. */
  readonly shared: number;
}

/** Fewer common tokens are computed sooner than their state is copied. */
const leastWorthCopying = 16;

interface Candidate {
  readonly place: Place;
  /** Tokens of the prompt that it holds from the beginning on. */
  readonly shared: number;
}

/** Most in common first; among equals an idle one, then the one used last. */
const compareShared = (a: Candidate, b: Candidate): number =>
  b.shared - a.shared || Number(a.place.isBusy) - Number(b.place.isBusy) || b.place.usedAt - a.place.usedAt;

/** What costs least to give up: nothing at all, in the order of ids, else what was used longest ago. */
const compareLoss = (a: Candidate, b: Candidate): number => {
  const [emptyA, emptyB] = [a, b].map(({ place }) => place.tokens.length === 0);
  if (emptyA !== emptyB) return emptyA === true ? -1 : 1;
  return emptyA === true ? a.place.sequence - b.place.sequence : a.place.usedAt - b.place.usedAt;
};

/** Whether so much of what is held is of use that it is no loss to cut the rest. */
const mayBeTaken = ({ place, shared }: Candidate): boolean => shared > 0 && 2 * shared >= place.tokens.length;

/**
 * Where a request begins: the longest common beginning over all sequences wins, busy ones included. A sequence that
 * the request goes on from is taken over; one that it shares only a beginning with is copied, so that what else it
 * holds is there for the next request.
 * @returns undefined when all are busy
 */
export const choosePlace = (
  places: readonly Place[],
  prompt: readonly number[],
  tenant: string,
): PlaceChoice | undefined => {
  // The last token is always computed: what follows it is asked for.
  const usable = prompt.slice(0, -1);
  const candidates = places
    .map((place) => ({
      place,
      shared: place.tenant === tenant ? commonPrefix(place.tokens, usable) : 0,
    }))
    .sort(compareShared);
  const [best] = candidates;
  const idle = candidates.filter(({ place }) => !place.isBusy);
  const [own] = idle;
  if (best === undefined || own === undefined) return undefined;
  const taking = ({ place, shared }: Candidate): PlaceChoice => ({
    sequence: place.sequence,
    copyFrom: undefined,
    shared,
  });
  if (mayBeTaken(own) && best.shared < own.shared + leastWorthCopying) return taking(own);
  const victim = idle
    .filter((candidate) => candidate.shared === 0 || candidate !== best)
    .sort(compareLoss)[0];
  if (victim === undefined) return taking(own);
  if (best.shared < victim.shared + leastWorthCopying) return taking(victim);
  return { sequence: victim.place.sequence, copyFrom: best.place.sequence, shared: best.shared };
};

/**
 * The sequence that a state from outside may overwrite: one that loses nothing by it, else the one used longest ago.
 * @param shared leading tokens of the prompt that the state holds
 * @returns undefined when all are busy
 */
export const chooseVictim = (
  places: readonly Place[],
  prompt: readonly number[],
  tenant: string,
  shared: number,
): number | undefined => {
  const losses = places
    .filter(({ isBusy }) => !isBusy)
    .map(({ sequence, tokens, usedAt, ...place }) => ({
      sequence,
      usedAt,
      isLoss: tokens.length > (place.tenant === tenant ? commonPrefix(tokens, prompt, shared) : 0),
    }));
  return losses.sort((a, b) => Number(a.isLoss) - Number(b.isLoss) || a.usedAt - b.usedAt)[0]?.sequence;
};
