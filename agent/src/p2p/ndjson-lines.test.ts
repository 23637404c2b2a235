import { expect, test } from '@jest/globals';
import { LineSplitter } from './ndjson-lines.ts';

const linesOf = (text: string, size: number, maxBytes = 100): string[] => {
  const bytes = Buffer.from(text);
  const splitter = new LineSplitter(maxBytes);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += size) lines.push(...splitter.push(bytes.subarray(at, at + size)));
  return lines;
};

test.each([1, 2, 3, 5, 7, 1000])('lines are the same however they are cut (%d bytes)', (size) => {
  expect(linesOf('a\n\nzwölf 🦙\nlast\nunfinished', size)).toEqual(['a', '', 'zwölf 🦙', 'last']);
  expect(linesOf('a\nb\n', size)).toEqual(['a', 'b']);
  expect(linesOf('', size)).toEqual([]);
});

test.each([1, 4, 64])('a line over the bound is refused, finished or not (%d bytes)', (size) => {
  expect(linesOf(`${'x'.repeat(20)}\n`, size, 20)).toHaveLength(1);
  expect(() => linesOf(`${'x'.repeat(21)}\n`, size, 20)).toThrow(RangeError);
  expect(() => linesOf('x'.repeat(21), size, 20)).toThrow(RangeError);
});
