import { allChars, complement, includes, intersection, union, type CharSet } from './char-set.ts';
import { refuse, type WorkBudget } from './refusal.ts';

/** A deterministic finite automaton over code points; it starts in state 0, and what has no edge is refused. */
export interface Automaton {
  readonly states: readonly AutomatonState[];
}

export interface AutomatonState {
  readonly accepts: boolean;
  /** The sets of one state do not overlap. */
  readonly edges: readonly AutomatonEdge[];
}

interface AutomatonEdge {
  readonly set: CharSet;
  readonly to: number;
}

/** Where the work for an automaton is charged, and which part of the schema wants it. */
export interface AutomatonContext {
  readonly budget: WorkBudget;
  readonly pointer: string;
}

const maxStates = 4000;

/** How an automaton is described before its states have numbers; edges to equal keys are joined. */
export interface Description<State> {
  readonly start: State;
  readonly key: (state: State) => string;
  readonly accepts: (state: State) => boolean;
  readonly edges: (state: State) => readonly (readonly [CharSet, State])[];
}

/**
 * Visits every state that can be reached, leaves out those from which no text is accepted, and joins states that are
 * plainly equal.
 */
export const explore = <State>(description: Description<State>, context: AutomatonContext): Automaton => {
  const { key, accepts, edges } = description;
  const numbers = new Map([[key(description.start), 0]]);
  const found = [description.start];
  const states: AutomatonState[] = [];
  // States found on the way join the end of the list and are visited too.
  for (const state of found) {
    const targets = new Map<number, CharSet[]>();
    for (const [set, to] of edges(state)) {
      context.budget.spend(set.length + 1, context.pointer);
      if (set.length === 0) continue;
      const name = key(to);
      const number = numbers.get(name) ?? found.length;
      if (number === found.length) {
        if (number >= maxStates)
          refuse(context.pointer, 'it is too large; use shorter repetitions or bounds');
        numbers.set(name, number);
        found.push(to);
      }
      const known = targets.get(number);
      if (known === undefined) targets.set(number, [set]);
      else known.push(set);
    }
    states.push({
      accepts: accepts(state),
      edges: [...targets].map(([to, sets]) => ({ set: union(...sets), to })),
    });
  }
  return joinEqual(trim(states));
};

const trim = (states: readonly AutomatonState[]): Automaton => {
  const sources = new Map<number, number[]>();
  states.forEach(({ edges }, from) => {
    for (const { to } of edges) {
      const known = sources.get(to);
      if (known === undefined) sources.set(to, [from]);
      else known.push(from);
    }
  });
  const alive = new Set<number>();
  const waiting = states.flatMap(({ accepts }, index) => (accepts ? [index] : []));
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    if (alive.has(state)) continue;
    alive.add(state);
    waiting.push(...(sources.get(state) ?? []));
  }
  if (!alive.has(0)) return { states: [{ accepts: false, edges: [] }] };
  const numbers = new Map([...alive].sort((a, b) => a - b).map((old, index) => [old, index]));
  return {
    states: states
      .filter((_state, index) => alive.has(index))
      .map(({ accepts, edges }) => ({
        accepts,
        edges: edges.flatMap(({ set, to }) => {
          const number = numbers.get(to);
          return number === undefined ? [] : [{ set, to: number }];
        }),
      })),
  };
};

/** Joins states with equal ways on, from the last to the first, until nothing changes or it is good enough. */
const joinEqual = ({ states }: Automaton): Automaton => {
  let joined = states;
  for (let round = 0; round < 4; round++) {
    const kept = joinOnce(joined);
    if (kept.length === joined.length) break;
    joined = kept;
  }
  return { states: joined };
};

const joinOnce = (states: readonly AutomatonState[]): readonly AutomatonState[] => {
  const same = states.map((_state, index) => index);
  const bySignature = new Map<string, number>();
  for (let index = states.length - 1; index >= 0; index--) {
    const { accepts = false, edges = [] } = states[index] ?? {};
    const ways = edges.map(({ set, to }) => `${to === index ? 'self' : same[to]}:${set.join(';')}`).sort();
    const signature = `${accepts} ${ways.join(' ')}`;
    // The first state stays itself: it is where every text begins.
    const twin = index === 0 ? undefined : bySignature.get(signature);
    if (twin === undefined) bySignature.set(signature, index);
    else same[index] = twin;
  }
  const kept = states.flatMap((_state, index) => (same[index] === index ? [index] : []));
  const numbers = new Map(kept.map((old, index) => [old, index]));
  return kept.map((old) => {
    const { accepts = false, edges = [] } = states[old] ?? {};
    const targets = new Map<number, CharSet[]>();
    for (const { set, to } of edges) {
      const target = numbers.get(same[to] ?? to) ?? 0;
      targets.set(target, [...(targets.get(target) ?? []), set]);
    }
    return { accepts, edges: [...targets].map(([to, sets]) => ({ set: union(...sets), to })) };
  });
};

/** Whether the automaton accepts no text at all. */
export const isEmpty = ({ states }: Automaton): boolean =>
  states.length === 1 && states[0]?.accepts === false && states[0].edges.length === 0;

export const matches = ({ states }: Automaton, text: string): boolean => {
  let state = states[0];
  for (const char of text) {
    const codePoint = char.codePointAt(0) ?? 0;
    const edge = state?.edges.find(({ set }) => includes(set, codePoint));
    if (edge === undefined) return false;
    state = states[edge.to];
  }
  return state?.accepts === true;
};

/** Texts that both accept. */
export const both = (a: Automaton, b: Automaton, context: AutomatonContext): Automaton =>
  explore<readonly [number, number]>(
    {
      start: [0, 0],
      key: ([i, j]) => `${i},${j}`,
      accepts: ([i, j]) => a.states[i]?.accepts === true && b.states[j]?.accepts === true,
      edges: ([i, j]) => {
        const others = b.states[j]?.edges ?? [];
        return (a.states[i]?.edges ?? []).flatMap((left) =>
          others.map((right) => [intersection(left.set, right.set), [left.to, right.to] as const] as const),
        );
      },
    },
    context,
  );

/** Texts of well-formed characters that it does not accept. */
export const not = (a: Automaton, context: AutomatonContext): Automaton =>
  explore<number>(
    {
      start: 0,
      key: String,
      accepts: (state) => a.states[state]?.accepts !== true,
      edges: (state) => {
        const edges = a.states[state]?.edges ?? [];
        const rest = complement(union(...edges.map(({ set }) => set)));
        return [...edges.map(({ set, to }) => [set, to] as const), [rest, -1] as const];
      },
    },
    context,
  );

/** Exactly the given texts. */
export const oneOfTexts = (texts: readonly string[], context: AutomatonContext): Automaton =>
  explore<readonly string[]>(
    {
      start: [...new Set(texts)],
      key: (rest) => JSON.stringify(rest),
      accepts: (rest) => rest.includes(''),
      edges: (rest) => {
        const byFirst = new Map<number, string[]>();
        for (const text of rest) {
          const first = text.codePointAt(0);
          if (first === undefined) continue;
          const tail = text.slice(first > 0xffff ? 2 : 1);
          const known = byFirst.get(first);
          if (known === undefined) byFirst.set(first, [tail]);
          else known.push(tail);
        }
        return [...byFirst].map(([first, tails]) => [[[first, first]] as CharSet, tails] as const);
      },
    },
    context,
  );

/** Texts that it accepts and that have `least` to `most` characters; `most` may be Infinity. */
export const withLength = (a: Automaton, least: number, most: number, context: AutomatonContext): Automaton =>
  explore<readonly [number, number]>(
    {
      start: [0, 0],
      key: ([state, length]) => `${state},${length}`,
      accepts: ([state, length]) => a.states[state]?.accepts === true && length >= least,
      edges: ([state, length]) => {
        if (length >= most) return [];
        const next = most === Infinity ? Math.min(length + 1, least) : length + 1;
        return (a.states[state]?.edges ?? []).map(({ set, to }) => [set, [to, next] as const] as const);
      },
    },
    context,
  );

export const anyText: Automaton = { states: [{ accepts: true, edges: [{ set: allChars, to: 0 }] }] };
