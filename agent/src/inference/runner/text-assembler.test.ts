import { describe, expect, test } from '@jest/globals';
import { TextAssembler } from './text-assembler.ts';

/** A vocabulary of single bytes. */
const bytes = (tokens: readonly number[]): string => Buffer.from(tokens).toString('utf8');

describe('TextAssembler', () => {
  test.each(['plain', 'é ü ß', '日本語', '👋🏽 and 👨‍👩‍👧', 'mixed é日👋x'])(
    'never cuts a character of %s',
    (text) => {
      const assembler = new TextAssembler(bytes);
      const pieces = [...Buffer.from(text)].map((byte) => assembler.push(byte));
      expect(pieces.join('') + assembler.flush()).toBe(text);
      for (const piece of pieces) expect(piece).not.toContain('\uFFFD');
    },
  );

  test('shows bytes that never become a character at the end', () => {
    const assembler = new TextAssembler(bytes);
    expect(assembler.push(0xf0)).toBe('');
    expect(assembler.push(0x9f)).toBe('');
    expect(assembler.flush()).toBe('\uFFFD');
    expect(assembler.flush()).toBe('');
  });

  test('does not hold back for ever', () => {
    const assembler = new TextAssembler(bytes);
    const shown = Array.from({ length: 64 }, () => assembler.push(0xff)).join('');
    expect(shown.length).toBeGreaterThan(0);
  });
});
