import { overlap } from './stop-matcher.ts';
import type { ThinkingFormat } from './thinking-formats.ts';

export interface ThinkingPiece {
  readonly thinking: string;
  readonly content: string;
}

/** Parts what a model thinks from what it says. */
export interface AnswerSplitter {
  /** Whether what comes next is thinking, or may turn out to be. */
  readonly phase: 'undecided' | 'thinking' | 'content';
  /** Whether marks that may come next mean anything here. */
  readonly awaitsMarks: boolean;
  push(piece: string): ThinkingPiece;
  /** What is held back when the answer ends. */
  flush(): ThinkingPiece;
  /** What comes next is no thinking, whatever has been written; gives what is held back. */
  endThinking(): ThinkingPiece;
}

/** The texts between which a model thinks, and what there is around them. */
export type ThinkingMarks = Pick<ThinkingFormat, 'open' | 'close' | 'heads' | 'comesAgain'>;

/**
 * Parts what a model thinks, between an opening and a closing mark at the beginning of its answer, from what it says.
 * White space around the two belongs to neither.
 */
export class ThinkingSplitter implements AnswerSplitter {
  readonly #open: string;
  readonly #close: string;
  readonly #heads: readonly string[];
  readonly #comesAgain: boolean;
  #phase: 'before' | 'thinking' | 'between' | 'content';
  #held = '';

  /** @param isOpen whether the prompt ends with the opening mark, as some templates have it */
  constructor({ open, close, heads = [], comesAgain = false }: ThinkingMarks, isOpen: boolean) {
    this.#open = open;
    this.#close = close;
    this.#heads = heads.toSorted((a, b) => b.length - a.length);
    this.#comesAgain = comesAgain;
    this.#phase = isOpen ? 'thinking' : 'before';
  }

  get phase(): 'undecided' | 'thinking' | 'content' {
    if (this.#phase === 'before') return 'undecided';
    return this.#phase === 'thinking' ? 'thinking' : 'content';
  }

  get awaitsMarks(): boolean {
    if (this.#phase === 'between') return this.#comesAgain || this.#heads.length > 0;
    return this.#phase !== 'content' || this.#comesAgain;
  }

  push(piece: string): ThinkingPiece {
    this.#held += piece;
    const out = { thinking: '', content: '' };
    while (this.#take(out));
    return out;
  }

  /** @returns whether there is more to take */
  #take(out: { thinking: string; content: string }): boolean {
    switch (this.#phase) {
      case 'before':
        return this.#begin([this.#open, ...this.#heads]);
      case 'thinking': {
        const { text, isWhole } = this.#upTo(this.#close);
        out.thinking += text.trimEnd();
        // White space before a mark that is still to come is not to be told.
        if (!isWhole) this.#held = text.slice(text.trimEnd().length) + this.#held;
        else this.#phase = 'between';
        return isWhole;
      }
      case 'between': {
        this.#held = this.#held.trimStart();
        return this.#held !== '' && this.#begin([...(this.#comesAgain ? [this.#open] : []), ...this.#heads]);
      }
      case 'content': {
        const { text, isWhole } = this.#comesAgain
          ? this.#upTo(this.#open)
          : { text: this.#held, isWhole: false };
        if (!this.#comesAgain) this.#held = '';
        out.content += text;
        if (isWhole) this.#phase = 'thinking';
        return isWhole;
      }
    }
  }

  /** Takes the mark that the text begins with; false: that is not to be told yet. */
  #begin(marks: readonly string[]): boolean {
    const text = this.#held.trimStart();
    const found = marks.find((mark) => text.startsWith(mark));
    // A longer one may still become of it.
    const isOpen = marks.some((mark) => mark.length > (found?.length ?? 0) && mark.startsWith(text));
    if (isOpen) return false;
    if (found !== undefined) this.#held = text.slice(found.length);
    this.#phase = found === this.#open ? 'thinking' : 'content';
    return true;
  }

  /** Takes what comes before a mark, and the mark where it is whole. */
  #upTo(mark: string): { readonly text: string; readonly isWhole: boolean } {
    const at = this.#held.indexOf(mark);
    const end = at < 0 ? this.#held.length - overlap(this.#held, mark) : at;
    const text = this.#held.slice(0, end);
    this.#held = this.#held.slice(at < 0 ? end : at + mark.length);
    return { text, isWhole: at >= 0 };
  }

  flush(): ThinkingPiece {
    const rest = this.#held;
    this.#held = '';
    if (this.#phase === 'thinking') return { thinking: rest.trimEnd(), content: '' };
    return { thinking: '', content: this.#phase !== 'content' && this.#heads.includes(rest) ? '' : rest };
  }

  endThinking(): ThinkingPiece {
    const rest = this.flush();
    this.#phase = 'content';
    return rest;
  }
}
