import { describe, expect, test } from '@jest/globals';
import { tokenBytes } from './token-bytes.ts';

const normal = 1;
const control = 3;
const byte = 6;

describe('the bytes of a token', () => {
  test.each<[string, string, number | undefined, string, readonly number[]]>([
    ['letters', 'Hello', normal, 'gpt2', [72, 101, 108, 108, 111]],
    ['a space of a byte-level vocabulary', '\u0120the', normal, 'gpt2', [32, 116, 104, 101]],
    ['a line break', '\u010a', normal, 'gpt2', [10]],
    ['the first byte of an emoji', '\u00f0', normal, 'gpt2', [0xf0]],
    ['a byte that is no letter', '\u0141', normal, 'gpt2', [0x9f]],
    ['a space of SentencePiece', '\u2581the', normal, 'llama', [32, 116, 104, 101]],
    ['a single byte', '<0xE2>', byte, 'llama', [0xe2]],
    ['a control token', '<|im_end|>', control, 'gpt2', []],
    ['a token without a type', 'a', undefined, 'gpt2', [97]],
  ])('%s', (_name, text, type, vocabulary, bytes) => {
    expect(tokenBytes(text, type, vocabulary)).toEqual(bytes);
  });

  test('all bytes of a byte-level vocabulary have their own letter', () => {
    const letters = Array.from({ length: 0x144 }, (_, code) => String.fromCharCode(code));
    const found = letters.flatMap((letter) => {
      const bytes = tokenBytes(letter, normal, 'gpt2');
      return bytes.length === 1 ? bytes : [];
    });
    expect(new Set(found).size).toBe(256);
  });
});
