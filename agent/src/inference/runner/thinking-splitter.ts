import { overlap } from './stop-matcher.ts';

export interface ThinkingPiece {
  readonly thinking: string;
  readonly content: string;
}

/** Parts what a model thinks from what it says. */
export interface AnswerSplitter {
  /** Whether what comes next is thinking, or may turn out to be. */
  readonly phase: 'undecided' | 'thinking' | 'content';
  push(piece: string): ThinkingPiece;
  /** What is held back when the answer ends. */
  flush(): ThinkingPiece;
  /** What comes next is no thinking, whatever has been written; gives what is held back. */
  endThinking(): ThinkingPiece;
}

/**
 * Parts what a model thinks, between an opening and a closing mark at the beginning of its answer, from what it says.
 * White space around the two belongs to neither.
 */
export class ThinkingSplitter implements AnswerSplitter {
  readonly #open: string;
  readonly #close: string;
  #phase: 'before' | 'thinking' | 'between' | 'content';
  #held = '';

  /** @param isOpen whether the prompt ends with the opening mark, as some templates have it */
  constructor({ open, close }: { readonly open: string; readonly close: string }, isOpen: boolean) {
    this.#open = open;
    this.#close = close;
    this.#phase = isOpen ? 'thinking' : 'before';
  }

  get phase(): 'undecided' | 'thinking' | 'content' {
    if (this.#phase === 'before') return 'undecided';
    return this.#phase === 'thinking' ? 'thinking' : 'content';
  }

  push(piece: string): ThinkingPiece {
    this.#held += piece;
    let thinking = '';
    for (;;) {
      switch (this.#phase) {
        case 'before': {
          const text = this.#held.trimStart();
          if (text.startsWith(this.#open)) {
            this.#held = text.slice(this.#open.length);
            this.#phase = 'thinking';
            continue;
          }
          if (this.#open.startsWith(text)) return { thinking, content: '' };
          this.#phase = 'content';
          continue;
        }
        case 'thinking': {
          const at = this.#held.indexOf(this.#close);
          if (at >= 0) {
            thinking += this.#held.slice(0, at).trimEnd();
            this.#held = this.#held.slice(at + this.#close.length);
            this.#phase = 'between';
            continue;
          }
          const ready = this.#held.slice(0, this.#held.length - overlap(this.#held, this.#close)).trimEnd();
          this.#held = this.#held.slice(ready.length);
          return { thinking: thinking + ready, content: '' };
        }
        case 'between': {
          this.#held = this.#held.trimStart();
          if (this.#held === '') return { thinking, content: '' };
          this.#phase = 'content';
          continue;
        }
        case 'content': {
          const content = this.#held;
          this.#held = '';
          return { thinking, content };
        }
      }
    }
  }

  flush(): ThinkingPiece {
    const rest = this.#held;
    this.#held = '';
    return this.#phase === 'thinking'
      ? { thinking: rest.trimEnd(), content: '' }
      : { thinking: '', content: rest };
  }

  endThinking(): ThinkingPiece {
    const rest = this.flush();
    this.#phase = 'content';
    return rest;
  }
}
