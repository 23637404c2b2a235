import { describe, expect, test } from '@jest/globals';
import { overlap, StopMatcher } from './stop-matcher.ts';

/** Every way to cut a text in three. */
const cuts = (text: string): string[][] => {
  const all: string[][] = [];
  for (let i = 0; i <= text.length; i++)
    for (let j = i; j <= text.length; j++) all.push([text.slice(0, i), text.slice(i, j), text.slice(j)]);
  return all;
};

const feed = (stops: readonly string[], pieces: readonly string[]): { text: string; stopped: boolean } => {
  const matcher = new StopMatcher(stops);
  let text = '';
  let stopped = false;
  for (const piece of pieces) {
    const result = matcher.push(piece);
    text += result.text;
    stopped ||= result.stopped;
  }
  return { text: text + matcher.flush(), stopped };
};

describe('StopMatcher', () => {
  test.each([
    ['one, two, three', [', three'], 'one, two', true],
    ['aaab', ['aab'], 'a', true],
    ['abcabd', ['abd'], 'abc', true],
    ['no stop here', ['xyz'], 'no stop here', false],
    ['ends with a start: xy', ['xyz'], 'ends with a start: xy', false],
    ['first wins', ['wins', 'first'], '', true],
    ['wave 👋🏽 end', ['👋🏽'], 'wave ', true],
    ['empty stops are ignored', [''], 'empty stops are ignored', false],
  ])('%j with stops %j gives %j however it is split', (text, stops, wanted, stopped) => {
    for (const pieces of cuts(text)) expect(feed(stops, pieces)).toEqual({ text: wanted, stopped });
  });

  test('shows text at once when no stop string can begin in it', () => {
    const matcher = new StopMatcher(['STOP']);
    expect(matcher.push('hello S')).toEqual({ text: 'hello ', stopped: false });
    expect(matcher.push('unny')).toEqual({ text: 'Sunny', stopped: false });
  });

  test('gives nothing after a stop', () => {
    const matcher = new StopMatcher(['.']);
    expect(matcher.push('a.b')).toEqual({ text: 'a', stopped: true });
    expect(matcher.push('c')).toEqual({ text: '', stopped: true });
    expect(matcher.flush()).toBe('');
  });
});

test('overlap is the longest end that begins the mark, never the whole mark', () => {
  expect(overlap('xab', 'abc')).toBe(2);
  expect(overlap('abc', 'abc')).toBe(0);
  expect(overlap('', 'abc')).toBe(0);
  expect(overlap('aaaa', 'aab')).toBe(2);
});
