/** How the program ends; the same numbers for every command. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  notPermitted: 4,
  conflict: 5,
  timedOut: 6,
  unhealthy: 7,
  unreachable: 8,
  /** Of a log: a crash cut off its end, which the next start drops. */
  tornTail: 9,
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export interface CliErrorFacts {
  /** Stable, lower case with underscores. */
  readonly code: string;
  /** What went wrong, in general. */
  readonly what: string;
  /** The facts of this occurrence. */
  readonly why: string;
  /** What to do next. */
  readonly action: string;
  readonly exitCode: ExitCode;
}

/** An error that only the command line knows; everything else comes from the catalogue. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly facts: CliErrorFacts;

  constructor(facts: CliErrorFacts) {
    super(facts.why);
    this.facts = facts;
  }
}

/** Wrong arguments: exit code 2. */
export const usageError = (why: string, action: string): CliError =>
  new CliError({
    code: 'usage',
    what: 'The command was not given correctly.',
    why,
    action,
    exitCode: exitCodes.usage,
  });

/** The user ended the command before it was done: exit code 130. */
export const interruptedError = (what: string): CliError =>
  new CliError({
    code: 'interrupted',
    what,
    why: 'It was interrupted.',
    action: 'Run the command again.',
    exitCode: exitCodes.interrupted,
  });
