import { readFileSync } from 'node:fs';

/**
 * Answers every line of JSON in the files, each answer a line of its own.
 * @param answer gives the answers to one line, or throws on one that is no question
 * @returns the code to end with: 0; 1 when a line was no question; 2 without files
 */
export const answerLines = (
  command: string,
  files: readonly string[],
  answer: (line: string) => readonly unknown[],
): number => {
  if (files.length === 0) {
    process.stderr.write(`Usage: npm run ${command} -- FILE…\n`);
    return 2;
  }
  let code = 0;
  for (const file of files) {
    for (const [at, line] of readFileSync(file, 'utf8').split('\n').entries()) {
      if (line.trim() === '') continue;
      try {
        for (const each of answer(line)) process.stdout.write(`${JSON.stringify(each)}\n`);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        process.stdout.write(`${JSON.stringify({ error: message })}\n`);
        process.stderr.write(`${file}:${at + 1}: ${message}\n`);
        code = 1;
      }
    }
  }
  return code;
};
