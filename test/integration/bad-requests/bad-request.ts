import type { ErrorCode } from '@ollamamax/api';

/** One request that cannot be served, and the error its sender must get. */
export interface BadRequest {
  readonly name: string;
  /** Default POST with a body, GET without. */
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; text and bytes go as they are. */
  readonly body?: object | string | Uint8Array;
  readonly status: number;
  readonly code: ErrorCode;
  /** Part of the sentence that makes it clear. */
  readonly says: string;
}

export const chatModel = 'ollamamax-tiny';

const user = { role: 'user', content: 'Hello!' };

/** A valid chat, changed. */
export const chat = (change: object): object => ({ model: chatModel, messages: [user], ...change });
