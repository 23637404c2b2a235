/** What went wrong, in words for the person in front of the page. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  readonly code: string;
  /** What to do next; may be empty when the message already says it. */
  readonly action: string;

  constructor(problem: {
    readonly status: number;
    readonly code: string;
    readonly message: string;
    readonly action: string;
  }) {
    super(problem.message);
    this.status = problem.status;
    this.code = problem.code;
    this.action = problem.action;
  }
}

const textOf = (body: Record<string, unknown>, ...keys: readonly string[]): string | undefined => {
  for (const key of keys) {
    const value = body[key];
    if (typeof value === 'string' && value !== '') return value;
  }
  return undefined;
};

/** Reads the error dialects an agent speaks: RFC 9457 under /api/v1, Ollama's `{error}` elsewhere. */
export const problemFromBody = (status: number, text: string, fallback: string): ProblemError => {
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) body = parsed as Record<string, unknown>;
  } catch {
    // A proxy in between may answer with a page: the fallback says what is known.
  }
  return new ProblemError({
    status,
    code: textOf(body, 'code') ?? 'unknown',
    message: textOf(body, 'detail', 'error', 'title') ?? fallback,
    action: textOf(body, 'action') ?? '',
  });
};
