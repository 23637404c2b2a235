const words =
  'every answer of this engine is the same and costs it nothing to make so that only the way'.split(' ');

/** Tokens of a whole answer. */
export const tokens: readonly string[] = Array.from(
  { length: 64 },
  (_unused, index) => ` ${words[index % words.length] ?? ''}`,
);
