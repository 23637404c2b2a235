import { describe, expect, test } from '@jest/globals';
import { JsonEnd } from '../runner/json-end.ts';
import { compileGrammar } from './grammar-engine.fixture.ts';
import { GrammarSampler, randomFrom } from './grammar-sampler.fixture.ts';
import { jsonGrammar } from './json-rules.ts';

describe('the grammar of any JSON object', () => {
  test('takes objects however they are indented', async () => {
    const matches = await compileGrammar(jsonGrammar);
    const value = { a: [1, -2.5e-3, 'x\n"\\', null, { b: true }], 'ü😀': {}, '': [] };
    for (const text of [
      JSON.stringify(value),
      JSON.stringify(value, null, 2),
      JSON.stringify(value, null, '\t'),
    ])
      expect(matches(text)).toBe(true);
    expect(matches('{"smile": "\\ud83d\\ude00 \\u00e9"}')).toBe(true);
  });

  test.each([
    '', '[]', '1', '"a"', '{', '{} ', ' {}', '{"a"}', '{"a":}', '{"a":1,}', '{a:1}', '{"a":01}', '{"a":.5}',
    '{"a":"\\x"}', '{"a":"\t"}', '{"a":"\\ud83d"}', '{"a":"\\ud83d\\u0041"}', '{"a":1e999}', '{"a":+1}', '{"a":NaN}',
    '{"a":1}}',
  ])('refuses %j', async (text) => {
    expect((await compileGrammar(jsonGrammar))(text)).toBe(false);
  }); // prettier-ignore

  test('takes no white space without end', async () => {
    const matches = await compileGrammar(jsonGrammar);
    expect(matches(`{\n${' '.repeat(20)}"a": 1}`)).toBe(true);
    expect(matches(`{\n${' '.repeat(21)}"a": 1}`)).toBe(false);
    expect(matches('{  }')).toBe(false);
  });

  test('writes what JSON.parse reads and what the runner takes for complete at its very end', () => {
    const sampler = new GrammarSampler(jsonGrammar);
    const random = randomFrom(5);
    for (let round = 0; round < 200; round++) {
      const text = sampler.sample(random, round % 12);
      expect(() => JSON.parse(text) as unknown).not.toThrow();
      expect(new JsonEnd().push(text)).toEqual({ text, ended: true });
    }
  });
});
