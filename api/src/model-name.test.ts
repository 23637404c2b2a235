import { describe, expect, test } from '@jest/globals';
import { canonicalModelName, parseModelName } from './model-name.ts';

const part = 'a'.repeat(80);

describe('a model name', () => {
  test.each([
    ['tiny', { host: 'registry.ollama.ai', namespace: 'library', model: 'tiny', tag: 'latest' }],
    ['tiny:q8_0', { host: 'registry.ollama.ai', namespace: 'library', model: 'tiny', tag: 'q8_0' }],
    ['me/tiny', { host: 'registry.ollama.ai', namespace: 'me', model: 'tiny', tag: 'latest' }],
    ['localhost:5000/me/tiny:1', { host: 'localhost:5000', namespace: 'me', model: 'tiny', tag: '1' }],
    ['hf.co/me/tiny.gguf:Q4_K_M', { host: 'hf.co', namespace: 'me', model: 'tiny.gguf', tag: 'Q4_K_M' }],
    ['_tiny', { host: 'registry.ollama.ai', namespace: 'library', model: '_tiny', tag: 'latest' }],
  ])('%s has the parts Ollama reads', (text, parts) => {
    expect(parseModelName(text)).toEqual(parts);
  });

  test.each([
    ['tiny', 'tiny:latest'],
    ['TINY:Q8', 'tiny:q8'],
    ['library/tiny', 'tiny:latest'],
    ['registry.ollama.ai/library/tiny:latest', 'tiny:latest'],
    ['registry.ollama.ai/Me/tiny', 'me/tiny:latest'],
    ['hf.co/library/tiny', 'hf.co/library/tiny:latest'],
  ])('%s is listed as %s, however often it is read', (text, canonical) => {
    expect(canonicalModelName(text)).toBe(canonical);
    expect(canonicalModelName(canonical)).toBe(canonical);
  });

  test.each([
    ['nothing', ''],
    ['a space', 'a b'],
    ['a line break', 'tiny\n'],
    ['an empty part', 'a//b'],
    ['an empty tag', 'tiny:'],
    ['an empty model', ':latest'],
    ['four parts', 'a/b/c/d'],
    ['two colons', 'tiny:a:b'],
    ['a leading dot', '.tiny'],
    ['a leading hyphen', '-tiny'],
    ['a path upwards', '../tiny'],
    ['a dot in the namespace', 'a.b/tiny'],
    ['a letter outside ASCII', 'tinÿ'],
    ['a null byte', 'tiny\0'],
    ['a model of 81 characters', `${part}a`],
    ['a tag of 81 characters', `tiny:${part}a`],
    ['more than anybody needs', 'a'.repeat(100_000)],
  ])('is refused with %s', (_what, text) => {
    expect(() => parseModelName(text)).toThrow(
      expect.objectContaining({ code: 'invalid_model_name', param: 'model' }),
    );
  });

  test('may be as long as its parts allow', () => {
    expect(parseModelName(`${part}:${part}`)).toEqual(expect.objectContaining({ model: part, tag: part }));
  });

  test('is cut in the message when it is long', () => {
    expect(() => parseModelName('!'.repeat(1000))).toThrow(/^"!{80}…" is not a valid model name\.$/);
  });
});
