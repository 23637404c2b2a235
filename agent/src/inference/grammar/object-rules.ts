import { both, isEmpty, matches, not, oneOfTexts, type Automaton } from './automaton.ts';
import { stringRule } from './automaton-rules.ts';
import { literal } from './gbnf-text.ts';
import { maxRepetition, type Alternative } from './grammar-rules.ts';
import { anyString, whiteSpace } from './json-rules.ts';
import { refuse } from './refusal.ts';
import type { RuleMaker } from './rule-maker.ts';
import type { Facts, Located, ObjectShape, Parts } from './schema-facts.ts';
import { languageOfPattern } from './string-rules.ts';

/** More would need a rule for each combination of them. */
const maxPatterns = 3;
/** A rule with a single way is written where it is used, up to this many pieces. */
const maxInline = 80;

interface Property {
  readonly name: string;
  readonly parts: Parts;
  readonly required: boolean;
}

interface NamePattern {
  readonly source: string;
  readonly language: Automaton;
}

/**
 * The ways to write the objects of the facts; none when there is no such object. Listed properties come in the order
 * of the schema, further ones behind them under names that are not listed.
 */
export const objectAlternatives = (facts: Facts, hint: string, maker: RuleMaker): readonly Alternative[] => {
  const patterns = patternsOf(facts, maker);
  const allowed = namesOf(facts, maker);
  const listed = new Set(facts.objects.flatMap(({ properties }) => [...(properties?.keys() ?? [])]));
  const properties: Property[] = [];
  const names = new Set([...listed, ...facts.required]);
  for (const name of names) {
    const matched = patterns.filter(({ language }) => matches(language, name));

    const parts = partsOf(facts.objects, matched, name);
    const required = facts.required.has(name);
    const barred = facts.closed && parts.length === 0;
    if (!barred && (allowed === undefined || matches(allowed, name)) && !maker.isNever(parts))
      properties.push({ name, parts, required });
    else if (required) return [];
  }
  const extras = extrasOf(facts, [...names], patterns, allowed, hint, maker);
  return writeObject(facts, properties, extras, hint, maker);
};

const patternsOf = ({ objects, pointer }: Facts, maker: RuleMaker): readonly NamePattern[] => {
  const sources = new Map(
    objects.flatMap((shape) => shape.patterns).map(({ pattern }) => [String(pattern.schema), pattern]),
  );
  if (sources.size > maxPatterns)
    return refuse(pointer, `more than ${maxPatterns} patterns of names are too many; use fewer`);
  return [...sources].map(([source, pattern]) => ({ source, language: languageOfPattern(pattern, maker) }));
};

/** What names may be at all; undefined: anything. */
const namesOf = ({ objects, pointer }: Facts, maker: RuleMaker): Automaton | undefined =>
  objects
    .flatMap(({ names }) => (names === undefined ? [] : (maker.languageOf(names) ?? [])))
    .reduce<Automaton | undefined>(
      (joined, next) => (joined === undefined ? next : both(joined, next, maker.context(pointer))),
      undefined,
    );

/** What every schema says about a property of this name, or of a name that none lists. */
const partsOf = (
  objects: readonly ObjectShape[],
  matched: readonly NamePattern[],
  name: string | undefined,
): Parts =>
  objects.flatMap(({ properties, patterns, additional }): readonly Located[] => {
    const own = name === undefined ? undefined : properties?.get(name);
    const byPattern = patterns.filter(({ pattern }) =>
      matched.some(({ source }) => source === pattern.schema),
    );
    const parts = [...(own === undefined ? [] : [own]), ...byPattern.map(({ part }) => part)];
    return parts.length > 0 || additional === undefined ? parts : [additional];
  });

/** The ways to write one further property: name, colon and value. */
const extrasOf = (
  { objects, closed, pointer }: Facts,
  listed: readonly string[],
  patterns: readonly NamePattern[],
  names: Automaton | undefined,
  hint: string,
  maker: RuleMaker,
): readonly Alternative[] => {
  const context = maker.context(pointer);
  const explicit = objects.some(({ additional }) => additional !== undefined);
  const silent = objects.every((shape) => shape.properties === undefined && shape.patterns.length === 0);
  const ways: Alternative[] = [];
  for (let mask = 0; mask < 1 << patterns.length; mask++) {
    if (mask === 0 && !explicit && (closed || !silent)) continue;
    const matched = patterns.filter((_pattern, index) => ((mask >> index) & 1) === 1);
    const parts = partsOf(objects, matched, undefined);
    if (maker.isNever(parts)) continue;
    const wanted = [...(names === undefined ? [] : [names]), ...matched.map(({ language }) => language)];
    const unwanted = [
      ...patterns.filter((pattern) => !matched.includes(pattern)).map(({ language }) => language),
      ...(listed.length === 0 ? [] : [oneOfTexts(listed, context)]),
    ];
    const languages = [...wanted, ...unwanted.map((language) => not(language, context))];
    const ws = whiteSpace(maker.rules);
    const value = (): string => maker.ruleFor(parts, `${hint}-value`);
    const [first, ...others] = languages;
    if (first === undefined) {
      ways.push([anyString(maker.rules), '":"', ws, value()]);
      continue;
    }
    const language = others.reduce((joined, next) => both(joined, next, context), first);
    if (isEmpty(language)) continue;
    const key = stringRule(language, maker.rules.name(`${hint}-key`), maker.rules);
    ways.push([key, '":"', ws, value()]);
  }
  return ways;
};

/**
 * Goes through the properties from the last to the first. What can follow depends on the place and on how many
 * properties were written before it: commas and the smallest and largest counts come out right by that.
 */
const writeObject = (
  { propertyCount, required, pointer }: Facts,
  properties: readonly Property[],
  extras: readonly Alternative[],
  hint: string,
  maker: RuleMaker,
): readonly Alternative[] => {
  const { rules } = maker;
  const ws = whiteSpace(rules);
  const least = propertyCount.least ?? 0;
  const possible = extras.length === 0 ? properties.length : Infinity;
  const most =
    propertyCount.most !== undefined && propertyCount.most < possible ? propertyCount.most : Infinity;
  if (least > Math.min(possible, most)) return [];
  if (extras.length > 0 && least > required.size + 1)
    return refuse(
      pointer,
      'a grammar cannot count different names; list the properties or lower "minProperties"',
    );
  // Counts go no further than they matter; 0 and 1 always do, because of the comma.
  const cap = Math.max(1, most === Infinity ? least : most);
  const next = (count: number): number => Math.min(count + 1, cap);
  const asPieces = (ways: readonly Alternative[], at: string): Alternative | undefined => {
    const [only, another] = ways;
    if (only === undefined) return undefined;
    if (another === undefined && only.length <= maxInline) return only;
    const name = rules.name(`${hint}-${at}`);
    rules.define(name, ways);
    return [name];
  };
  const named = new Map<string, string>();
  const once = (part: string, ways: () => readonly Alternative[]): string => {
    const name = named.get(part) ?? rules.name(`${hint}-${part}`);
    if (!named.has(part)) rules.define(name, ways());
    named.set(part, name);
    return name;
  };
  const separated = (count: number, pieces: Alternative): Alternative =>
    count === 0 ? pieces : ['","', ws, ...pieces];

  /** What can follow behind the listed properties when so many were written. */
  const ending = (count: number): Alternative | undefined => {
    if (extras.length === 0 || count >= most)
      return count < least ? undefined : [...(count === 0 ? [] : [ws]), '"}"'];
    const behind = (count: number): Alternative => [
      ...rules.repeat(more(), Math.max(0, least - count), Math.min(most, count + maxRepetition) - count),
      ws,
      '"}"',
    ];
    if (count > 0) return behind(count);
    return asPieces([...(least === 0 ? [['"}"']] : []), [extra(), ...behind(1)]], 'extras');
  };
  const extra = (): string => once('extra', () => extras);
  const more = (): string => once('more', () => [separated(1, [extra()])]);

  let needed = 0;
  const requiredBefore = properties.map((property) => (property.required ? needed++ : needed));
  let ahead = new Map<number, Alternative | undefined>();
  for (let count = 0; count <= Math.min(properties.length, cap); count++) ahead.set(count, ending(count));
  properties.toReversed().forEach((property, index) => {
    const at = properties.length - 1 - index;
    const value = maker.ruleFor(property.parts, property.name);
    const pair: Alternative = [literal(`${JSON.stringify(property.name)}:`), ws, value];
    const here = new Map<number, Alternative | undefined>();
    for (let count = Math.min(requiredBefore[at] ?? 0, cap); count <= Math.min(at, cap); count++) {
      const taken = count < most ? ahead.get(next(count)) : undefined;
      const skipped = property.required ? undefined : ahead.get(count);
      const ways = [
        ...(taken === undefined ? [] : [[...separated(count, pair), ...taken]]),
        ...(skipped === undefined ? [] : [skipped]),
      ];
      here.set(count, asPieces(ways, property.name));
    }
    ahead = here;
  });
  const body = ahead.get(0);
  return body === undefined ? [] : [['"{"', ws, ...body]];
};
