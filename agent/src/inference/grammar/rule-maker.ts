import type { Automaton, AutomatonContext } from './automaton.ts';
import type { GrammarRules } from './grammar-rules.ts';
import type { Located, Parts } from './schema-facts.ts';

/** What the writers of strings, numbers, objects and arrays need from the whole. */
export interface RuleMaker {
  readonly rules: GrammarRules;
  /** The name of the rule for values that satisfy all parts; `hint` becomes a part of the name. */
  ruleFor(parts: Parts, hint: string): string;
  /** Whether it is plain that no value satisfies the parts. */
  isNever(parts: Parts): boolean;
  /** What strings that satisfy the schema may be; undefined: any. */
  languageOf(part: Located): Automaton | undefined;
  /** Builds an automaton once for each key. */
  automaton(key: string, build: () => Automaton): Automaton;
  /** Writes a rule once for each key and gives its name. */
  ruleOnce(key: string, hint: string, write: (name: string) => void): string;
  context(pointer: string): AutomatonContext;
}
