import { overlap } from './stop-matcher.ts';
import type { AnswerSplitter, ThinkingPiece } from './thinking-splitter.ts';

const message = '<|message|>';
/** What a message ends with; the model may also end its answer there. */
const ends = ['<|end|>', '<|call|>', '<|return|>'];
const begins = ['<|start|>', '<|channel|>'];

type Kind = 'thinking' | 'content' | 'call';

/**
 * Parts the channels of gpt-oss: `analysis` is thinking, `final` and `commentary` are what it says. What it says to a
 * tool goes on as content with the marks that the parser of calls knows: `<|channel|>commentary to=functions.name`,
 * `<|message|>`, the arguments, `<|call|>`.
 */
export class ChannelSplitter implements AnswerSplitter {
  readonly awaitsMarks = true;
  readonly #hasTools: boolean;
  #held = '';
  #kind: Kind | undefined;
  #hasMarks = false;
  #hasSpoken = false;

  /** @param hasTools false: what is said to tools is content without marks */
  constructor(hasTools: boolean) {
    this.#hasTools = hasTools;
  }

  get phase(): 'undecided' | 'thinking' | 'content' {
    if (this.#kind === undefined) return 'undecided';
    return this.#kind === 'thinking' ? 'thinking' : 'content';
  }

  push(piece: string): ThinkingPiece {
    this.#held += piece;
    const out = { thinking: '', content: '' };
    while (this.#kind === undefined ? this.#takeHeader(out) : this.#takeBody(out));
    return out;
  }

  flush(): ThinkingPiece {
    const out = { thinking: '', content: '' };
    // A header without a message says nothing.
    if (this.#kind !== undefined) this.#put(out, this.#held);
    else if (!this.#hasMarks && !begins.some((mark) => this.#held.startsWith(mark))) out.content = this.#held;
    this.#held = '';
    return out;
  }

  endThinking(): ThinkingPiece {
    return { thinking: '', content: '' };
  }

  #takeHeader(out: { thinking: string; content: string }): boolean {
    const at = this.#held.indexOf(message);
    if (at < 0) return this.#takeUnmarked();
    const header = this.#held.slice(0, at);
    this.#held = this.#held.slice(at + message.length);
    this.#hasMarks = true;
    const tool = /\bto=functions\.([^\s<]+)/.exec(header)?.[1];
    const channel = /<\|channel\|>\s*(\w+)/.exec(header)?.[1];
    if (tool !== undefined && this.#hasTools) {
      this.#kind = 'call';
      out.content += `<|channel|>commentary to=functions.${tool}${message}`;
    } else if (channel === 'analysis') this.#kind = 'thinking';
    else {
      this.#kind = 'content';
      if (this.#hasSpoken) out.content += '\n\n';
      this.#hasSpoken = true;
    }
    return true;
  }

  /** An answer that does not begin with a header has none. */
  #takeUnmarked(): boolean {
    if (this.#hasMarks) return false;
    const text = this.#held.trimStart();
    const mayBegin = [...begins, 'to='].some((mark) => mark.startsWith(text) || text.startsWith(mark));
    if (mayBegin) return false;
    this.#kind = 'content';
    this.#hasSpoken = true;
    return true;
  }

  #takeBody(out: { thinking: string; content: string }): boolean {
    const marks = [...ends, ...begins];
    const found = marks
      .map((mark) => ({ mark, at: this.#held.indexOf(mark) }))
      .filter(({ at }) => at >= 0)
      .toSorted((a, b) => a.at - b.at)[0];
    if (found === undefined) {
      const kept = marks.reduce((most, mark) => Math.max(most, overlap(this.#held, mark)), 0);
      this.#put(out, this.#held.slice(0, this.#held.length - kept));
      this.#held = this.#held.slice(this.#held.length - kept);
      return false;
    }
    this.#put(out, this.#held.slice(0, found.at));
    if (this.#kind === 'call') out.content += '<|call|>';
    this.#hasMarks = true;
    this.#kind = undefined;
    this.#held = this.#held.slice(found.at + (ends.includes(found.mark) ? found.mark.length : 0));
    return true;
  }

  #put(out: { thinking: string; content: string }, text: string): void {
    if (this.#kind === 'thinking') out.thinking += text;
    else out.content += text;
  }
}
