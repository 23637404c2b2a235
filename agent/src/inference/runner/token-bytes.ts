/** GGUF's numbers for tokens that stand for no text of their own, and for single bytes. */
const controlType = 3;
const byteType = 6;

/**
 * Byte-level vocabularies write bytes as letters: printable ones as themselves, the others as those from U+0100 on, in
 * order (the table of GPT-2).
 */
const byteOfLetter = ((): ReadonlyMap<string, number> => {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  const table = new Map<string, number>();
  for (let byte = 0; byte < 256; byte += 1) {
    if (isPrintable(byte)) table.set(String.fromCharCode(byte), byte);
    else {
      table.set(String.fromCharCode(next), byte);
      next += 1;
    }
  }
  return table;
})();

const encoder = new TextEncoder();

/**
 * The bytes a token adds to a text.
 * @param text of the token as the vocabulary has it
 * @param type GGUF's type of the token
 * @param vocabulary GGUF's `tokenizer.ggml.model`
 */
export const tokenBytes = (text: string, type: number | undefined, vocabulary: string): readonly number[] => {
  if (type === controlType) return [];
  const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(text)?.[1];
  if (type === byteType && byte !== undefined) return [Number.parseInt(byte, 16)];
  if (vocabulary !== 'gpt2') return [...encoder.encode(text.replaceAll('\u2581', ' '))];
  return Array.from(text).flatMap((letter) => {
    const known = byteOfLetter.get(letter);
    return known === undefined ? [...encoder.encode(letter)] : [known];
  });
};
