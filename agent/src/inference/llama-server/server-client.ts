import { request, type IncomingMessage } from 'node:http';

/** An answer of llama-server that is an error. */
export class ServerRefusal extends Error {
  override readonly name = 'ServerRefusal';
  readonly status: number;
  /** llama-server's own kind of error, as `exceed_context_size_error`. */
  readonly type: string;

  constructor(status: number, type: string, message: string) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

interface ErrorBody {
  readonly error?: { readonly code?: number; readonly message?: string; readonly type?: string };
}

/** Longest body of an error that is read. */
const mostErrorBytes = 64 * 1024;

/** HTTP to a llama-server that listens on a Unix socket. Errors of the connection are thrown as they are. */
export class ServerClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** @throws ServerRefusal; what aborted the signal */
  async get(path: string, signal?: AbortSignal): Promise<unknown> {
    return JSON.parse(await textOf(await this.#open('GET', path, undefined, signal))) as unknown;
  }

  /** @throws ServerRefusal; what aborted the signal */
  async post(path: string, body: object, signal?: AbortSignal): Promise<unknown> {
    return JSON.parse(await textOf(await this.#open('POST', path, body, signal))) as unknown;
  }

  /**
   * Yields the data of server-sent events. Whoever leaves the loop ends the request.
   * @throws ServerRefusal, also in the middle; what aborted the signal
   */
  async *stream(path: string, body: object, signal: AbortSignal): AsyncGenerator<unknown, void> {
    const response = await this.#open('POST', path, body, signal);
    try {
      let rest = '';
      response.setEncoding('utf8');
      for await (const piece of response) {
        const lines = (rest + String(piece)).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const data = /^(?:data|error): (.+)$/.exec(line.trimEnd())?.[1];
          if (data === undefined) continue;
          const event = JSON.parse(data) as unknown;
          throwRefusal(event, response.statusCode ?? 500);
          yield event;
        }
      }
    } finally {
      response.destroy();
    }
  }

  async #open(
    method: 'GET' | 'POST',
    path: string,
    body: object | undefined,
    signal: AbortSignal | undefined,
  ): Promise<IncomingMessage> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(
        {
          socketPath: this.#socketPath,
          method,
          path,
          headers: { 'content-type': 'application/json' },
          // llama-server closes connections that are kept after its own time, in the middle of a next request.
          agent: false,
          signal,
        },
        resolve,
      );
      sent.once('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
    const { statusCode = 500 } = response;
    if (statusCode < 400) return response;
    const text = await textOf(response, mostErrorBytes);
    throwRefusal(parsed(text), statusCode);
    throw new ServerRefusal(statusCode, 'unknown', `llama-server answered with status ${statusCode}.`);
  }
}

const textOf = async (response: IncomingMessage, most = Number.POSITIVE_INFINITY): Promise<string> => {
  response.setEncoding('utf8');
  let text = '';
  for await (const piece of response) {
    text += String(piece);
    if (text.length > most) break;
  }
  return text;
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const throwRefusal = (body: unknown, status: number): void => {
  const { error } = (body ?? {}) as ErrorBody;
  if (error === undefined) return;
  throw new ServerRefusal(
    error.code ?? status,
    error.type ?? 'unknown',
    error.message ?? 'no reason was given',
  );
};
