import type { ToolCall, ToolDefinition } from '@ollamamax/api';
import { ReadingMemory, TextCursor } from '../tool-formats/text-cursor.ts';
import type { ToolFormat } from '../tool-formats/tool-format.ts';
import { overlap } from './stop-matcher.ts';

/** A call larger than this is taken for ordinary text. */
const maxCallUnits = 1 << 20;

export type ToolPiece =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'call'; readonly call: ToolCall };

export interface ToolCallParserOptions {
  readonly format: ToolFormat;
  /** Without any, only what says nothing is left out of the text. */
  readonly tools: readonly ToolDefinition[];
  /** Makes the id of each call. */
  readonly newId: () => string;
  /** Whether a mark came as a control token, which no client is to see. */
  readonly isHidden: (mark: string) => boolean;
}

/**
 * Finds the tool calls in a stream of text, wherever the pieces are split. Text before a call is passed on as it comes,
 * a call when it is complete, white space around calls is dropped, and what is not well-formed is passed on as the
 * text it was.
 */
export class ToolCallParser {
  readonly #options: ToolCallParserOptions;
  readonly #openings: readonly string[];
  /** Everything that is not simply text. */
  readonly #marks: readonly string[];
  #held = '';
  /** Where in what is held a call seems to begin; undefined outside of calls. */
  #call: { readonly at: number; readonly memory: ReadingMemory } | undefined;
  #mayBeBare = true;
  #afterCall = false;

  constructor(options: ToolCallParserOptions) {
    this.#options = options;
    const { openings, marks, noise = [] } = options.format;
    this.#openings = options.tools.length === 0 ? [] : openings;
    this.#marks = [...new Set([...openings, ...marks, ...noise])];
  }

  push(piece: string): ToolPiece[] {
    this.#held += piece;
    const out: ToolPiece[] = [];
    while (this.#call === undefined ? this.#takeText(out, false) : this.#takeCall(out, false));
    return out;
  }

  /** What is left when the stream ends; a call whose closing mark is missing still counts if it is complete. */
  flush(): ToolPiece[] {
    const out: ToolPiece[] = [];
    while (this.#call === undefined ? this.#takeText(out, true) : this.#takeCall(out, true));
    if (this.#held !== '' && !(this.#afterCall && this.#held.trim() === '')) out.push(text(this.#held));
    this.#held = '';
    return out;
  }

  #takeText(out: ToolPiece[], isWhole: boolean): boolean {
    const bare = this.#bareStart();
    if (bare === 'maybe') return false;
    const found = bare ?? this.#nextMark();
    const partial = this.#marks
      .filter((mark) => this.#matters(mark))
      .reduce((most, mark) => Math.max(most, overlap(this.#held, mark)), 0);
    // What may become a longer mark is not taken for a shorter one that it begins with.
    const mayGrow = !isWhole && found !== undefined && found.at >= this.#held.length - partial;
    if (found === undefined || mayGrow) {
      const ready = this.#held.slice(0, this.#held.length - partial).trimEnd();
      this.#say(out, ready);
      this.#held = this.#held.slice(ready.length);
      return false;
    }
    const { at, mark } = found;
    if (this.#isOpening(mark)) {
      const before = this.#held.slice(0, at).trimEnd();
      this.#say(out, before);
      this.#held = this.#held.slice(before.length);
      this.#call = { at: at - before.length, memory: new ReadingMemory() };
    } else {
      const before = this.#held.slice(0, at);
      if (bare !== undefined) this.#mayBeBare = false;
      else if (!this.#afterCall || before.trim() !== '') this.#say(out, before);
      this.#held = this.#held.slice(at + mark.length);
    }
    return true;
  }

  #isOpening(mark: string): boolean {
    return this.#openings.includes(mark) || this.#options.format.bareOpenings?.includes(mark) === true;
  }

  /** Whether the mark begins a call or is not to be seen. */
  #matters(mark: string): boolean {
    const { format, isHidden } = this.#options;
    return this.#openings.includes(mark) || format.noise?.includes(mark) === true || isHidden(mark);
  }

  /** A call, or what is not to be seen, that begins where nothing has been said. */
  #bareStart(): { readonly at: number; readonly mark: string } | 'maybe' | undefined {
    const { format, tools } = this.#options;
    const { bareOpenings = [], bareNoise = [] } = format;
    const starts = tools.length === 0 ? bareNoise : bareOpenings;
    if (starts.length === 0 || !this.#mayBeBare) return undefined;
    const said = this.#held.trimStart();
    const mark = starts.find((start) => said.startsWith(start));
    if (mark !== undefined) return { at: this.#held.length - said.length, mark };
    return starts.some((start) => start.startsWith(said)) ? 'maybe' : undefined;
  }

  #nextMark(): { readonly at: number; readonly mark: string } | undefined {
    let first: { readonly at: number; readonly mark: string } | undefined;
    for (const mark of this.#marks) {
      const at = this.#matters(mark) ? this.#held.indexOf(mark) : -1;
      const isFirst =
        first === undefined || at < first.at || (at === first.at && mark.length > first.mark.length);
      if (at >= 0 && isFirst) first = { at, mark };
    }
    return first;
  }

  #takeCall(out: ToolPiece[], isWhole: boolean): boolean {
    const { format, tools, newId, isHidden } = this.#options;
    const { at, memory } = this.#call ?? { at: 0, memory: new ReadingMemory() };
    const cursor = new TextCursor(this.#held, at, isWhole, memory);
    const calls = format.read(cursor, tools);
    if (cursor.state === 'more' && this.#held.length <= maxCallUnits) return false;
    this.#call = undefined;
    if (cursor.state === 'ok') {
      this.#held = this.#held.slice(cursor.at);
      for (const call of calls) out.push({ kind: 'call', call: { id: newId(), ...call } });
      this.#afterCall = true;
      this.#mayBeBare = true;
      return true;
    }
    const mark =
      this.#openings.find((opening) => this.#held.startsWith(opening, at)) ?? this.#held.charAt(at);
    this.#say(out, this.#held.slice(0, at) + (isHidden(mark) ? '' : mark));
    this.#held = this.#held.slice(at + mark.length);
    this.#mayBeBare = false;
    return true;
  }

  #say(out: ToolPiece[], said: string): void {
    if (said === '') return;
    out.push(text(said));
    this.#afterCall = false;
    this.#mayBeBare = false;
  }
}

const text = (value: string): ToolPiece => ({ kind: 'text', text: value });
