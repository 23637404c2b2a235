import type { ToolDefinition } from '@ollamamax/api';
import type { ToolCallSyntax } from '../grammar/tool-call-syntax.ts';
import { ToolCallParser, type ToolPiece } from '../runner/tool-call-parser.ts';
import type { ToolFormat } from './tool-format.ts';

/** Tools whose parameters are of every kind that families write differently. */
export const tools: readonly ToolDefinition[] = [
  {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: {
        city: { type: 'string' },
        days: { type: 'integer', minimum: 1, maximum: 7 },
        unit: { enum: ['celsius', 'fahrenheit'] },
        places: { type: 'array', items: { $ref: '#/$defs/place' } },
      },
      required: ['city'],
      $defs: { place: { type: 'object', properties: { x: { type: 'number' } }, required: ['x'] } },
    },
  },
  { name: 'now' },
  {
    name: 'order',
    parameters: {
      type: 'object',
      properties: {
        one: { type: 'object', properties: { item: { type: 'string' } } },
        all: { type: 'array', items: { type: 'string' } },
        none: { type: 'object' },
        maybe: {},
        free: { type: ['array', 'null'] },
      },
    },
  },
];

/** What an answer is about, the answer, and what the parser makes of it. */
export type Transcript = readonly [what: string, written: string, wanted: readonly ToolPiece[]];

/** What the parser makes of these pieces; texts that follow each other are one. */
export const readPieces = (
  format: ToolFormat,
  pieces: readonly string[],
  isHidden: (mark: string) => boolean = () => false,
): readonly ToolPiece[] => {
  const parser = new ToolCallParser({ format, tools, newId: () => 'id', isHidden });
  const joined: ToolPiece[] = [];
  for (const piece of [...pieces.flatMap((one) => parser.push(one)), ...parser.flush()]) {
    const last = joined.at(-1);
    if (piece.kind === 'text' && last?.kind === 'text')
      joined.splice(-1, 1, { kind: 'text', text: last.text + piece.text });
    else joined.push(piece);
  }
  return joined;
};

export const call = (name: string, args: Record<string, unknown>): ToolPiece => ({
  kind: 'call',
  call: { id: 'id', name, arguments: args },
});

export const text = (value: string): ToolPiece => ({ kind: 'text', text: value });

/** A call as a grammar has it written; the values are JSON, or texts where the syntax has those without quotes. */
export const writtenCall = (syntax: ToolCallSyntax, tool: string, args: Record<string, unknown>): string => {
  const { call: written, quotedName, tagged, keywords } = syntax;
  const values = Object.entries(args).map(([key, value]) => {
    if (tagged !== undefined) return writtenTag(syntax, tagged, key, value);
    const isText = typeof value === 'string' && syntax.quote !== undefined;
    return `${key}${keywords?.[0]}${isText ? syntax.quote + value + syntax.quote : JSON.stringify(value)}`;
  });
  const plain = keywords === undefined ? JSON.stringify(args) : values.join(keywords[1]);
  const inside = tagged === undefined ? plain : values.join('');
  return `${written[0]}${quotedName ? JSON.stringify(tool) : tool}${written[1]}${inside}${written[2]}`;
};

const writtenTag = (
  { kinds, nameEnd, escaped = (name) => name }: ToolCallSyntax,
  [beforeName, beforeValue, behind]: readonly [string, string, string],
  key: string,
  value: unknown,
): string => {
  const isText = typeof value === 'string';
  const kind = kinds === undefined ? '' : (isText ? kinds.text : kinds.others[0]!) + kinds.behind;
  const end = nameEnd === undefined ? '' : key + nameEnd;
  return `${beforeName}${escaped(key)}${beforeValue}${kind}${isText ? value : JSON.stringify(value)}${behind}${end}`;
};
