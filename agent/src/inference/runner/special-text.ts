/**
 * Keeps text from users apart from the marks of a chat template. A tokenizer that reads `<|im_end|>` cannot
 * know who wrote it, so before rendering a break is put inside each such mark in user text, and the rendered
 * prompt is cut at the breaks and tokenised piece by piece: a mark that is cut in two is ordinary text.
 */
export class SpecialTextGuard {
  readonly #breakMark: string;
  readonly #pattern: RegExp | undefined;

  /**
   * @param specials texts of the control tokens of the vocabulary.
   * @param nonce unguessable letters, so that no user can write a break.
   */
  constructor(specials: readonly string[], nonce: string) {
    this.#breakMark = `\uE000${nonce}\uE001`;
    const sources = specials
      .filter((special) => special.length > 1)
      .toSorted((a, b) => b.length - a.length)
      .map((special) => `${escapeRegExp(special.slice(0, 1))}(?=${escapeRegExp(special.slice(1))})`);
    this.#pattern = sources.length === 0 ? undefined : new RegExp(sources.join('|'), 'g');
  }

  /** The same value with every string in it guarded, keys of objects included. */
  guard<T>(value: T): T {
    return this.#pattern === undefined ? value : (this.#walk(value) as T);
  }

  /** The pieces of a rendered prompt that are tokenised each on its own. */
  split(rendered: string): readonly string[] {
    return rendered.split(this.#breakMark).filter((piece) => piece !== '');
  }

  #walk(value: unknown): unknown {
    if (typeof value === 'string') return this.#guardText(value);
    if (Array.isArray(value)) return value.map((item) => this.#walk(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [this.#guardText(key), this.#walk(item)]),
    );
  }

  #guardText(text: string): string {
    return this.#pattern === undefined
      ? text
      : text.replace(this.#pattern, (first) => first + this.#breakMark);
  }
}

const escapeRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
