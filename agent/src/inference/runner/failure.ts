import type { ErrorCode } from '@ollamamax/api';

/** An error of the catalogue as a runner process reports it. The catalogue itself is not loaded there. */
export class RunnerFailure extends Error {
  override readonly name = 'RunnerFailure';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
