/**
 * Tells where the first JSON value in a stream of text ends. Grammars allow white space after the value, and a
 * small model can go on with it for long; the answer is complete as soon as the value is.
 */
export class JsonEnd {
  #depth = 0;
  #inString = false;
  #escaped = false;
  #started = false;
  #ended = false;

  /** The part of the piece that belongs to the value, and whether the value is complete with it. */
  push(piece: string): { readonly text: string; readonly ended: boolean } {
    if (this.#ended) return { text: '', ended: true };
    for (let index = 0; index < piece.length; index++) {
      const char = piece.charAt(index);
      const length = this.#step(char);
      if (length === undefined) continue;
      this.#ended = true;
      return { text: piece.slice(0, index + length), ended: true };
    }
    return { text: piece, ended: false };
  }

  /** Characters of this step that still belong to the value, when the value ends here. */
  #step(char: string): 0 | 1 | undefined {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (char === '\\') this.#escaped = true;
      else if (char === '"') {
        this.#inString = false;
        if (this.#depth === 0) return 1;
      }
      return undefined;
    }
    if (/\s/.test(char)) return this.#started && this.#depth === 0 ? 0 : undefined;
    this.#started = true;
    if (char === '"') this.#inString = true;
    else if (char === '{' || char === '[') this.#depth++;
    else if (char === '}' || char === ']') {
      this.#depth--;
      if (this.#depth <= 0) return 1;
    }
    return undefined;
  }
}
