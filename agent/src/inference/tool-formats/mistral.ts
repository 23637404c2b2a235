import { mistralNamedSyntax, mistralSyntax } from '../grammar/tool-call-syntax.ts';
import { jsonCalls } from './json-calls.ts';
import type { TextCursor } from './text-cursor.ts';
import { callOf, type ToolFormat, type WrittenCall } from './tool-format.ts';

const open = '[TOOL_CALLS]';

/** Both forms are read whichever the template has: the templates that go round with files are not always the maker's. */
const read = (cursor: TextCursor): readonly WrittenCall[] => {
  cursor.take(open);
  cursor.space();
  if (cursor.isNext('[', '{')) return jsonCalls(cursor, cursor.json());
  const name = cursor.word(/[^\s[{]/);
  if (cursor.takeIf('[CALL_ID]')) cursor.word(/[^\s[{]/);
  cursor.takeIf('[ARGS]');
  cursor.space();
  return callOf(cursor, name, cursor.json());
};

const shared = { openings: [open], marks: ['[CALL_ID]', '[ARGS]'], read, hasShortIds: true };

/** `[TOOL_CALLS][{"name": …, "arguments": {…}}, …]`: Mistral's tokenizers up to the seventh. */
export const mistral: ToolFormat = {
  name: 'mistral',
  matches: (template) => template.includes(open),
  syntax: mistralSyntax,
  ...shared,
};

/** `[TOOL_CALLS]name[ARGS]{…}`, once for each call: Mistral's tokenizers from the eleventh on. */
export const mistralNamed: ToolFormat = {
  name: 'mistral-named',
  matches: (template) => template.includes(open) && template.includes('[ARGS]'),
  syntax: mistralNamedSyntax,
  ...shared,
};
