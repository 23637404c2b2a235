import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { administrationPath } from '../../../scripts/kubernetes-programs.mjs';

export interface RunOptions {
  /** What the program reads from its standard input: a text, or the content of a file. */
  readonly stdin?: string | { readonly file: string };
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Runs a program to its end and gives back what it printed. @throws with all it said when it ends badly */
export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { stdin = '', timeoutMs = 60_000 } = options;
  const input = typeof stdin === 'string' ? undefined : openSync(stdin.file, 'r');
  try {
    return await new Promise((resolve, reject) => {
      const child = spawn(file, args, {
        // Jest's process.env is its own copy.
        env: { ...process.env, PATH: administrationPath, ...options.env },
        stdio: [input ?? 'pipe', 'pipe', 'pipe'],
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
      });
      let stdout = '';
      let stderr = '';
      child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.once('error', reject);
      child.once('close', (code, signal) => {
        if (code === 0) resolve(stdout);
        else {
          const how = code === null ? `was ended by ${signal ?? 'a signal'}` : `ended with code ${code}`;
          reject(new Error(`${file} ${args.join(' ')} ${how}: ${stderr}${stdout}`.trim()));
        }
      });
      // A program that has ended reads no more.
      child.stdin?.on('error', () => undefined);
      if (typeof stdin === 'string') child.stdin?.end(stdin);
    });
  } finally {
    if (input !== undefined) closeSync(input);
  }
}

/** Runs a program whose failure means that there is nothing left to do. */
export async function attempt(file: string, args: readonly string[]): Promise<boolean> {
  return run(file, args).then(
    () => true,
    () => false,
  );
}
