import { headers } from '@ollamamax/api';

/** One streamed chat as a client saw it. */
export interface StreamOutcome {
  /** Text of all lines together. */
  readonly text: string;
  /** The last line said done. */
  readonly complete: boolean;
  /** What the stream said went wrong, in words. */
  readonly error: string | undefined;
  readonly code: string | undefined;
  /** The connection broke or was refused. */
  readonly broken: unknown;
  readonly status: number | undefined;
  /** Id of the agent whose runner did the work. */
  readonly servedBy: string | undefined;
}

interface Line {
  readonly message?: { readonly content: string };
  readonly done?: boolean;
  readonly error?: string;
  readonly code?: string;
}

export interface StreamOptions {
  readonly token?: string;
  readonly signal?: AbortSignal;
  /** Another way to the server than the usual one. */
  readonly fetch?: typeof fetch;
  /** Called with each piece of text. */
  readonly onText?: (text: string) => void;
  /** Called once the answer has begun, with the id of the agent whose runner does the work. */
  readonly onHead?: (servedBy: string | undefined) => void;
}

/** Streams a chat through Ollama's API to its end, whatever that is; never throws. */
export const streamChat = async (
  api: string,
  body: object,
  options: StreamOptions = {},
): Promise<StreamOutcome> => {
  let text = '';
  let complete = false;
  let error: string | undefined;
  let code: string | undefined;
  let broken: unknown;
  let status: number | undefined;
  let servedBy: string | undefined;
  try {
    const response = await (options.fetch ?? fetch)(`${api}/api/chat`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      },
      body: JSON.stringify({ model: 'ollamamax-tiny', stream: true, ...body }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    status = response.status;
    servedBy = response.headers.get(headers.servedBy) ?? undefined;
    options.onHead?.(servedBy);
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines.filter((candidate) => candidate !== '')) {
        const parsed = JSON.parse(line) as Line;
        if (parsed.message !== undefined) {
          text += parsed.message.content;
          options.onText?.(parsed.message.content);
        }
        if (parsed.done === true) complete = true;
        if (parsed.error !== undefined) {
          error = parsed.error;
          code = parsed.code;
        }
      }
    }
  } catch (thrown) {
    broken = thrown;
  }
  return { text, complete, error, code, broken, status, servedBy };
};

const recited =
  'Once a fox found a lantern in the deep forest and carried it from door to door until a mouse by the water knew it.';

/**
 * A conversation whose answer is known: its format allows one story only. Free text would not do, since
 * processors round differently and a model that is asked for a story then tells another one.
 */
export const story = {
  messages: [{ role: 'user', content: 'Write a short story about a fox and a lantern.' }],
  format: { type: 'array', minItems: 1, maxItems: 1, items: { const: recited } },
  options: { temperature: 0 },
} as const;

/** Whether a text is the whole answer to `story`, without a gap. */
export const isWholeStory = (text: string): boolean => {
  try {
    return (JSON.parse(text) as unknown[])[0] === recited;
  } catch {
    return false;
  }
};

/** A schema that is long in the following: hundreds of words before the model may end. */
export const longSchema = {
  type: 'array',
  minItems: 600,
  maxItems: 600,
  items: { type: 'string', enum: ['fox', 'owl', 'bee'] },
} as const;

/** A long answer, forced by its format: for tests that need a stream to be running. */
export const endless = {
  messages: [{ role: 'user', content: 'Hello!' }],
  format: longSchema,
  options: { temperature: 0 },
};
