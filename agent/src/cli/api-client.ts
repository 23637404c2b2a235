import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { resolve } from 'node:path';
import {
  compileValidator,
  describeProblems,
  errorCatalogue,
  fromWireError,
  isErrorCode,
  routes,
} from '@ollamamax/api';
import { CliError, exitCodes, usageError } from './cli-error.ts';
import type { CliContext } from './context.ts';

/** Where the API of an agent is, and as whom it is called. */
export interface ConnectionOptions {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
}

/** Changes of the members and snapshots take their time; agents give up on them sooner. */
const timeoutMs = 120_000;
/** More than any catalogue has. */
const maxAnswerBytes = 512 * 1024 * 1024;
const urlDefault = 'http://127.0.0.1:8080';

/** Those that this program calls. */
type CalledRoute =
  | 'consensus'
  | 'clusterStatus'
  | 'clusterBootstrap'
  | 'clusterJoin'
  | 'clusterLeave'
  | 'clusterTransfer'
  | 'clusterSnapshot'
  | 'clusterBackup'
  | 'clusterRestore';
type Checked<Id extends CalledRoute> = ReturnType<
  ReturnType<typeof compileValidator<(typeof routes)[Id]['response']>>
>;
type Answer<Id extends CalledRoute> = Extract<Checked<Id>, { readonly ok: true }>['value'];

interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

const urlOf = (options: ConnectionOptions, env: CliContext['env']): URL => {
  const fromEnv = env.OLLAMAMAX_URL === '' ? undefined : env.OLLAMAMAX_URL;
  const text = options.url ?? fromEnv ?? urlDefault;
  const url = URL.parse(text);
  const name = options.url === undefined ? 'OLLAMAMAX_URL' : '--url';
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw usageError(`${name} ${text} is not a URL.`, `Give the API of an agent, such as ${urlDefault}.`);
  if (url.username !== '' || url.password !== '')
    throw usageError(`${name} holds a user or a password.`, 'Log in and give the token with --token-file.');
  if (options.ca !== undefined && url.protocol === 'http:')
    throw usageError(`--ca is of no use with ${url.origin}.`, 'Give a URL that begins with https://.');
  return url;
};

const readGiven = async (option: string, file: string, context: CliContext): Promise<string> => {
  const path = resolve(context.cwd, file);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code = 'an error' } = error as NodeJS.ErrnoException;
    throw usageError(`${option} ${path} cannot be read (${code}).`, 'Name a file that you may read.');
  }
  if (text.trim() === '') throw usageError(`${option} ${path} is empty.`, 'Name the right file.');
  return text;
};

/** Never an argument: those are seen by everybody on the machine. */
const tokenOf = async (options: ConnectionOptions, context: CliContext): Promise<string | undefined> => {
  const token =
    options.tokenFile === undefined
      ? context.env.OLLAMAMAX_TOKEN
      : await readGiven('--token-file', options.tokenFile, context);
  return token === undefined || token.trim() === '' ? undefined : token.trim();
};

const readAll = (response: IncomingMessage): Promise<string> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('error', reject);
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxAnswerBytes) response.destroy(new Error('its answer is too long'));
      else chunks.push(chunk);
    });
    response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
  });

const unexpected = (url: URL, what: string): CliError =>
  new CliError({
    code: 'unexpected_answer',
    what: 'The answer is not one of an agent of this version.',
    why: `${url.origin}: ${what}.`,
    action: 'Check that --url names the API of an agent, and that it runs the version of this program.',
    exitCode: exitCodes.failure,
  });

const unreachable = (url: URL, error: Error): CliError => {
  const { code } = error as NodeJS.ErrnoException;
  const isTls = url.protocol === 'https:' && /CERT|SIGNATURE|SELF_SIGNED|TLS|SSL/.test(code ?? '');
  const timedOut = error.name === 'TimeoutError' || code === 'ABORT_ERR';
  return new CliError({
    code: timedOut ? 'deadline_exceeded' : 'agent_unreachable',
    what: timedOut ? 'The agent did not answer in time.' : 'The agent cannot be reached.',
    why: `${url.origin}: ${timedOut ? `no answer within ${timeoutMs / 1000} s` : error.message || (code ?? 'no connection')}`,
    action: isTls
      ? 'Name the authority of its certificate with --ca, and the host as the certificate has it.'
      : 'Check that it runs, and name its API with --url or OLLAMAMAX_URL.',
    exitCode: timedOut ? exitCodes.timedOut : exitCodes.unreachable,
  });
};

/** An error as the agent tells it: RFC 9457 with our code. */
const refusal = (url: URL, { status, text }: RawAnswer, hasToken: boolean): Error => {
  let body: Record<string, unknown> = {};
  try {
    body = (JSON.parse(text) as Record<string, unknown> | null) ?? {};
  } catch {
    // Not one of ours.
  }
  const { code, detail } = body;
  if (!isErrorCode(code)) return unexpected(url, `status ${status}`);
  const message = typeof detail === 'string' ? detail : errorCatalogue[code].summary;
  if (code !== 'unauthenticated' && code !== 'token_expired') return fromWireError({ code, message });
  return new CliError({
    code,
    what: errorCatalogue[code].summary,
    why: hasToken ? message : 'No token was given.',
    action:
      'Log in with POST /api/v1/auth/login, and give the token by --token-file FILE or in OLLAMAMAX_TOKEN.',
    exitCode: exitCodes.notPermitted,
  });
};

/** Calls the API of one agent. */
export class ApiClient {
  readonly url: URL;
  readonly #token: string | undefined;
  readonly #ca: string | undefined;

  constructor(url: URL, token: string | undefined, ca: string | undefined) {
    this.url = url;
    this.#token = token;
    this.#ca = ca;
  }

  /** @throws CliError, ApiError: whatever the agent answers */
  async call<Id extends CalledRoute>(id: Id, body?: object): Promise<Answer<Id>> {
    const route = routes[id];
    const answer = await this.#send(route.method, route.path, body).catch((error: unknown) => {
      throw unreachable(this.url, error as Error);
    });
    if (answer.status < 200 || answer.status > 299)
      throw refusal(this.url, answer, this.#token !== undefined);
    let value: unknown;
    try {
      value = JSON.parse(answer.text);
    } catch {
      throw unexpected(this.url, 'it is not JSON');
    }
    // Checking fills in defaults: not in what a backup is to hold.
    const checked = compileValidator(route.response)(structuredClone(value));
    if (!checked.ok) throw unexpected(this.url, describeProblems(checked.problems));
    return value as Answer<Id>;
  }

  #send(method: string, path: string, body: object | undefined): Promise<RawAnswer> {
    const url = new URL(path, this.url);
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const options: RequestOptions & { readonly ca?: string } = {
      method: method.toUpperCase(),
      signal: AbortSignal.timeout(timeoutMs),
      agent: false,
      headers: {
        accept: 'application/json',
        'user-agent': 'ollamamax',
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        ...(payload === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': payload.length }),
      },
      ...(this.#ca === undefined ? {} : { ca: this.#ca }),
    };
    return new Promise((resolve, reject) => {
      const sent = url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options);
      sent.on('error', reject);
      sent.on('response', (response) => {
        readAll(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
      });
      sent.end(payload);
    });
  }
}

/** @throws CliError usage */
export const connect = async (options: ConnectionOptions, context: CliContext): Promise<ApiClient> => {
  const url = urlOf(options, context.env);
  const token = await tokenOf(options, context);
  const ca = options.ca === undefined ? undefined : await readGiven('--ca', options.ca, context);
  return new ApiClient(url, token, ca);
};
