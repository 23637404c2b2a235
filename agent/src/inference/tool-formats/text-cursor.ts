/** Letters; longer names are refused by the APIs as well. */
const longestName = 256;

/** Where a search in a text that grows goes on; kept between two readings of the same text. */
export class ReadingMemory {
  readonly json = new Map<number, JsonScan>();
  readonly searched = new Map<string, number>();
  /** Values that were read whole, by where they begin. */
  readonly values = new Map<number, { readonly value: unknown; readonly end: number }>();
}

interface JsonScan {
  at: number;
  depth: number;
  isInString: boolean;
}

/**
 * Reads a text that may not be all there yet. The first thing that is missing or wrong ends the reading: `state` says
 * which, and nothing that is asked for later counts.
 */
export class TextCursor {
  readonly #text: string;
  readonly #isWhole: boolean;
  readonly #memory: ReadingMemory;
  #at: number;
  #state: 'ok' | 'more' | 'wrong' = 'ok';

  /**
   * @param at where reading begins
   * @param isWhole whether nothing comes behind the text
   * @param memory the same for every reading of this text as it grows
   */
  constructor(text: string, at: number, isWhole: boolean, memory: ReadingMemory) {
    this.#text = text;
    this.#at = at;
    this.#isWhole = isWhole;
    this.#memory = memory;
  }

  /** `more`: what is there is right, and not enough. */
  get state(): 'ok' | 'more' | 'wrong' {
    return this.#state;
  }

  /** Where the next thing is read. */
  get at(): number {
    return this.#at;
  }

  /** Whether the text is whole and nothing of it is left. */
  get isAtEnd(): boolean {
    return this.#isWhole && this.#at >= this.#text.length;
  }

  /** What comes next must be this. */
  take(mark: string): void {
    if (this.#takes(mark) || this.#state !== 'ok') return;
    this.wrong();
  }

  /** Takes this if it comes next. */
  takeIf(mark: string): boolean {
    return this.#takes(mark);
  }

  /** Takes white space, and this if it comes behind it. */
  takeNextIf(mark: string): boolean {
    this.space();
    return this.#takes(mark);
  }

  /** What comes next must be this, or the end of the whole text where this is cut. */
  takeOrEnd(mark: string): void {
    if (this.#state !== 'ok') return;
    if (this.#isWhole && mark.startsWith(this.#text.slice(this.#at))) this.#at = this.#text.length;
    else this.take(mark);
  }

  /** Whether one of these comes next; all that are possible must be told apart by what is there. */
  isNext(...marks: readonly string[]): boolean {
    if (this.#state !== 'ok') return false;
    if (marks.some((mark) => this.#text.startsWith(mark, this.#at))) return true;
    if (marks.some((mark) => this.#mayBecome(mark))) this.#state = 'more';
    return false;
  }

  /** Whether what comes next reads well; nothing of it is taken. */
  accepts(read: (ahead: TextCursor) => void): boolean {
    if (this.#state !== 'ok') return false;
    const ahead = new TextCursor(this.#text, this.#at, this.#isWhole, this.#memory);
    read(ahead);
    this.#state = ahead.state;
    return ahead.state === 'ok';
  }

  /** White space, as much as there is. */
  space(): void {
    if (this.#state !== 'ok') return;
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at += 1;
  }

  /** A name up to the mark, which is taken as well; what is too long for one is wrong. */
  name(mark: string): string {
    const from = this.#at;
    const name = this.until(mark);
    const length = this.#state === 'ok' ? name.length : this.#text.length - from;
    if (length <= longestName + mark.length) return name.trim();
    this.#state = 'wrong';
    return '';
  }

  /** Text up to the mark, which is taken as well. */
  until(mark: string): string {
    if (this.#state !== 'ok') return '';
    const key = `${this.#at} ${mark}`;
    const found = this.#text.indexOf(mark, this.#memory.searched.get(key) ?? this.#at);
    if (found < 0) {
      // A part of the mark may be there already.
      this.#memory.searched.set(key, Math.max(this.#at, this.#text.length - mark.length + 1));
      this.#incomplete();
      return '';
    }
    const text = this.#text.slice(this.#at, found);
    this.#at = found + mark.length;
    return text;
  }

  /** A name or a number, as long as it matches; the pattern stands for one letter. What is too long is wrong. */
  word(letter: RegExp): string {
    if (this.#state !== 'ok') return '';
    const from = this.#at;
    const end = Math.min(this.#text.length, from + longestName + 1);
    while (this.#at < end && letter.test(this.#text.charAt(this.#at))) this.#at += 1;
    if (this.#at - from > longestName) this.wrong();
    else if (this.#at === this.#text.length) this.#incomplete();
    return this.#text.slice(from, this.#at);
  }

  /** Text up to a quote that no backslash stands before, which is taken as well; what is escaped stays so. */
  escaped(quote: string): string {
    if (this.#state !== 'ok') return '';
    const from = this.#at;
    const key = `${from} \\${quote}`;
    let at = this.#memory.searched.get(key) ?? from;
    while (at < this.#text.length && this.#text.charAt(at) !== quote)
      at += this.#text.charAt(at) === '\\' ? 2 : 1;
    // What is escaped may not be there yet.
    this.#memory.searched.set(key, at > this.#text.length ? at - 2 : at);
    if (at >= this.#text.length) {
      this.#incomplete();
      return '';
    }
    this.#at = at + quote.length;
    return this.#text.slice(from, at);
  }

  /** What `read` makes of what comes next; a value that was there is not read again as the text grows. */
  once<T>(read: () => T): T {
    const from = this.#at;
    const known = this.#memory.values.get(from);
    if (this.#state === 'ok' && known !== undefined) {
      this.#at = known.end;
      return known.value as T;
    }
    const value = read();
    if (this.#state === 'ok') this.#memory.values.set(from, { value, end: this.#at });
    return value;
  }

  /** A JSON object or list. */
  json(): unknown {
    if (this.#state !== 'ok') return undefined;
    if (!this.isNext('{', '[')) {
      this.wrong();
      return undefined;
    }
    return this.once(() => this.#json());
  }

  /** What was read cannot be what it seemed. */
  wrong(): void {
    if (this.#state === 'ok') this.#state = 'wrong';
  }

  #json(): unknown {
    const from = this.#at;
    const end = this.#endOfJson(from);
    if (end === undefined) {
      this.#incomplete();
      return undefined;
    }
    const value = parseJson(this.#text.slice(from, end));
    if (value === undefined) this.wrong();
    else this.#at = end;
    return value;
  }

  #takes(mark: string): boolean {
    if (!this.isNext(mark)) return false;
    this.#at += mark.length;
    return true;
  }

  #mayBecome(mark: string): boolean {
    return !this.#isWhole && mark.startsWith(this.#text.slice(this.#at, this.#at + mark.length));
  }

  #incomplete(): void {
    this.#state = this.#isWhole ? 'wrong' : 'more';
  }

  #endOfJson(from: number): number | undefined {
    const scan = this.#memory.json.get(from) ?? { at: from, depth: 0, isInString: false };
    this.#memory.json.set(from, scan);
    for (; scan.at < this.#text.length; scan.at += 1) {
      const char = this.#text.charAt(scan.at);
      if (scan.isInString) {
        if (char === '"') scan.isInString = false;
        // What is escaped may not be there yet.
        else if (char === '\\') {
          if (scan.at + 1 >= this.#text.length) return undefined;
          scan.at += 1;
        }
      } else if (char === '"') scan.isInString = true;
      else if (char === '{' || char === '[') scan.depth += 1;
      else if (char === '}' || char === ']') {
        // The end is found again when the text is read anew.
        if (scan.depth === 1) return scan.at + 1;
        scan.depth -= 1;
      }
    }
    return undefined;
  }
}

/** @returns undefined for what is no JSON */
export const parseJson = (source: string): unknown => {
  try {
    return JSON.parse(source);
  } catch {
    return undefined;
  }
};
