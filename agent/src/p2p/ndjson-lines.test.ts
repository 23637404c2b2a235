import { expect, test } from '@jest/globals';
import { readLines } from './ndjson-lines.ts';

const cut = async function* (bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
};
const linesOf = async (text: string, size: number, maxBytes = 100): Promise<string[]> => {
  const lines: string[] = [];
  for await (const line of readLines(cut(Buffer.from(text), size), maxBytes)) lines.push(line);
  return lines;
};

test.each([1, 2, 3, 5, 7, 1000])('lines are the same however they are cut (%d bytes)', async (size) => {
  expect(await linesOf('a\n\nzwölf 🦙\nlast', size)).toEqual(['a', '', 'zwölf 🦙', 'last']);
  expect(await linesOf('a\nb\n', size)).toEqual(['a', 'b']);
  expect(await linesOf('', size)).toEqual([]);
});

test.each([1, 4, 64])('a line over the bound is refused, finished or not (%d bytes)', async (size) => {
  expect(await linesOf(`${'x'.repeat(20)}\n`, size, 20)).toHaveLength(1);
  await expect(linesOf(`${'x'.repeat(21)}\n`, size, 20)).rejects.toThrow(RangeError);
  await expect(linesOf('x'.repeat(21), size, 20)).rejects.toThrow(RangeError);
});
