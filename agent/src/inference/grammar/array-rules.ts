import { maxRepetition, type Alternative } from './grammar-rules.ts';
import { whiteSpace } from './json-rules.ts';
import type { RuleMaker } from './rule-maker.ts';
import type { ArrayShape, Facts, Parts } from './schema-facts.ts';

/**
 * The ways to write the arrays of the facts; none when there is no such array. A tuple that says nothing about its
 * length is written whole, and one that says nothing about further items has none.
 */
export const arrayAlternatives = (facts: Facts, hint: string, maker: RuleMaker): readonly Alternative[] => {
  const { rules } = maker;
  const ws = whiteSpace(rules);
  const { arrays, itemCount } = facts;
  const tuple = Math.max(0, ...arrays.map(({ prefix }) => prefix.length));
  const open = arrays.every(({ prefix, items }) => prefix.length === 0 || items !== undefined);
  const further = partsAt(arrays, tuple);
  const mayGoOn = open && !maker.isNever(further);
  const least = itemCount.least ?? tuple;
  const most = Math.min(itemCount.most ?? Infinity, mayGoOn ? Infinity : Math.max(tuple, open ? 0 : least));
  const fixed = fixedItems(arrays, Math.min(tuple, most), maker);
  const longest = fixed.length < tuple ? Math.min(most, fixed.length) : most;
  if (least > longest) return [];

  const item = (at: number): string =>
    maker.ruleFor(at < tuple ? (fixed[at] ?? []) : further, `${hint}-${at < tuple ? at : 'item'}`);
  const end: Alternative = [ws, '"]"'];
  /** What may follow behind `count` items, for arrays that are not empty. */
  const behind = (count: number): readonly Alternative[] => {
    if (count < fixed.length) {
      const next = rules.name(`${hint}-${count}`);
      rules.define(next, behind(count + 1));
      const more: Alternative = ['","', ws, item(count), next];
      return count >= least ? [more, end] : [more];
    }
    if (longest <= count) return [end];
    const more = maker.rules.name(`${hint}-more`);
    rules.define(more, [['","', ws, item(count)]]);
    const bounded = longest === Infinity ? longest : Math.min(longest, count + maxRepetition);
    return [[...rules.repeat(more, Math.max(0, least - count), bounded - count), ...end]];
  };
  const ways: Alternative[] = least === 0 ? [['"]"']] : [];
  if (longest > 0) for (const pieces of behind(1)) ways.push([item(0), ...pieces]);
  if (ways.length === 1) return [['"["', ws, ...(ways[0] ?? [])]];
  const items = rules.name(`${hint}-items`);
  rules.define(items, ways);
  return [['"["', ws, items]];
};

/** What is said about the item at this place. */
const partsAt = (arrays: readonly ArrayShape[], at: number): Parts =>
  arrays.flatMap(({ prefix, items }) => prefix[at] ?? items ?? []);

/** The parts of the items with a place of their own, up to the first that no value can have. */
const fixedItems = (arrays: readonly ArrayShape[], count: number, maker: RuleMaker): readonly Parts[] => {
  const all = Array.from({ length: count }, (_item, at) => partsAt(arrays, at));
  const never = all.findIndex((parts) => maker.isNever(parts));
  return never < 0 ? all : all.slice(0, never);
};
