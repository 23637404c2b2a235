import type { ToolCall } from '@ollamamax/api';
import { overlap } from './stop-matcher.ts';

export const toolCallOpen = '<tool_call>';
const toolCallClose = '</tool_call>';

/** A call larger than this is taken for ordinary text. */
const maxCallUnits = 1 << 20;

export type ToolPiece =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'call'; readonly call: ToolCall };

/**
 * Finds `<tool_call>{"name": …, "arguments": {…}}</tool_call>` in a stream of text, wherever the pieces are
 * split. Text before a call is passed on as it comes, white space around calls is dropped, and what is not
 * well-formed is passed on as the text it was.
 */
export class ToolCallParser {
  readonly #newId: () => string;
  #held = '';
  #inCall = false;
  #afterCall = false;

  /** @param newId makes the id of each call. */
  constructor(newId: () => string) {
    this.#newId = newId;
  }

  push(piece: string): ToolPiece[] {
    this.#held += piece;
    const out: ToolPiece[] = [];
    for (;;) {
      const progressed = this.#inCall ? this.#takeCall(out) : this.#takeText(out);
      if (!progressed) return out;
    }
  }

  /** What is left when the stream ends; a call whose closing tag is missing still counts if it is complete. */
  flush(): ToolPiece[] {
    const out: ToolPiece[] = [];
    if (this.#inCall) {
      const call = parseCall(this.#held, this.#newId);
      out.push(call === undefined ? text(toolCallOpen + this.#held) : { kind: 'call', call });
    } else if (this.#held !== '' && !(this.#afterCall && this.#held.trim() === '')) {
      out.push(text(this.#held));
    }
    this.#held = '';
    this.#inCall = false;
    return out;
  }

  #takeText(out: ToolPiece[]): boolean {
    const at = this.#held.indexOf(toolCallOpen);
    if (at >= 0) {
      const before = this.#held.slice(0, at).trimEnd();
      if (before !== '') out.push(text(before));
      this.#held = this.#held.slice(at + toolCallOpen.length);
      this.#inCall = true;
      return true;
    }
    const partial = overlap(this.#held, toolCallOpen);
    const ready = this.#held.slice(0, this.#held.length - partial).trimEnd();
    if (ready !== '') {
      out.push(text(ready));
      this.#afterCall = false;
      this.#held = this.#held.slice(ready.length);
    }
    return false;
  }

  #takeCall(out: ToolPiece[]): boolean {
    const at = closeOf(this.#held);
    if (at < 0) {
      if (this.#held.length <= maxCallUnits) return false;
      out.push(text(toolCallOpen + this.#held));
      this.#held = '';
      this.#inCall = false;
      return true;
    }
    const body = this.#held.slice(0, at);
    this.#held = this.#held.slice(at + toolCallClose.length);
    this.#inCall = false;
    const call = parseCall(body, this.#newId);
    if (call === undefined) {
      out.push(text(toolCallOpen + body + toolCallClose));
      this.#afterCall = false;
    } else {
      out.push({ kind: 'call', call });
      this.#afterCall = true;
    }
    return true;
  }
}

/** Where the call ends: a closing mark within a string of its arguments is part of that. */
const closeOf = (source: string): number => {
  for (let at = source.indexOf(toolCallClose); at >= 0; at = source.indexOf(toolCallClose, at + 1))
    if (!endsInString(source.slice(0, at))) return at;
  return -1;
};

/** Whether JSON that goes on behind this is within a string. */
const endsInString = (json: string): boolean => {
  let isInside = false;
  for (let at = 0; at < json.length; at += 1) {
    if (isInside && json.charAt(at) === '\\') at += 1;
    else if (json.charAt(at) === '"') isInside = !isInside;
  }
  return isInside;
};

const text = (value: string): ToolPiece => ({ kind: 'text', text: value });

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const parseJson = (source: string): unknown => {
  try {
    return JSON.parse(source);
  } catch {
    return undefined;
  }
};

const parseCall = (source: string, newId: () => string): ToolCall | undefined => {
  const value = parseJson(source);
  if (!isRecord(value) || typeof value.name !== 'string' || value.name === '') return undefined;
  const given = value.arguments ?? {};
  const args = typeof given === 'string' ? parseJson(given) : given;
  return isRecord(args) ? { id: newId(), name: value.name, arguments: args } : undefined;
};
