import { usageError, interruptedError } from './cli-error.ts';
import type { CliContext, InputStream } from './context.ts';

const maxBytes = 4096;

/** All of a piped standard input, without the line break at its end. */
const readPiped = async (stdin: InputStream): Promise<string> => {
  let text = '';
  stdin.setEncoding('utf8');
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.length > maxBytes)
      throw usageError('The password on standard input is too long.', 'Give one line.');
  }
  return text.replace(/\r?\n$/, '');
};

/** One line from a terminal that shows nothing of it. */
const readHidden = (context: CliContext, prompt: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { stdin, stderr } = context;
    let text = '';
    const finish = (): void => {
      stdin.off('data', onData);
      stdin.setRawMode?.(false);
      stdin.pause();
      stderr.write('\n');
    };
    const onData = (chunk: Buffer | string): void => {
      for (const character of String(chunk)) {
        if (character === '\r' || character === '\n') {
          finish();
          resolve(text);
          return;
        }
        if (character === '\u0003' || character === '\u0004') {
          finish();
          reject(interruptedError('No password was given.'));
          return;
        }
        if (character === '\u007f' || character === '\b') text = text.slice(0, -1);
        else text += character;
      }
    };
    stderr.write(prompt);
    stdin.setRawMode?.(true);
    stdin.on('data', onData);
    stdin.resume();
  });

/**
 * A new password: asked for twice on a terminal, read from standard input elsewhere.
 * @throws CliError usage when there is none or the two differ
 */
export const readNewPassword = async (context: CliContext): Promise<string> => {
  const onTerminal = context.stdin.isTTY === true;
  const password = onTerminal ? await readHidden(context, 'New password: ') : await readPiped(context.stdin);
  if (password === '')
    throw usageError(
      'No password was given.',
      'Type one, pipe one to standard input, or let --generate make one.',
    );
  if (onTerminal && (await readHidden(context, 'Once more: ')) !== password)
    throw usageError('The two passwords are not the same.', 'Run the command again.');
  return password;
};
