import { ApiError, isApiError } from '@ollamamax/api';
import { backoffDelay, sleep } from '@ollamamax/common';
import type { RegistryKey } from './registry-key.ts';
import type { RegistryName } from './registry-name.ts';
import { fetchToken, parseChallenge } from './registry-token.ts';

/** Times in milliseconds. */
export interface RegistryLimits {
  /** For one request that is not about the bytes of a blob. */
  readonly requestMs: number;
  /** A connection that moves no byte for so long is given up. */
  readonly stallMs: number;
  /** Tries in a row that bring nothing. */
  readonly tries: number;
  readonly retry: { readonly minMs: number; readonly maxMs: number };
  /** Space that must stay free on the disk, in bytes. */
  readonly reserveBytes: number;
  /** Bytes of a blob that are sent at a time. */
  readonly partBytes: number;
  /** For one of these parts. */
  readonly partMs: number;
}

export const defaultRegistryLimits: RegistryLimits = {
  requestMs: 30_000,
  stallMs: 30_000,
  tries: 6,
  retry: { minMs: 500, maxMs: 30_000 },
  reserveBytes: 64 * 1024 * 1024,
  partBytes: 100 * 1024 * 1024,
  partMs: 30 * 60_000,
};

export interface RegistryClientOptions {
  readonly name: Pick<RegistryName, 'origin' | 'repository'>;
  readonly key: () => Promise<RegistryKey>;
  readonly limits: RegistryLimits;
  readonly signal: AbortSignal;
}

export interface RegistryRequest {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: () => NonNullable<RequestInit['body']>;
  /** Instead of the limit for one request. */
  readonly timeoutMs?: number;
}

const isBusy = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/** Speaks with one repository of a registry: logs in when it is asked to, and tries again what may yet come. */
export class RegistryClient {
  readonly #options: RegistryClientOptions;
  #token: string | undefined;

  constructor(options: RegistryClientOptions) {
    this.#options = options;
  }

  /** @param path below the repository, such as `blobs/sha256:…` */
  url(path: string): string {
    const { origin, repository } = this.#options.name;
    return `${origin}/v2/${repository}/${path}`;
  }

  /** What goes into the Authorization header by now. */
  get authorization(): string | undefined {
    return this.#token === undefined ? undefined : `Bearer ${this.#token}`;
  }

  /**
   * @param url whole, or a path below the repository
   * @returns whatever the registry answers that is not "log in" or "try later"
   * @throws ApiError source_unreachable, source_refused; what the signal was aborted with
   */
  async request(url: string, request: RegistryRequest = {}): Promise<Response> {
    const { limits, signal } = this.#options;
    const whole = URL.canParse(url) ? url : this.url(url);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#loggedIn(whole, request);
      } catch (error) {
        signal.throwIfAborted();
        if (!isApiError(error) || error.code !== 'source_unreachable' || attempt >= limits.tries) throw error;
        await sleep(backoffDelay(attempt - 1, limits.retry), signal);
      }
    }
  }

  async #loggedIn(url: string, request: RegistryRequest): Promise<Response> {
    const { name, key } = this.#options;
    const first = await this.#send(url, request);
    if (first.status !== 401) return first;
    await first.body?.cancel();
    const challenge = parseChallenge(first.headers.get('www-authenticate') ?? '');
    if (challenge === undefined)
      throw new ApiError(
        'source_refused',
        `The registry ${name.origin} asks for a log-in that is not known here.`,
      );
    this.#token = await this.#bounded((signal) =>
      key().then((of) => fetchToken(challenge, name.origin, of, signal)),
    );
    const second = await this.#send(url, request);
    if (second.status !== 401) return second;
    await second.body?.cancel();
    throw new ApiError(
      'source_refused',
      `The registry ${name.origin} does not let this agent in (status 401).`,
    );
  }

  async #send(
    url: string,
    { method = 'GET', headers = {}, body, timeoutMs }: RegistryRequest,
  ): Promise<Response> {
    const { name } = this.#options;
    // What belongs to the registry goes nowhere else.
    const own = new URL(url).origin === new URL(name.origin).origin;
    const response = await this.#bounded(
      (signal) =>
        fetch(url, {
          method,
          signal,
          headers: {
            'user-agent': 'ollamamax',
            ...headers,
            ...(own && this.authorization !== undefined ? { authorization: this.authorization } : {}),
          },
          ...(body === undefined ? {} : { body: body(), duplex: 'half' }),
        }),
      timeoutMs,
    );
    if (!isBusy(response.status)) return response;
    await response.body?.cancel();
    throw this.#unreachable(`it answers with status ${response.status}`);
  }

  async #bounded<T>(
    work: (signal: AbortSignal) => Promise<T>,
    ms = this.#options.limits.requestMs,
  ): Promise<T> {
    const { signal } = this.#options;
    try {
      return await work(AbortSignal.any([signal, AbortSignal.timeout(ms)]));
    } catch (error) {
      signal.throwIfAborted();
      if (isApiError(error)) throw error;
      const { cause, name } = error as Error & { readonly cause?: { readonly code?: string } };
      const reason = name === 'TimeoutError' ? `it said nothing for ${ms / 1000} s` : 'the connection failed';
      throw this.#unreachable(cause?.code === undefined ? reason : `${reason} (${cause.code})`);
    }
  }

  #unreachable(reason: string): ApiError {
    return new ApiError(
      'source_unreachable',
      `The registry ${this.#options.name.origin} cannot be used: ${reason}.`,
    );
  }
}
