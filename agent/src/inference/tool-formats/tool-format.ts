import type { ToolCall, ToolDefinition } from '@ollamamax/api';
import type { ToolCallSyntax } from '../grammar/tool-call-syntax.ts';
import { parseJson, type TextCursor } from './text-cursor.ts';

export type WrittenCall = Pick<ToolCall, 'name' | 'arguments'>;

/** How a family of chat templates has its models write tool calls. */
export interface ToolFormat {
  readonly name: string;
  /** Whether a chat template is of this family. */
  readonly matches: (template: string) => boolean;
  /** Calls begin with one of these, wherever they stand in the answer. */
  readonly openings: readonly string[];
  /** As these, at the beginning of the answer or behind a call only: they are usual in text. */
  readonly bareOpenings?: readonly string[];
  /** What else may be a control token of the vocabulary, and so needs to be made visible to `read`. */
  readonly marks: readonly string[];
  /** Says nothing to anybody; left out of every answer, with tools or without. */
  readonly noise?: readonly string[];
  /** As this, at the beginning of an answer without tools only; with tools `read` takes it. */
  readonly bareNoise?: readonly string[];
  /** Reads from an opening on; what it gives counts when the cursor's state is `ok` then. */
  readonly read: (cursor: TextCursor, tools: readonly ToolDefinition[]) => readonly WrittenCall[];
  /** How a grammar has calls written; what it writes `read` can read. */
  readonly syntax: ToolCallSyntax;
  /** Whether templates of the family take only ids of nine letters and digits. */
  readonly hasShortIds?: boolean;
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Arguments as an object or as its JSON in a string; none is an empty object. @returns undefined for anything else */
const argumentsOf = (value: unknown): Record<string, unknown> | undefined => {
  const given = typeof value === 'string' ? parseJson(value) : (value ?? {});
  return isRecord(given) ? given : undefined;
};

/** Takes a call with these parts, or the reading is wrong. */
export const callOf = (cursor: TextCursor, name: unknown, args: unknown): readonly WrittenCall[] => {
  if (cursor.state !== 'ok') return [];
  const found = argumentsOf(args);
  if (typeof name !== 'string' || name === '' || found === undefined) {
    cursor.wrong();
    return [];
  }
  return [{ name, arguments: found }];
};
