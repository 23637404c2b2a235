import { ApiError, isApiError } from '@ollamamax/api';

export interface HttpBodyRequest {
  readonly url: string;
  /** Authorization header for the origin of the URL, instead of credentials in the URL. */
  readonly authorization?: string;
  /** Bytes that are here already. */
  readonly from: number;
  /** Strong validator of the bytes that are here. */
  readonly etag?: string;
  readonly stallMs: number;
  readonly maxRedirects: number;
  readonly signal: AbortSignal;
}

/** An answer that is being received. */
export interface HttpBody {
  /** All bytes are here already; there is nothing to read. */
  readonly complete: boolean;
  /** Offset of the first byte that read() gives; less than asked for when the source starts over. */
  readonly from: number;
  /** Size of the whole file when the source says it. */
  readonly total: number | undefined;
  readonly etag: string | undefined;
  /** The next bytes, undefined at the end. @throws ApiError source_unreachable */
  read(): Promise<Uint8Array | undefined>;
  /** Ends the connection if it is still open. */
  close(): void;
}

/** A URL as it may be shown: without credentials and without the query, which may hold a signature. */
export const safeUrl = (url: string): string => {
  try {
    const { origin, pathname } = new URL(url);
    return `${origin}${pathname}`;
  } catch {
    return 'the URL';
  }
};

export const sourceUnreachable = (url: string, reason: string, retryAfterSeconds?: number): ApiError =>
  new ApiError('source_unreachable', `${safeUrl(url)} cannot be downloaded: ${reason}.`, {
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });

const sourceRefused = (url: string, reason: string): ApiError =>
  new ApiError('source_refused', `${safeUrl(url)} cannot be downloaded: ${reason}.`);

/** The code of a network error, which fetch hides as the cause of a cause. */
const networkReason = (error: unknown): string => {
  let at = error;
  for (let depth = 0; depth < 4 && typeof at === 'object' && at !== null; depth += 1) {
    const { code, cause } = at as { readonly code?: unknown; readonly cause?: unknown };
    if (typeof code === 'string') return `the connection failed (${code})`;
    at = cause;
  }
  return 'the connection failed';
};

/** Aborts when nothing has happened for a while; every sign of life starts the time anew. */
class StallGuard {
  readonly #controller = new AbortController();
  readonly #ms: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number) {
    this.#ms = ms;
    this.touch();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  touch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(), this.#ms);
  }

  rest(): void {
    clearTimeout(this.#timer);
  }

  /** Ends the request it guards. */
  end(): void {
    this.rest();
    this.#controller.abort();
  }
}

interface Location {
  readonly url: URL;
  readonly authorization: string | undefined;
}

const locate = (text: string): Location => {
  const url = URL.parse(text);
  if (url === null) throw new ApiError('source_refused', 'The URL of the model is not well formed.');
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const authorization =
    username === '' && password === ''
      ? undefined
      : `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
  return { url, authorization };
};

/** Where a redirect leads; credentials stay with the origin they were given for. */
const follow = (from: Location, header: string | null): Location => {
  const url = header === null ? null : URL.parse(header, from.url.href);
  if (url === null) throw sourceRefused(from.url.href, 'it redirects without saying where to');
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw sourceRefused(from.url.href, `it redirects to ${url.protocol}`);
  if (from.url.protocol === 'https:' && url.protocol === 'http:')
    throw sourceRefused(from.url.href, 'it redirects from https to http');
  url.username = '';
  url.password = '';
  return { url, authorization: url.origin === from.url.origin ? from.authorization : undefined };
};

const request = async (
  input: HttpBodyRequest,
  guard: StallGuard,
): Promise<{ readonly response: Response; readonly at: Location }> => {
  let at = locate(input.url);
  if (input.authorization !== undefined) at = { ...at, authorization: input.authorization };
  for (let redirects = 0; redirects <= input.maxRedirects; redirects += 1) {
    guard.touch();
    const response = await fetch(at.url, {
      redirect: 'manual',
      signal: AbortSignal.any([input.signal, guard.signal]),
      headers: {
        accept: 'application/octet-stream, */*;q=0.5',
        // Ranges and the digest are about the bytes of the file, not of a compressed form.
        'accept-encoding': 'identity',
        'user-agent': 'ollamamax',
        ...(at.authorization === undefined ? {} : { authorization: at.authorization }),
        ...(input.from === 0 ? {} : { range: `bytes=${input.from}-` }),
        ...(input.from === 0 || input.etag === undefined ? {} : { 'if-range': input.etag }),
      },
    });
    if (![301, 302, 303, 307, 308].includes(response.status)) return { response, at };
    await response.body?.cancel();
    at = follow(at, response.headers.get('location'));
  }
  throw sourceRefused(input.url, `it redirects more than ${input.maxRedirects} times`);
};

const retryAfter = (response: Response): number | undefined => {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
};

const size = (header: string | null): number | undefined =>
  header !== null && /^\d{1,15}$/.test(header) ? Number(header) : undefined;

type Start = Pick<HttpBody, 'complete' | 'from' | 'total'>;

/** What the status line says: where the bytes start, or why there are none. */
const startOf = (response: Response, input: HttpBodyRequest): Start | 'start over' => {
  const range = /^bytes (?:(\d{1,15})-\d{1,15}|\*)\/(\d{1,15}|\*)$/.exec(
    response.headers.get('content-range') ?? '',
  );
  const total = size(range?.[2] ?? null);
  switch (response.status) {
    case 200:
      return { complete: false, from: 0, total: size(response.headers.get('content-length')) };
    case 206:
      return size(range?.[1] ?? null) === input.from
        ? { complete: false, from: input.from, total }
        : 'start over';
    case 416:
      if (input.from === 0) throw sourceRefused(input.url, 'it answers with status 416');
      return total === input.from ? { complete: true, from: input.from, total } : 'start over';
    case 408:
    case 429:
      throw sourceUnreachable(input.url, `it answers with status ${response.status}`, retryAfter(response));
    default:
      throw response.status >= 500
        ? sourceUnreachable(input.url, `it answers with status ${response.status}`, retryAfter(response))
        : sourceRefused(input.url, `it answers with status ${response.status}`);
  }
};

const strongEtag = (response: Response): string | undefined => {
  const etag = response.headers.get('etag');
  return etag !== null && /^"[^"]{1,500}"$/.test(etag) ? etag : undefined;
};

/**
 * Asks for a file from an offset on. A source that cannot resume, or has another file by now, starts over.
 * @throws ApiError source_unreachable, source_refused; the signal's reason
 */
export const openHttpBody = async (input: HttpBodyRequest): Promise<HttpBody> => {
  const guard = new StallGuard(input.stallMs);
  const explain = (error: unknown): unknown => {
    if (input.signal.aborted) return input.signal.reason as unknown;
    if (isApiError(error)) return error;
    return guard.signal.aborted
      ? sourceUnreachable(input.url, `nothing came for ${input.stallMs / 1000} seconds`)
      : sourceUnreachable(input.url, networkReason(error));
  };
  try {
    const { response } = await request(input, guard);
    const start = startOf(response, input);
    if (start === 'start over') {
      guard.end();
      return await openHttpBody({ ...input, from: 0 });
    }
    const encoding = response.headers.get('content-encoding');
    if (encoding !== null && encoding !== 'identity')
      throw sourceRefused(input.url, `it sends the file compressed (${encoding.slice(0, 20)})`);
    const reader = response.body?.getReader();
    return {
      ...start,
      etag: strongEtag(response),
      read: async () => {
        guard.touch();
        try {
          const next = (await reader?.read()) as { readonly value?: Uint8Array } | undefined;
          return next?.value;
        } catch (error) {
          throw explain(error);
        } finally {
          // Writing to a slow disk is no stall of the source.
          guard.rest();
        }
      },
      close: () => guard.end(),
    };
  } catch (error) {
    const reason = explain(error);
    guard.end();
    throw reason;
  }
};
