import { refuse } from './refusal.ts';

/** One way to write a rule: GBNF pieces one after the other, each a literal, a class or the name of a rule. */
export type Alternative = readonly string[];

const maxRules = 8000;
const maxTextUnits = 512 * 1024;
/** llama.cpp makes a rule of each possible repetition. */
const maxRepeated = 50_000;
/** llama.cpp walks every way down the first pieces of rules when it looks for left recursion. */
const maxLeftWalk = 200_000;
const maxLeftWalks = 4_000_000;
/** llama.cpp takes less than 2000 at once, and every count is a rule: larger counts are made of blocks. */
const block = 64;
const maxAtOnce = 4 * block;

/** Largest count of a bounded repetition. */
export const maxRepetition = block * 1000;

/** The name of a rule, and whether it may be left out where it is used. */
const reference = /^([a-z][a-z0-9-]*)(\*|\?|\{(\d+)(?:,\d*)?\})?$/;

/** The rules of one grammar. Names are unique, and what would be too large for llama.cpp is refused. */
export class GrammarRules {
  readonly #rules = new Map<string, readonly Alternative[]>();
  readonly #names = new Map<string, number>();
  #units = 0;
  #repeated = 0;

  /** A name that no rule has yet, made from a hint. Names of shared rules never end in a number of their own. */
  name(hint: string): string {
    const words = hint
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(0, 32);
    const stem = /[a-z].*/.exec(words)?.[0].replace(/-$/, '') ?? 'rule';
    const count = (this.#names.get(stem) ?? 0) + 1;
    this.#names.set(stem, count);
    return `${stem}-${count}`;
  }

  define(name: string, alternatives: readonly Alternative[]): void {
    this.#rules.set(name, alternatives);
    for (const pieces of alternatives) for (const piece of pieces) this.#units += piece.length + 1;
    if (this.#rules.size > maxRules || this.#units > maxTextUnits) this.#tooLarge();
  }

  /** Defines the rule once, whoever asks first; it may refer to itself. */
  shared(name: string, alternatives: () => readonly Alternative[]): string {
    if (this.#rules.has(name)) return name;
    this.#rules.set(name, []);
    this.define(name, alternatives());
    return name;
  }

  /** Pieces that repeat a rule `least` to `most` times; `most` may be Infinity. */
  repeat(rule: string, least: number, most: number): Alternative {
    if (most === Infinity) return [...this.#exactly(rule, least), `${rule}*`];
    if (least === most) return this.#exactly(rule, least);
    if (most <= maxAtOnce) {
      this.#count(most);
      return [`${rule}{${least},${most}}`];
    }
    // Blocks and then single ones: `spare` single ones reach exactly to the end of the range.
    const optional = most - least;
    if (optional <= maxAtOnce) {
      this.#count(optional);
      return [...this.#exactly(rule, least), `${rule}{0,${optional}}`];
    }
    const blocks = Math.floor(optional / block) - 1;
    const spare = optional - blocks * block;
    this.#count(blocks + spare);
    return [...this.#exactly(rule, least), `${this.#block(rule)}{0,${blocks}}`, `${rule}{0,${spare}}`];
  }

  #exactly(rule: string, count: number): Alternative {
    if (count === 0) return [];
    if (count === 1) return [rule];
    const blocks = count <= maxAtOnce ? 0 : Math.floor(count / block);
    const single = count - blocks * block;
    this.#count(blocks + single);
    return [
      ...(blocks === 0 ? [] : [`${this.#block(rule)}{${blocks}}`]),
      ...(single === 0 ? [] : [`${rule}{${single}}`]),
    ];
  }

  #block(rule: string): string {
    return this.shared(`${rule}-x${block}`, () => {
      this.#count(block);
      return [[`${rule}{${block}}`]];
    });
  }

  #count(repeated: number): void {
    this.#repeated += repeated;
    if (this.#repeated > maxRepeated) this.#tooLarge();
  }

  #tooLarge(): never {
    return refuse('#', 'the grammar would be too large; use fewer parts, shorter patterns or smaller counts');
  }

  /** The grammar as text with `root` first. Refuses what can never end or never begin. */
  text(): string {
    this.#refuseEndless();
    this.#refuseLeftRecursion();
    const line = (name: string): string => {
      const ways = (this.#rules.get(name) ?? []).map((pieces) =>
        pieces.map((piece) => this.#unaliased(piece)),
      );
      return `${name} ::= ${ways.map((pieces) => (pieces.length === 0 ? '""' : pieces.join(' '))).join(' | ')}`;
    };
    const others = [...this.#rules.keys()].filter(
      (name) => name !== 'root' && this.#aliasOf(name) === undefined,
    );
    return `${['root', ...others].map(line).join('\n')}\n`;
  }

  /** The rule that this one is another name for. */
  #aliasOf(name: string): string | undefined {
    const [only, another] = this.#rules.get(name) ?? [];
    const [piece = '', more] = only ?? [];
    return another === undefined && more === undefined && this.#rules.has(piece) ? piece : undefined;
  }

  #unaliased(piece: string): string {
    const [, rule, suffix = ''] = reference.exec(piece) ?? [];
    if (rule === undefined) return piece;
    let name = rule;
    for (let target = this.#aliasOf(name); target !== undefined; target = this.#aliasOf(name)) name = target;
    return name + suffix;
  }

  /** A model could not finish a rule that always needs another one of itself. */
  #refuseEndless(): void {
    const finite = new Set<string>();
    const rules = [...this.#rules].reverse();
    const users = new Map<string, string[]>();
    for (const [name, alternatives] of rules)
      for (const { rule } of alternatives.flat().map(readReference))
        if (rule !== undefined) {
          const known = users.get(rule);
          if (known === undefined) users.set(rule, [name]);
          else known.push(name);
        }
    const ends = (pieces: Alternative): boolean =>
      pieces
        .map(readReference)
        .every(({ rule, optional }) => optional || rule === undefined || finite.has(rule));
    const waiting = rules.map(([name]) => name);
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      if (finite.has(name) || !(this.#rules.get(name) ?? []).some(ends)) continue;
      finite.add(name);
      waiting.push(...(users.get(name) ?? []));
    }
    const endless = [...this.#rules.keys()].find((name) => !finite.has(name));
    if (endless !== undefined)
      refuse(
        '#',
        `a schema needs itself without end (rule "${endless}"); make one of the references optional`,
      );
  }

  #refuseLeftRecursion(): void {
    const walks = new Map<string, number>();
    let total = 0;
    const walk = (start: string): void => {
      const path: {
        readonly name: string;
        readonly firsts: readonly string[];
        next: number;
        cost: number;
      }[] = [];
      const enter = (name: string): void => {
        walks.set(name, Infinity);
        path.push({ name, firsts: (this.#rules.get(name) ?? []).flatMap(firstRules), next: 0, cost: 1 });
      };
      enter(start);
      for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
        const first = top.firsts[top.next];
        if (first === undefined) {
          walks.set(top.name, top.cost);
          total += top.cost;
          path.pop();
          continue;
        }
        const known = walks.get(first);
        if (known === Infinity)
          refuse('#', `a schema is the same as itself (rule "${first}"); remove the circle of references`);
        if (known === undefined) enter(first);
        else {
          top.cost += known;
          top.next++;
        }
        if (top.cost > maxLeftWalk || total > maxLeftWalks)
          refuse(
            '#',
            'too many alternatives or optional properties follow each other; use fewer or share less between them',
          );
      }
    };
    for (const name of this.#rules.keys()) if (!walks.has(name)) walk(name);
  }
}

const readReference = (piece: string): { readonly rule: string | undefined; readonly optional: boolean } => {
  const match = reference.exec(piece);
  const suffix = match?.[2] ?? '';
  const optional = suffix === '*' || suffix === '?' || match?.[3] === '0';
  return { rule: match?.[1], optional };
};

/** The rules that can stand at the beginning of an alternative. */
const firstRules = (pieces: Alternative): string[] => {
  const found: string[] = [];
  for (const piece of pieces) {
    const { rule, optional } = readReference(piece);
    if (rule !== undefined) found.push(rule);
    if (!optional) break;
  }
  return found;
};
