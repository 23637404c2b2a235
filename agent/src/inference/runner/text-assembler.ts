/** Tokens that may be held back for the rest of a character; four bytes are the longest, some leave a start. */
const maxHeldTokens = 16;

/** Tokens before the held ones that the detokenizer looks at (leading spaces of some vocabularies). */
const lookBack = 4;

const replacement = '\uFFFD';

/**
 * Turns tokens into text without ever cutting a character: a token that ends inside a UTF-8 sequence is held
 * back until the sequence is complete.
 */
export class TextAssembler {
  readonly #detokenize: (tokens: readonly number[], before: readonly number[]) => string;
  #held: number[] = [];
  #before: readonly number[] = [];

  constructor(detokenize: (tokens: readonly number[], before: readonly number[]) => string) {
    this.#detokenize = detokenize;
  }

  push(token: number): string {
    this.#held.push(token);
    const text = this.#detokenize(this.#held, this.#before);
    if (text.endsWith(replacement) && this.#held.length < maxHeldTokens) return '';
    this.#forget();
    return text;
  }

  /** The text of what is still held back; bytes that never became a character show as U+FFFD. */
  flush(): string {
    if (this.#held.length === 0) return '';
    const text = this.#detokenize(this.#held, this.#before);
    this.#forget();
    return text;
  }

  #forget(): void {
    this.#before = [...this.#before, ...this.#held].slice(-lookBack);
    this.#held = [];
  }
}
