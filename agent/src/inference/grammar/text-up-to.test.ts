import { describe, expect, test } from '@jest/globals';
import { behindThinking } from './behind-thinking.ts';
import { compileGrammar } from './grammar-engine.fixture.ts';
import { jsonGrammar } from './json-rules.ts';
import { textUpTo, toLines } from './text-up-to.ts';

const upTo = (mark: string, mayEnd = false): Promise<(text: string) => boolean> =>
  compileGrammar(
    ['root ::= s-0', ...toLines(textUpTo({ mark, nameOf: (seen) => `s-${seen}`, behind: [], mayEnd }))].join(
      '\n',
    ),
  );

describe('text up to a mark', () => {
  test.each(['</think>', 'aab', '\n</p>', '｜▁｜'])('%j ends with the first', async (mark) => {
    const matches = await upTo(mark);
    const starts = Array.from(mark, (_letter, index) => mark.slice(0, index));
    for (const text of ['', 'x', 'two\nlines "\\ 😀 \u0000', ...starts, starts.join('')]) {
      const before = text.includes(mark) ? '' : text;
      // Where the text ends like the mark begins, the first mark may be an earlier one.
      const written = before + mark;
      expect({ written, taken: matches(written) }).toEqual({
        written,
        taken: written.indexOf(mark) === before.length,
      });
      expect(matches(`${written}x`)).toBe(false);
      expect(matches(before)).toBe(false);
    }
  });
});

test('text may also end without its mark', async () => {
  const matches = await upTo('</p>', true);
  expect(['', 'a', 'a </', 'a </p>', 'a </p> b'].map(matches)).toEqual([true, true, true, true, false]);
});

describe('an answer behind thinking', () => {
  const tags = { close: '</think>', between: undefined, before: '', mayEnd: false };

  test('may come without where nothing has been thought yet', async () => {
    const matches = await compileGrammar(behindThinking(jsonGrammar, { ...tags, open: '<think>' }));
    expect(matches('{"a": 1}')).toBe(true);
    expect(matches('<think>\n{"no": </thin\n</think>\n\n{"a": 1}')).toBe(true);
    expect(matches('<think>{"a": 1}')).toBe(false);
    expect(matches('{"a": 1} <think>')).toBe(false);
  });

  test('comes when thinking that the prompt has begun is over', async () => {
    const matches = await compileGrammar(behindThinking(jsonGrammar, { ...tags, open: '' }));
    expect(matches('Hm.</think>{"a": 1}')).toBe(true);
    expect(matches('{"a": 1}')).toBe(false);
    expect(matches('Hm.')).toBe(false);
    const free = await compileGrammar(behindThinking(jsonGrammar, { ...tags, open: '', mayEnd: true }));
    expect(free('Hm.')).toBe(true);
  });

  test('comes in its own channel', async () => {
    const matches = await compileGrammar(
      behindThinking(jsonGrammar, {
        open: '<|channel|>analysis<|message|>',
        close: '<|end|>',
        between: '<|start|>assistant',
        before: '<|channel|>final<|message|>',
        mayEnd: false,
      }),
    );
    expect(matches('<|channel|>final<|message|>{}')).toBe(true);
    expect(
      matches('<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>{}'),
    ).toBe(true);
    expect(matches('{}')).toBe(false);
  });
});
