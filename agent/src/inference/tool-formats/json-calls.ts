import type { TextCursor } from './text-cursor.ts';
import { callOf, isRecord, type WrittenCall } from './tool-format.ts';

/** Names of the two members of the JSON object of a call. */
export interface CallKeys {
  readonly name: string;
  readonly arguments: string;
}

const usualKeys: CallKeys = { name: 'name', arguments: 'arguments' };

/** The call or the list of calls that a JSON value stands for; the reading is wrong for anything else. */
export const jsonCalls = (cursor: TextCursor, value: unknown, keys = usualKeys): readonly WrittenCall[] => {
  if (cursor.state !== 'ok') return [];
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (items.length === 0) cursor.wrong();
  return items.flatMap((item) => {
    // OpenAI's form has both within `function`.
    const call = isRecord(item) && isRecord(item.function) ? item.function : item;
    if (isRecord(call)) return callOf(cursor, call[keys.name], call[keys.arguments]);
    cursor.wrong();
    return [];
  });
};
