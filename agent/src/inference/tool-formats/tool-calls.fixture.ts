import type { ToolDefinition } from '@ollamamax/api';
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
];

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
