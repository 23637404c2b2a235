import { explore, type Automaton, type AutomatonContext } from './automaton.ts';
import type { CharSet } from './char-set.ts';
import { parsePattern, wholeText, type Pattern } from './pattern-syntax.ts';
import { refuse } from './refusal.ts';

/** States of the automaton before it is made deterministic. */
const maxParts = 4000;

interface Part {
  readonly free: number[];
  readonly edges: { readonly set: CharSet; readonly to: number }[];
}

/** The automaton of the texts that a regular expression matches, as JSON Schema means it (not anchored by itself). */
export const patternAutomaton = (source: string, context: AutomatonContext): Automaton => {
  const pattern = wholeText(parsePattern(source, context.pointer), context.pointer);
  const parts: Part[] = [];
  const end = connect(pattern, add(parts, context), parts, context);
  return explore<readonly number[]>(
    {
      start: closure([0], parts),
      key: (set) => set.join(','),
      accepts: (set) => set.includes(end),
      edges: (set) => stepsOf(set, parts, context),
    },
    context,
  );
};

const add = (parts: Part[], { pointer }: AutomatonContext): number => {
  if (parts.length >= maxParts)
    return refuse(pointer, 'the pattern is too large; use fewer or shorter repetitions');
  return parts.push({ free: [], edges: [] }) - 1;
};

const link = (parts: readonly Part[], from: number, to: number): void => {
  parts[from]?.free.push(to);
};

/** Builds the pattern behind state `from` in the way of Thompson and gives the state where it ends. */
const connect = (pattern: Pattern, from: number, parts: Part[], context: AutomatonContext): number => {
  switch (pattern.kind) {
    case 'chars': {
      const to = add(parts, context);
      parts[from]?.edges.push({ set: pattern.set, to });
      return to;
    }
    case 'sequence':
      return pattern.items.reduce((at, item) => connect(item, at, parts, context), from);
    case 'choice': {
      const end = add(parts, context);
      for (const item of pattern.items) {
        const start = add(parts, context);
        link(parts, from, start);
        link(parts, connect(item, start, parts, context), end);
      }
      return end;
    }
    case 'repeat': {
      const { item, least, most } = pattern;
      let at = from;
      for (let count = 0; count < least; count++)
        at = connect(item, fresh(at, parts, context), parts, context);
      if (most === Infinity) {
        const loop = fresh(at, parts, context);
        link(parts, connect(item, loop, parts, context), loop);
        return fresh(loop, parts, context);
      }
      const end = add(parts, context);
      link(parts, at, end);
      for (let count = least; count < most; count++) {
        at = connect(item, fresh(at, parts, context), parts, context);
        link(parts, at, end);
      }
      return end;
    }
    default:
      return refuse(context.pointer, 'anchors are supported only at the ends of a pattern; move them there');
  }
};

/** A new state behind this one, so that loops of neighbours stay apart. */
const fresh = (from: number, parts: Part[], context: AutomatonContext): number => {
  const to = add(parts, context);
  link(parts, from, to);
  return to;
};

const closure = (states: Iterable<number>, parts: readonly Part[]): readonly number[] => {
  const seen = new Set<number>();
  const waiting = [...states];
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    if (seen.has(state)) continue;
    seen.add(state);
    waiting.push(...(parts[state]?.free ?? []));
  }
  return [...seen].sort((a, b) => a - b);
};

/** Cuts the characters into ranges that lead to the same states. */
const stepsOf = (
  set: readonly number[],
  parts: readonly Part[],
  context: AutomatonContext,
): readonly (readonly [CharSet, readonly number[]])[] => {
  const edges = set.flatMap((state) => parts[state]?.edges ?? []);
  const cuts = new Set<number>();
  for (const edge of edges)
    for (const [from, to] of edge.set) {
      cuts.add(from);
      cuts.add(to + 1);
    }
  const sorted = [...cuts].sort((a, b) => a - b);
  context.budget.spend(set.length + sorted.length * edges.length, context.pointer);
  const byTargets = new Map<string, { ranges: [number, number][]; targets: number[] }>();
  sorted.slice(0, -1).forEach((from, index) => {
    const targets = edges.flatMap((edge) =>
      edge.set.some(([low, high]) => low <= from && from <= high) ? [edge.to] : [],
    );
    if (targets.length === 0) return;
    const key = targets.join(',');
    const range: [number, number] = [from, (sorted[index + 1] ?? from + 1) - 1];
    const known = byTargets.get(key);
    if (known === undefined) byTargets.set(key, { ranges: [range], targets });
    else known.ranges.push(range);
  });
  return [...byTargets.values()].map(({ ranges, targets }) => {
    const reached = closure(targets, parts);
    context.budget.spend(reached.length, context.pointer);
    return [ranges, reached] as const;
  });
};
