import { backoffDelay, type Logger } from '@ollamamax/common';
import { deadline, wait, type Clock } from './clock.ts';
import type { KubeConnection } from './connection.ts';
import { errorOfStatus, isKubeError, KubeError, type Status } from './kube-error.ts';
import type { RequestObserver } from './kube-metrics.ts';
import { mayRetry, retryAfterMs } from './retry.ts';
import type { HttpAnswer, HttpRequest, Transport } from './transport.ts';

export interface Call {
  /** As in audit logs: `get`, `list`, `apply`, ... */
  readonly verb: string;
  readonly resource: string;
  readonly method: HttpRequest['method'];
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string | undefined;
  /** Sending it twice does what sending it once does. */
  readonly repeatable: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface ExchangeOptions {
  readonly transport: Transport;
  readonly connection: KubeConnection;
  readonly log: Logger;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly random: () => number;
  readonly observe: RequestObserver;
}

/** The API server's own bound on what it stores is far below; a page of a list is not bounded by it. */
const longestErrorBody = 1 << 20;
const mostRetries = 8;
const mostWarnings = 100;
const pause = { minMs: 100, maxMs: 2000 };

/** Calls to the API server, each with a deadline, sent again where that is safe and of use. */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #warned = new Set<string>();

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** The whole answer. @throws KubeError, or the reason of the call's signal */
  json(call: Call): Promise<unknown> {
    return this.#call(call, async ({ body }) => JSON.parse(await body.text()) as unknown);
  }

  /** The answer as it comes. The deadline is for its beginning; from there on only `life` ends it. */
  stream(call: Call, life: AbortSignal): Promise<HttpAnswer['body']> {
    return this.#call(call, ({ body }) => Promise.resolve(body), life);
  }

  async #call<R>(call: Call, read: (answer: HttpAnswer) => Promise<R>, life?: AbortSignal): Promise<R> {
    const { clock, timeoutMs: usual } = this.#options;
    const what = `${call.method} ${call.path.split('?', 1)[0] ?? ''}`;
    const ms = call.timeoutMs ?? usual;
    const late = (): KubeError =>
      new KubeError({ code: 0, reason: 'Timeout', message: `${what}: no answer within ${ms} ms` });
    const bound = deadline(clock, ms, late, call.signal);
    const endsAt = clock.monotonic() + ms;
    // A stream outlives the deadline of its beginning: it is cut by its own signal.
    const cut = new AbortController();
    const onAbort = (): void => cut.abort(bound.signal.reason);
    bound.signal.addEventListener('abort', onAbort, { once: true });
    const signal = life === undefined ? bound.signal : AbortSignal.any([cut.signal, life]);
    try {
      for (let attempt = 0, refreshed = false; ; attempt += 1) {
        const sent = await this.#once(call, what, signal, read);
        if (sent.ok) {
          sent.observe(false);
          return sent.value;
        }
        signal.throwIfAborted();
        const { error, authorization } = sent;
        let delay: number | undefined;
        if ((error.code === 401 || error.reason === 'CertificateRefused') && !refreshed) {
          refreshed = true;
          if (await this.#options.connection.refresh(authorization)) delay = 0;
        } else if (attempt < mostRetries && mayRetry(error, call.repeatable)) {
          delay = error.retryAfterMs ?? backoffDelay(attempt, { ...pause, random: this.#options.random });
        }
        // A wait beyond the deadline is the caller's: the error says for how long.
        const again = delay !== undefined && clock.monotonic() + delay < endsAt;
        sent.observe(again);
        if (!again || delay === undefined) throw error;
        await wait(clock, delay, signal);
      }
    } catch (error) {
      if (isKubeError(error) || !signal.aborted) throw error;
      throw signal.reason;
    } finally {
      bound.signal.removeEventListener('abort', onAbort);
      bound.clear();
    }
  }

  async #once<R>(call: Call, what: string, signal: AbortSignal, read: (answer: HttpAnswer) => Promise<R>) {
    const { transport, connection, clock, userAgent } = this.#options;
    const authorization = await connection.authorization();
    const started = clock.monotonic();
    const observe =
      (code: string) =>
      (retried: boolean): void => {
        const seconds = (clock.monotonic() - started) / 1000;
        this.#options.observe({ verb: call.verb, resource: call.resource, code, seconds, retried });
      };
    try {
      const answer = await transport.send({
        method: call.method,
        path: call.path,
        headers: {
          accept: 'application/json',
          'user-agent': userAgent,
          ...(authorization === undefined ? {} : { authorization }),
          ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
        },
        body: call.body === undefined ? undefined : JSON.stringify(call.body),
        signal,
      });
      this.#warn(answer);
      const seen = observe(String(answer.code));
      if (answer.code >= 200 && answer.code < 300)
        return { ok: true as const, value: await read(answer), observe: seen };
      const error = await refusal(what, answer);
      return { ok: false as const, error, authorization, observe: seen };
    } catch (cause) {
      const seen = observe('<error>');
      if (signal.aborted) {
        seen(false);
        throw signal.reason;
      }
      return { ok: false as const, error: broken(what, cause), authorization, observe: seen };
    }
  }

  /** Each warning of the server once: they are about what we send, such as a deprecated version. */
  #warn(answer: HttpAnswer): void {
    const warning = answer.header('warning');
    if (warning === undefined || this.#warned.has(warning) || this.#warned.size >= mostWarnings) return;
    this.#warned.add(warning);
    this.#options.log.warn('The Kubernetes API server warns', { warning });
  }
}

const refusal = async (what: string, { code, header, body }: HttpAnswer): Promise<KubeError> => {
  let text = '';
  for await (const chunk of body) {
    text += (chunk as Buffer).toString('utf8');
    if (text.length > longestErrorBody) break;
  }
  return errorOfStatus(what, code, parseStatus(text), retryAfterMs(header('retry-after')));
};

/** A proxy in between answers with text. */
const parseStatus = (text: string): Status | undefined => {
  try {
    const value = JSON.parse(text) as Status | null;
    if (typeof value === 'object' && value?.kind === 'Status') return value;
  } catch {
    // Not JSON: its beginning is the message.
  }
  const message = text.slice(0, 200).trim();
  return message === '' ? undefined : { message };
};

const broken = (what: string, cause: unknown): KubeError => {
  const given = (cause as { code?: unknown } | null)?.code;
  const code = typeof given === 'string' ? given : '';
  const refused = /CERT|^UNABLE_TO_(GET|VERIFY)|^ERR_TLS|^ERR_SSL/.test(code);
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new KubeError({
    code: 0,
    reason: refused ? 'CertificateRefused' : cause instanceof SyntaxError ? 'BadAnswer' : 'ConnectionFailed',
    message: `${what}: ${detail}${code === '' ? '' : ` (${code})`}`,
    cause,
  });
};
