import { request as httpRequest } from 'node:http';
import type { Agent } from 'node:http';
import { performance } from 'node:perf_hooks';
import { BenchRefused } from './bench.ts';

/** One request as it is sent; the same shape as often as one likes. */
export interface Shot {
  readonly kind: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** What is wrong with the answer; undefined when it is right. Called after the slice, off the clock. */
  readonly problem: (body: string) => string | undefined;
}

/** Milliseconds from the time at which the request was to be sent. */
export interface Timing {
  readonly kind: string;
  readonly firstByteMs: number;
  readonly lastByteMs: number;
}

export interface Slice {
  readonly timings: readonly Timing[];
  /** One line per request that failed or was answered wrongly. */
  readonly errors: readonly string[];
}

interface Outcome {
  readonly shot: Shot;
  readonly firstByteMs: number;
  readonly lastByteMs: number;
  readonly body: string;
  readonly error?: string;
}

const requestDeadlineMs = 20_000;

const send = (shot: Shot, agent: Agent, intended: number): Promise<Outcome> =>
  new Promise((resolve) => {
    let firstByteMs = Number.NaN;
    const chunks: Buffer[] = [];
    const settle = (error?: string): void => {
      resolve({
        shot,
        firstByteMs,
        lastByteMs: performance.now() - intended,
        body: Buffer.concat(chunks).toString(),
        ...(error === undefined ? {} : { error }),
      });
    };
    const request = httpRequest(shot.url, {
      agent,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(shot.body),
        ...shot.headers,
      },
    });
    request.setTimeout(requestDeadlineMs, () => request.destroy(new Error('no answer in time')));
    request.once('response', (response) => {
      response.on('data', (chunk: Buffer) => {
        if (chunks.length === 0) firstByteMs = performance.now() - intended;
        chunks.push(chunk);
      });
      response.once('end', () =>
        settle(response.statusCode === 200 ? undefined : `HTTP status ${response.statusCode ?? 0}`),
      );
      response.once('error', (error) => settle(error.message));
    });
    request.once('error', (error) => settle(error.message));
    request.end(shot.body);
  });

const judge = (outcome: Outcome): string | undefined => {
  const what = outcome.error ?? outcome.shot.problem(outcome.body);
  return what === undefined ? undefined : `${outcome.shot.kind}: ${what} ${outcome.body.slice(0, 200)}`;
};

/**
 * Sends shots at a fixed rate, whether or not earlier ones have been answered, and waits for all answers.
 * Times count from when a request was to be sent, so a stall of the server, or of this process, is not left out.
 */
export const openLoop = async (options: {
  readonly shots: readonly Shot[];
  readonly agent: Agent;
  readonly ratePerSecond: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
}): Promise<Slice> => {
  const { shots, agent, ratePerSecond } = options;
  const count = Math.round(ratePerSecond * options.seconds);
  const start = performance.now() + 20;
  const sent: Promise<Outcome>[] = [];
  while (sent.length < count && !options.signal.aborted) {
    const next = start + (sent.length * 1000) / ratePerSecond;
    const wait = next - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const shot = shots[sent.length % shots.length];
    if (shot === undefined) throw new RangeError('nothing to send');
    sent.push(send(shot, agent, next));
  }
  const outcomes = await Promise.all(sent);
  options.signal.throwIfAborted();
  return {
    timings: outcomes.map(({ shot, firstByteMs, lastByteMs }) => ({
      kind: shot.kind,
      firstByteMs,
      lastByteMs,
    })),
    errors: outcomes.map(judge).filter((problem) => problem !== undefined),
  };
};

/** @throws BenchRefused when a request of the slice failed: what is fast and wrong is not fast */
export const assertSound = (candidate: string, slice: Slice): void => {
  const [first] = slice.errors;
  if (first !== undefined)
    throw new BenchRefused(`${slice.errors.length} requests through ${candidate} failed: ${first}`);
};
