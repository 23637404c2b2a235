import { allChars, charsOf, charSet, complement, union, type CharSet } from './char-set.ts';
import { refuse } from './refusal.ts';

/** A regular expression as a tree; anchors stand for themselves until the whole is understood. */
export type Pattern =
  | { readonly kind: 'chars'; readonly set: CharSet }
  | { readonly kind: 'sequence'; readonly items: readonly Pattern[] }
  | { readonly kind: 'choice'; readonly items: readonly Pattern[] }
  | { readonly kind: 'repeat'; readonly item: Pattern; readonly least: number; readonly most: number }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' };

const maxPatternUnits = 2000;
const maxGroupDepth = 50;
/** Larger counts make automata that are refused in any case. */
const maxCount = 2000;

const digits = charSet([[0x30, 0x39]]);
const wordChars = union(digits, charSet([[0x41, 0x5a], [0x61, 0x7a]]), charsOf('_')); // prettier-ignore
const lineEnds = charsOf('\n\r\u2028\u2029');
const spaces = union(
  charsOf('\t\v\f \u00a0\u1680\u202f\u205f\u3000\ufeff'),
  lineEnds,
  charSet([[0x2000, 0x200a]]),
);

const classEscapes: ReadonlyMap<string, CharSet> = new Map([
  ['d', digits],
  ['D', complement(digits)],
  ['w', wordChars],
  ['W', complement(wordChars)],
  ['s', spaces],
  ['S', complement(spaces)],
]);

const charEscapes: ReadonlyMap<string, number> = new Map([
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
  ['v', 0x0b],
  ['f', 0x0c],
  ['0', 0x00],
]);

/**
 * Reads a regular expression in the syntax of ECMAScript with Unicode code points, as JSON Schema has it.
 * What is not regular, or depends on more than the characters themselves, is refused.
 */
export const parsePattern = (source: string, pointer: string): Pattern => {
  if (source.length > maxPatternUnits)
    return refuse(pointer, `patterns may have at most ${maxPatternUnits} characters; use a shorter one`);
  return new PatternParser(source, pointer).parse();
};

class PatternParser {
  readonly #chars: readonly string[];
  readonly #pointer: string;
  #at = 0;
  #depth = 0;

  constructor(source: string, pointer: string) {
    this.#chars = Array.from(source);
    this.#pointer = pointer;
  }

  parse(): Pattern {
    const pattern = this.#choice();
    if (this.#at < this.#chars.length) this.#fail('there is a ")" too many');
    return pattern;
  }

  #fail(why: string): never {
    return refuse(this.#pointer, `${why}, so the pattern cannot become a grammar; change the pattern`);
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #take(): string {
    return this.#chars[this.#at++] ?? this.#fail('the pattern ends too early');
  }

  #takeIf(text: string): boolean {
    const parts = Array.from(text);
    if (!parts.every((char, index) => this.#chars[this.#at + index] === char)) return false;
    this.#at += parts.length;
    return true;
  }

  #choice(): Pattern {
    if (++this.#depth > maxGroupDepth) this.#fail(`groups are nested more than ${maxGroupDepth} deep`);
    const items = [this.#sequence()];
    while (this.#takeIf('|')) items.push(this.#sequence());
    this.#depth--;
    return items.length === 1 && items[0] !== undefined ? items[0] : { kind: 'choice', items };
  }

  #sequence(): Pattern {
    const items: Pattern[] = [];
    for (let next = this.#peek(); next !== undefined && next !== '|' && next !== ')'; next = this.#peek())
      items.push(this.#quantified(this.#atom()));
    return items.length === 1 && items[0] !== undefined ? items[0] : { kind: 'sequence', items };
  }

  #atom(): Pattern {
    const char = this.#take();
    switch (char) {
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '.':
        return { kind: 'chars', set: complement(lineEnds) };
      case '(':
        return this.#group();
      case '[':
        return { kind: 'chars', set: this.#class() };
      case '\\':
        return { kind: 'chars', set: this.#escape(false) };
      case '*':
      case '+':
      case '?':
        return this.#fail(`"${char}" has nothing to repeat`);
      default:
        return { kind: 'chars', set: charsOf(char) };
    }
  }

  #group(): Pattern {
    if (this.#takeIf('?') && !this.#takeIf(':')) {
      const named = this.#takeIf('<') && this.#peek() !== '=' && this.#peek() !== '!';
      if (!named) this.#fail('look-around and flags in groups are not regular');
      while (this.#take() !== '>');
    }
    const inner = this.#choice();
    if (!this.#takeIf(')')) this.#fail('a ")" is missing');
    return inner;
  }

  #quantified(item: Pattern): Pattern {
    const [least, most] = this.#quantifier() ?? [1, 1];
    if (least === 1 && most === 1) return item;
    if (most < least) this.#fail('a repetition has a largest count below its smallest');
    this.#takeIf('?'); // How eager a repetition is does not change what it matches.
    if (this.#quantifier() !== undefined) this.#fail('a repetition of a repetition needs a group');
    return { kind: 'repeat', item, least, most };
  }

  #quantifier(): readonly [number, number] | undefined {
    if (this.#takeIf('*')) return [0, Infinity];
    if (this.#takeIf('+')) return [1, Infinity];
    if (this.#takeIf('?')) return [0, 1];
    const close = this.#peek() === '{' ? this.#chars.indexOf('}', this.#at) : -1;
    if (close < 0) return undefined;
    const counts = /^(\d{1,9})(,(\d{0,9}))?$/.exec(this.#chars.slice(this.#at + 1, close).join(''));
    if (counts === null) return undefined;
    this.#at = close + 1;
    const least = Number(counts[1]);
    const most = counts[2] === undefined ? least : counts[3] === '' ? Infinity : Number(counts[3]);
    if (least > maxCount || (most !== Infinity && most > maxCount))
      this.#fail(`a repetition counts above ${maxCount}`);
    return [least, most];
  }

  #class(): CharSet {
    const negated = this.#takeIf('^');
    const sets: CharSet[] = [];
    for (;;) {
      if (this.#takeIf(']')) break;
      const first = this.#classItem();
      const from = single(first);
      if (this.#peek() !== '-' || this.#chars[this.#at + 1] === ']' || from === undefined) {
        sets.push(first);
        continue;
      }
      this.#at++;
      const to = single(this.#classItem());
      if (to === undefined || to < from) return this.#fail('a range in "[…]" has no order');
      sets.push([[from, to]]);
    }
    const set = union(...sets);
    return negated ? complement(set) : set;
  }

  #classItem(): CharSet {
    const char = this.#take();
    return char === '\\' ? this.#escape(true) : charsOf(char);
  }

  #escape(inClass: boolean): CharSet {
    const char = this.#take();
    const known = classEscapes.get(char);
    if (known !== undefined) return known;
    if (inClass && char === 'b') return charsOf('\b');
    if (char === 'b' || char === 'B') return this.#fail('word boundaries are not supported');
    if (/[1-9k]/.test(char)) return this.#fail('references back to a group are not regular');
    if (char === 'p' || char === 'P')
      return this.#fail('Unicode properties are not supported; list the ranges in "[…]"');
    const codePoint = charEscapes.get(char) ?? this.#numbered(char);
    if (codePoint !== undefined) return [[codePoint, codePoint]];
    if (/[A-Za-z0-9]/.test(char)) return this.#fail(`"\\${char}" is not known`);
    return charsOf(char);
  }

  #numbered(char: string): number | undefined {
    if (char === 'c') {
      const letter = this.#take();
      return /[A-Za-z]/.test(letter)
        ? (letter.codePointAt(0) ?? 0) % 32
        : this.#fail('"\\c" needs a letter behind it');
    }
    if (char === 'x') return this.#hex(2);
    if (char !== 'u') return undefined;
    if (!this.#takeIf('{')) {
      const unit = this.#hex(4);
      if (unit < 0xd800 || unit > 0xdbff) return unit;
      const second = this.#takeIf('\\u') ? this.#hex(4) : 0;
      if (second < 0xdc00 || second > 0xdfff) return this.#fail('half a surrogate pair is no character');
      return 0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00);
    }
    let text = '';
    for (let next = this.#take(); next !== '}'; next = this.#take()) text += next;
    const codePoint = /^[0-9A-Fa-f]{1,8}$/.test(text) ? parseInt(text, 16) : Infinity;
    return codePoint <= 0x10ffff ? codePoint : this.#fail('"\\u{…}" names no character');
  }

  #hex(length: number): number {
    const text = this.#chars.slice(this.#at, this.#at + length).join('');
    if (!/^[0-9A-Fa-f]+$/.test(text) || text.length !== length)
      return this.#fail(`"\\${length === 2 ? 'x' : 'u'}" needs ${length} hexadecimal digits`);
    this.#at += length;
    return parseInt(text, 16);
  }
}

const single = (set: CharSet): number | undefined => {
  const [range, more] = set;
  return range !== undefined && more === undefined && range[0] === range[1] ? range[0] : undefined;
};

const anything: Pattern = {
  kind: 'repeat',
  item: { kind: 'chars', set: allChars },
  least: 0,
  most: Infinity,
};

/**
 * The pattern of whole texts: where an alternative is not anchored, anything may stand before or behind it.
 * Anchors inside a pattern are refused.
 */
export const wholeText = (pattern: Pattern, pointer: string): Pattern => {
  if (pattern.kind === 'choice')
    return { kind: 'choice', items: pattern.items.map((item) => wholeText(item, pointer)) };
  const items = pattern.kind === 'sequence' ? [...pattern.items] : [pattern];
  const started = items[0]?.kind === 'start';
  while (items[0]?.kind === 'start') items.shift();
  const ended = items.at(-1)?.kind === 'end';
  while (items.at(-1)?.kind === 'end') items.pop();
  if (items.some(hasAnchor))
    return refuse(
      pointer,
      'anchors are supported only where an alternative begins or ends; move "^" and "$" there',
    );
  return {
    kind: 'sequence',
    items: [...(started ? [] : [anything]), ...items, ...(ended ? [] : [anything])],
  };
};

const hasAnchor = (pattern: Pattern): boolean => {
  switch (pattern.kind) {
    case 'chars':
      return false;
    case 'repeat':
      return hasAnchor(pattern.item);
    case 'sequence':
    case 'choice':
      return pattern.items.some(hasAnchor);
    default:
      return true;
  }
};
