import type { Command } from 'commander';

/** Examples come first: they are what people look for in a help text. */
export const withExamples = (command: Command, examples: readonly string[]): Command =>
  command.addHelpText('before', `Examples:\n${examples.map((example) => `  ${example}`).join('\n')}\n`);
