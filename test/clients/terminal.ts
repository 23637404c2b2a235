import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from '../harness/local-cluster.ts';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  /** Without what moves the cursor. */
  readonly stderr: string;
}

const deadlineMs = 60_000;

/** Sequences that move the cursor, colour, or draw progress. */
// eslint-disable-next-line no-control-regex
const controls = /\u001b\[[?\d;]*[A-Za-z]|[⠀-⣿] ?/g;

const withoutControls = (text: string): string => text.replaceAll(controls, '').replaceAll('\r', '');

/** Runs a program to its end, with the given text as its input; one that takes longer is ended. */
export const runProgram = async (
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input = '',
  timeoutMs = deadlineMs,
): Promise<Outcome> => {
  const child = spawn(file, args, { env, stdio: 'pipe', timeout: timeoutMs });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A program that does not read its input may be gone before it is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: withoutControls(stdout), stderr: withoutControls(stderr) };
};

export interface Terminal {
  /** Types a line and waits for the answer to it, which ends with the prompt or with the program. */
  say(line: string): Promise<string>;
  /** Exit code of the program. */
  ended(): Promise<number | null>;
  close(): void;
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** A program in a terminal of its own, made by `script` of util-linux, that shows `prompt` when it waits. */
export const openTerminal = async (
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  prompt: string,
): Promise<Terminal> => {
  // Without a width of its own the terminal would wrap after every few letters.
  const command = `stty cols 200 rows 50; exec ${[file, ...args].map(quoted).join(' ')}`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...env, TERM: 'dumb' },
    stdio: 'pipe',
    timeout: deadlineMs,
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
  child.stdin.on('error', () => undefined);
  const closed = once(child, 'close') as Promise<[number | null]>;
  const waits = async (): Promise<void> =>
    eventually(
      `${file} asks or ends; it shows ${JSON.stringify(shown.slice(-500))}`,
      () => child.exitCode !== null || withoutControls(shown).includes(prompt),
      deadlineMs,
    );
  await waits();
  return {
    say: async (line) => {
      shown = '';
      child.stdin.write(`${line}\r`);
      await waits();
      return withoutControls(shown);
    },
    ended: async () => (await closed)[0],
    close: () => {
      if (child.exitCode === null) child.kill('SIGKILL');
    },
  };
};
