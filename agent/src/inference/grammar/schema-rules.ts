import { arrayAlternatives } from './array-rules.ts';
import { oneOfTexts, type Automaton, type AutomatonContext } from './automaton.ts';
import { stringRule } from './automaton-rules.ts';
import type { Alternative, GrammarRules } from './grammar-rules.ts';
import * as json from './json-rules.ts';
import { allowsNumber, isPlainNumber, numberAlternatives } from './number-rules.ts';
import { objectAlternatives } from './object-rules.ts';
import { refuse, type WorkBudget } from './refusal.ts';
import type { RuleMaker } from './rule-maker.ts';
import {
  jsonTypes,
  type Facts,
  type JsonType,
  type Located,
  type Parts,
  type Range,
} from './schema-facts.ts';
import { partsKey, SchemaReader } from './schema-reader.ts';
import { allowsString, isAnyString, stringAlternatives, stringAutomaton } from './string-rules.ts';

/** So many fixed texts share their beginnings: each way to go on costs the sampler a look at the whole vocabulary. */
const manyTexts = 8;
/** Choices within choices that are looked through at once. */
const maxLookAhead = 100;

/**
 * Writes the rules of one schema document into a grammar.
 *
 * What a schema leaves open by saying nothing is not produced: properties beside the listed ones, and items beside
 * those of a tuple. A schema without a type gets the types that its keywords speak of.
 */
export class SchemaRules implements RuleMaker {
  readonly rules: GrammarRules;
  readonly #budget: WorkBudget;
  readonly #reader: SchemaReader;
  readonly #names = new Map<string, string>();
  readonly #never = new Map<string, boolean>();
  readonly #automata = new Map<string, Automaton>();
  readonly #waiting: { readonly name: string; readonly parts: Parts }[] = [];

  constructor(document: unknown, rules: GrammarRules, budget: WorkBudget) {
    this.rules = rules;
    this.#budget = budget;
    this.#reader = new SchemaReader(document, budget);
  }

  /** The name of the rule for values that satisfy all parts; `hint` becomes a part of the name. */
  ruleFor(parts: Parts, hint: string): string {
    const distinct = this.#resolve(parts);
    const key = partsKey(distinct);
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const simple = this.#choices(distinct) === undefined ? this.#simple(distinct) : undefined;
    const name = simple ?? this.rules.name(hint);
    this.#names.set(key, name);
    if (simple === undefined) this.#waiting.push({ name, parts: distinct });
    return name;
  }

  #resolve(parts: Parts): Parts {
    const resolved = parts.map((part) => this.#reader.resolve(part));
    return [...new Map(resolved.map((part) => [part.pointer, part])).values()];
  }

  /** The schemas to choose from when that is all that is said. */
  #choices([only, another]: Parts): readonly Located[] | undefined {
    return only === undefined || another !== undefined ? undefined : this.#reader.choices(only);
  }

  /** Writes the rules that others refer to, until none is missing. A queue, so that depth costs no stack. */
  finish(): void {
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) {
      const alternatives = this.#alternatives(next.parts, next.name);
      if (alternatives.length === 0)
        refuse(next.parts[0]?.pointer ?? '#', 'no value can satisfy it; remove the contradiction');
      this.rules.define(next.name, alternatives);
    }
  }

  /** Whether it is plain that no value satisfies the parts. */
  isNever(parts: Parts, depth = 0): boolean {
    const distinct = this.#resolve(parts);
    const choices = this.#choices(distinct);
    if (choices === undefined) return this.#reader.alternatives(distinct).length === 0;
    const key = partsKey(distinct);
    const known = this.#never.get(key);
    // What is far away is looked at when its rule is written.
    if (known !== undefined || depth > maxLookAhead) return known ?? false;
    this.#never.set(key, false);
    const never = choices.every((choice) => this.isNever([choice], depth + 1));
    this.#never.set(key, never);
    return never;
  }

  /** What the strings among the values may be; undefined: any string. Used for names of properties. */
  languageOf(part: Located): Automaton | undefined {
    const [only, another] = this.#reader.alternatives([part]);
    if (only === undefined || another !== undefined)
      return refuse(part.pointer, 'names of properties can have one simple schema; leave choices out');
    return stringAutomaton(only, this);
  }

  /** Builds an automaton once for each key. */
  automaton(key: string, build: () => Automaton): Automaton {
    const known = this.#automata.get(key);
    if (known !== undefined) return known;
    const automaton = build();
    this.#automata.set(key, automaton);
    return automaton;
  }

  /** Writes a rule once for each key and gives its name. */
  ruleOnce(key: string, hint: string, write: (name: string) => void): string {
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = this.rules.name(hint);
    this.#names.set(key, name);
    write(name);
    return name;
  }

  context(pointer: string): AutomatonContext {
    return { budget: this.#budget, pointer };
  }

  #alternatives(parts: Parts, hint: string): readonly Alternative[] {
    const choices = this.#choices(parts);
    if (choices !== undefined)
      return this.#distinct(
        choices.filter((choice) => !this.isNever([choice])).map((choice) => [this.ruleFor([choice], hint)]),
      );
    return this.#distinct(
      this.#reader.alternatives(parts).flatMap((facts) => this.#factsAlternatives(facts, hint)),
    );
  }

  #distinct(alternatives: readonly Alternative[]): readonly Alternative[] {
    return [...new Map(alternatives.map((pieces) => [pieces.join(' '), pieces])).values()];
  }

  #factsAlternatives(facts: Facts, hint: string): readonly Alternative[] {
    if (facts.values !== undefined) return this.#valueAlternatives(facts, facts.values, hint);
    const types = typesOf(facts);
    if (types === undefined) return [[json.anyValue(this.rules)]];
    return [...types].flatMap((type) => this.#typeAlternatives(type, facts, hint));
  }

  #typeAlternatives(type: JsonType, facts: Facts, hint: string): readonly Alternative[] {
    switch (type) {
      case 'object':
        return objectAlternatives(facts, hint, this);
      case 'array':
        return arrayAlternatives(facts, hint, this);
      case 'string':
        return stringAlternatives(facts, hint, this);
      case 'number':
      case 'integer':
        return numberAlternatives(facts, type === 'integer', this);
      case 'boolean':
        return [[json.anyBoolean(this.rules)]];
      case 'null':
        return [['"null"']];
    }
  }

  #valueAlternatives(facts: Facts, values: readonly unknown[], hint: string): readonly Alternative[] {
    const allowed = values.filter((value) => this.#allows(facts, value));
    const texts = allowed.filter((value) => typeof value === 'string');
    if (texts.length < manyTexts) return allowed.map((value) => json.fixedValue(value, this.rules));
    const others = allowed.filter((value) => typeof value !== 'string');
    const key = `texts ${JSON.stringify(texts)}`;
    const name = this.ruleOnce(key, hint, (rule) =>
      stringRule(oneOfTexts(texts, this.context(facts.pointer)), rule, this.rules),
    );
    return [[name], ...others.map((value) => json.fixedValue(value, this.rules))];
  }

  /** Whether a fixed value satisfies what is said beside it. */
  #allows(facts: Facts, value: unknown): boolean {
    const type = typeOfValue(value);
    const allowed = facts.types;
    if (allowed !== undefined && !allowed.has(type) && !(type === 'integer' && allowed.has('number')))
      return false;
    if (type === 'string') return allowsString(facts, String(value), this);
    if (type === 'integer' || type === 'number') return allowsNumber(facts, Number(value), this);
    if (
      (type === 'object' && !saysNothingOfObjects(facts)) ||
      (type === 'array' && !saysNothingOfArrays(facts))
    )
      refuse(
        facts.pointer,
        'fixed objects and arrays cannot stand beside keywords about their parts; keep one of the two',
      );
    return true;
  }

  /** A rule that every grammar has anyway, when the facts say no more than that. */
  #simple(parts: Parts): string | undefined {
    const [facts, another] = this.#reader.alternatives(parts);
    if (facts === undefined || another !== undefined || facts.values !== undefined) return undefined;
    const types = typesOf(facts);
    if (types === undefined) return json.anyValue(this.rules);
    if (types.size !== 1) return undefined;
    if (types.has('object') && saysNothingOfObjects(facts)) return json.anyObject(this.rules);
    if (types.has('array') && saysNothingOfArrays(facts)) return json.anyArray(this.rules);
    if (types.has('boolean')) return json.anyBoolean(this.rules);
    if (types.has('integer') && isPlainNumber(facts)) return json.anyInteger(this.rules);
    if (types.has('number') && isPlainNumber(facts)) return json.anyNumber(this.rules);
    if (types.has('string') && isAnyString(facts)) return json.anyString(this.rules);
    return undefined;
  }
}

/** The types said, or those that the keywords speak of; undefined: nothing is said at all. */
const typesOf = (facts: Facts): ReadonlySet<JsonType> | undefined => {
  if (facts.types !== undefined) return facts.types;
  const spoken = new Map<JsonType, boolean>([
    ['object', !saysNothingOfObjects(facts)],
    ['array', !saysNothingOfArrays(facts)],
    ['string', !isAnyString(facts)],
    ['number', facts.minimum !== undefined || facts.maximum !== undefined || facts.multiples.length > 0],
  ]);
  const types = jsonTypes.filter((type) => spoken.get(type) === true);
  return types.length === 0 ? undefined : new Set(types);
};

const saysNothingOfObjects = ({ objects, required, propertyCount, closed }: Facts): boolean =>
  objects.length === 0 && required.size === 0 && saysNothing(propertyCount) && !closed;

const saysNothingOfArrays = ({ arrays, itemCount }: Facts): boolean =>
  arrays.length === 0 && saysNothing(itemCount);

const saysNothing = ({ least, most }: Range): boolean => least === undefined && most === undefined;

const typeOfValue = (value: unknown): JsonType => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'object') return 'object';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value === 'boolean' ? 'boolean' : 'string';
};
