import { overlap } from './stop-matcher.ts';

export const thinkingOpen = '<think>';
const thinkingClose = '</think>';

export interface ThinkingPiece {
  readonly thinking: string;
  readonly content: string;
}

/**
 * Parts what a model thinks, between `<think>` and `</think>` at the beginning of its answer, from what it says. White
 * space around the two belongs to neither.
 */
export class ThinkingSplitter {
  #phase: 'before' | 'thinking' | 'between' | 'content';
  #held = '';

  /** @param isOpen whether the prompt ends with the opening tag, as some templates have it */
  constructor(isOpen: boolean) {
    this.#phase = isOpen ? 'thinking' : 'before';
  }

  push(piece: string): ThinkingPiece {
    this.#held += piece;
    let thinking = '';
    for (;;) {
      switch (this.#phase) {
        case 'before': {
          const text = this.#held.trimStart();
          if (text.startsWith(thinkingOpen)) {
            this.#held = text.slice(thinkingOpen.length);
            this.#phase = 'thinking';
            continue;
          }
          if (thinkingOpen.startsWith(text)) return { thinking, content: '' };
          this.#phase = 'content';
          continue;
        }
        case 'thinking': {
          const at = this.#held.indexOf(thinkingClose);
          if (at >= 0) {
            thinking += this.#held.slice(0, at).trimEnd();
            this.#held = this.#held.slice(at + thinkingClose.length);
            this.#phase = 'between';
            continue;
          }
          const ready = this.#held.slice(0, this.#held.length - overlap(this.#held, thinkingClose)).trimEnd();
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

  /** What is held back when the answer ends. */
  flush(): ThinkingPiece {
    const rest = this.#held;
    this.#held = '';
    return this.#phase === 'thinking'
      ? { thinking: rest.trimEnd(), content: '' }
      : { thinking: '', content: rest };
  }
}
