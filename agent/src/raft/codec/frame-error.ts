/** What is wrong with the bytes that another member sent, or with what is to be sent. */
export type FrameProblem =
  | 'version'
  | 'kind'
  | 'group'
  | 'length'
  | 'number'
  | 'text'
  | 'order'
  | 'reserved'
  | 'checksum'
  | 'protocol';

/** The one error that decoding throws, whatever the bytes are. */
export class FrameError extends Error {
  readonly problem: FrameProblem;

  constructor(problem: FrameProblem, message: string) {
    super(message);
    this.name = 'FrameError';
    this.problem = problem;
  }
}
