import type { Readable } from 'node:stream';

export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export type InputStream = Readable & {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
};

/** Everything a command takes from its process, so that tests can give it other ends. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: InputStream;
  /** Data. */
  readonly stdout: OutputStream;
  /** Everything else. */
  readonly stderr: OutputStream;
  /** Calls back for each SIGINT and SIGTERM; the result takes the callback away again. */
  onSignal(listener: (signal: 'SIGINT' | 'SIGTERM') => void): () => void;
  /** Becomes another program, keeping the process id; does not return. */
  replaceProcess(file: string, args: readonly string[], env: Readonly<Record<string, string>>): never;
}

/** How this user runs `up`, for messages: npm takes options for itself unless "--" is before them. */
export const upCommand = (env: CliContext['env']): string =>
  env.npm_lifecycle_event === 'start' ? 'npm start --' : 'ollamamax up';

/** How this user runs the other commands: a source tree has the program in npm's reach only. */
export const programName = (env: CliContext['env']): string =>
  env.npm_lifecycle_event === undefined ? 'ollamamax' : 'npx ollamamax';

/** Root of the source tree; holds models/ and, for a local cluster, data/. */
export const treeRoot = new URL('../../../', import.meta.url);

/** Program of one agent. */
export const agentProgram = new URL('../main.ts', import.meta.url);
