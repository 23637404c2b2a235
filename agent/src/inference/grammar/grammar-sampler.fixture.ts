/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

type Item =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'class'; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'group'; readonly ways: readonly Item[][] }
  | { readonly kind: 'repeat'; readonly item: Item; readonly least: number; readonly most: number };

/** Writes random texts of a grammar in the part of GBNF that the converter uses. */
export class GrammarSampler {
  readonly #rules = new Map<string, readonly Item[][]>();
  /** The fewest rules on the way to an end. */
  readonly #heights = new Map<string, number>();
  #source = '';
  #at = 0;

  constructor(grammar: string) {
    for (const line of grammar.trim().split('\n')) {
      const [name = '', body = ''] = line.split(/ ::= (.*)/s);
      this.#source = body;
      this.#at = 0;
      this.#rules.set(name, this.#ways());
      if (this.#at < body.length) throw new Error(`cannot read the rule ${line}`);
    }
    this.#measure();
  }

  /** @param depth rules within rules before the text is brought to its end on the shortest way. */
  sample(random: () => number, depth: number): string {
    return this.#write({ kind: 'rule', name: 'root' }, random, depth);
  }

  #measure(): void {
    for (let changed = true; changed;) {
      changed = false;
      for (const [name, ways] of this.#rules) {
        const height = 1 + Math.min(...ways.map((way) => this.#height(way)));
        if (height < (this.#heights.get(name) ?? Infinity)) {
          this.#heights.set(name, height);
          changed = true;
        }
      }
    }
  }

  #height(way: readonly Item[]): number {
    return Math.max(
      0,
      ...way.map((item): number => {
        if (item.kind === 'rule') return this.#heights.get(item.name) ?? Infinity;
        if (item.kind === 'group') return Math.min(...item.ways.map((inner) => this.#height(inner)));
        return item.kind === 'repeat' && item.least > 0 ? this.#height([item.item]) : 0;
      }),
    );
  }

  #write(item: Item, random: () => number, depth: number): string {
    switch (item.kind) {
      case 'text':
        return item.text;
      case 'class': {
        const range = item.ranges[Math.floor(random() * item.ranges.length)]!;
        // Small code points are more telling than those of far planes.
        const width = Math.min(range[1] - range[0], random() < 0.9 ? 90 : Infinity);
        return String.fromCodePoint(range[0] + Math.floor(random() * (width + 1)));
      }
      case 'rule':
        return this.#choose(this.#rules.get(item.name)!, random, depth - 1);
      case 'group':
        return this.#choose(item.ways, random, depth);
      case 'repeat': {
        const spare = Math.min(item.most - item.least, depth > 0 ? 4 : 0);
        const count = item.least + Math.floor(random() * (spare + 1));
        return Array.from({ length: count }, () => this.#write(item.item, random, depth)).join('');
      }
    }
  }

  #choose(ways: readonly Item[][], random: () => number, depth: number): string {
    const heights = ways.map((way) => this.#height(way));
    const lowest = Math.min(...heights);
    const open = depth > 0 ? ways : ways.filter((_way, index) => heights[index] === lowest);
    return open[Math.floor(random() * open.length)]!.map((item) => this.#write(item, random, depth)).join('');
  }

  #ways(): Item[][] {
    const ways: Item[][] = [[]];
    for (;;) {
      const char = this.#source[this.#at];
      if (char === undefined || char === ')') return ways;
      if (char === '|') ways.push([]);
      if (char === '|' || char === ' ') this.#at++;
      else ways.at(-1)!.push(this.#repeated(this.#item()));
    }
  }

  #item(): Item {
    const rest = this.#source.slice(this.#at);
    const name = /^[a-z][a-z0-9-]*/.exec(rest)?.[0];
    if (name !== undefined) {
      this.#at += name.length;
      return { kind: 'rule', name };
    }
    const open = this.#source[this.#at++];
    if (open === '(') {
      const ways = this.#ways();
      this.#at++;
      return { kind: 'group', ways };
    }
    const codePoints: (number | '-')[] = [];
    const close = open === '[' ? ']' : '"';
    const negated = open === '[' && this.#source[this.#at] === '^';
    if (negated) this.#at++;
    while (this.#source[this.#at] !== close) codePoints.push(this.#char());
    this.#at++;
    if (open === '"')
      return {
        kind: 'text',
        text: codePoints.map((c) => (c === '-' ? c : String.fromCodePoint(c))).join(''),
      };
    const ranges: [number, number][] = [];
    for (const [index, codePoint] of codePoints.entries()) {
      const isRange = codePoint === '-' && index > 0 && index < codePoints.length - 1;
      if (isRange) ranges.at(-1)![1] = codePoints[index + 1] as number;
      else if (!(codePoints[index - 1] === '-' && index > 1)) {
        const only = codePoint === '-' ? 0x2d : codePoint;
        ranges.push([only, only]);
      }
    }
    // The one negated class is that of characters in a string: printable ones without quote and backslash.
    return { kind: 'class', ranges: negated ? [[0x20, 0x21], [0x23, 0x5b], [0x5d, 0x7e], [0xe0, 0xff]] : ranges }; // prettier-ignore
  }

  #char(): number | '-' {
    const rest = this.#source.slice(this.#at);
    const escape = /^\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/.exec(rest);
    if (escape === null) {
      const char = String.fromCodePoint(rest.codePointAt(0)!);
      this.#at += char.length;
      return char === '-' ? '-' : char.codePointAt(0)!;
    }
    this.#at += escape[0].length;
    const digits = escape[1] ?? escape[2] ?? escape[3];
    if (digits !== undefined) return parseInt(digits, 16);
    return (
      ({ n: 0x0a, t: 0x09, r: 0x0d } as Record<string, number>)[escape[4]!] ?? escape[4]!.codePointAt(0)!
    );
  }

  #repeated(item: Item): Item {
    const suffix = /^(?:([*?])|\{(\d+)(,(\d*))?\})/.exec(this.#source.slice(this.#at));
    if (suffix === null) return item;
    this.#at += suffix[0].length;
    if (suffix[1] === '*') return { kind: 'repeat', item, least: 0, most: Infinity };
    if (suffix[1] === '?') return { kind: 'repeat', item, least: 0, most: 1 };
    const least = Number(suffix[2]);
    const most = suffix[3] === undefined ? least : suffix[4] === '' ? Infinity : Number(suffix[4]);
    return { kind: 'repeat', item, least, most };
  }
}
