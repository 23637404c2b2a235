import { expect, test } from '@jest/globals';
import { seeded } from '../../raft/codec/random-messages.fixture.ts';
import { lettersOf, textOf } from './letters-backend.fixture.ts';
import { PromptLookup } from './prompt-lookup.ts';

const guessAfter = (text: string, most = 8, contextSize = 100): string =>
  textOf(new PromptLookup(lettersOf(text), contextSize).guess(most));

test('what followed the same three tokens is guessed', () => {
  expect(guessAfter('the cat sat; the c')).toBe('at sat; ');
  expect(guessAfter('the cat sat; the c', 3)).toBe('at ');
  expect(guessAfter('the cat sat', 8)).toBe('');
  expect(guessAfter('ab')).toBe('');
  expect(guessAfter('')).toBe('');
});

test('what followed them the last time counts', () => {
  expect(guessAfter('abc1 abc2 abc', 2)).toBe('2 ');
});

test('what repeats itself goes on repeating', () => {
  expect(guessAfter('no, no, no', 9)).toBe(', no, no,');
  expect(guessAfter('aaaa', 5)).toBe('aaaaa');
});

test('a text goes on token by token', () => {
  const lookup = new PromptLookup(lettersOf('one two. on'), 100);
  expect(lookup.guess(4)).toEqual([]);
  lookup.push('e'.charCodeAt(0));
  expect(textOf(lookup.guess(5))).toBe(' two.');
  lookup.push('!'.charCodeAt(0));
  expect(lookup.guess(4)).toEqual([]);
});

test('a guess is what stood behind the same three tokens, also where the text is longer than what it remembers', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const chance = seeded(seed);
    const tokens: number[] = [];
    const lookup = new PromptLookup([], 20);
    let guesses = 0;
    for (let length = 0; length < 300; length += 1) {
      const token = Math.floor(chance() * 4);
      tokens.push(token);
      lookup.push(token);
      const guess = lookup.guess(3);
      if (guess.length === 0) continue;
      guesses += 1;
      const isThere = tokens.some(
        (_token, at) =>
          at + 3 < tokens.length &&
          [0, 1, 2].every((index) => tokens[at + index] === tokens[tokens.length - 3 + index]) &&
          tokens[at + 3] === guess[0],
      );
      expect(isThere).toBe(true);
    }
    expect(guesses).toBeGreaterThan(50);
  }
});
