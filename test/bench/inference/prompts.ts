import { open } from 'node:fs/promises';
import { readGguf } from '../../../agent/src/models/gguf.ts';
import { tinyModel } from '../../harness/local-cluster.ts';

/** Texts of about so many tokens; the same seed and count give the same text. */
export type Prompts = (seed: string, tokens: number) => string;

/** 32 random bits a call: xorshift, which is enough to choose words by. */
const bitsOf = (seed: string): (() => number) => {
  let state = 2_166_136_261;
  for (const character of seed) state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 16_777_619);
  state = state === 0 ? 1 : state;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
};

/** Makes prompts of the tokenizer's whole words, each of which is one token behind a space. */
export const readPrompts = async (): Promise<Prompts> => {
  await using file = await open(tinyModel);
  const { metadata } = await readGguf(file, { verbose: true });
  const tokens = metadata.get('tokenizer.ggml.tokens')?.value;
  const words = (Array.isArray(tokens) ? tokens : [])
    .map(String)
    .filter((token) => /^Ġ[a-z]{3,}$/.test(token))
    .map((token) => token.slice(1));
  return (seed, count) => {
    const bits = bitsOf(seed);
    return Array.from({ length: count }, () => words[bits() % words.length]).join(' ');
  };
};

/** Numbers between 0 and 1, for the times at which clients arrive. */
export const chancesOf = (seed: string): (() => number) => {
  const bits = bitsOf(seed);
  return () => (bits() + 0.5) / 2 ** 32;
};
