/** Trying again is of no use until somebody changes the object. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

export const isTerminal = (error: unknown): boolean =>
  error instanceof Error && error.name === 'TerminalError';
