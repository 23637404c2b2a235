import { performance } from 'node:perf_hooks';
import { percentile } from '../harness/statistics.ts';
import { chat, leavableChat, type ChatOutcome, type ChatRequest } from './chat-client.ts';
import type { Engine } from './engine.ts';
import { chancesOf, type Prompts } from './prompts.ts';

/** What every load is given: the engines of a round get the same texts, and no text comes twice in a run. */
export interface LoadContext {
  readonly prompts: Prompts;
  /** Different in every round. */
  readonly seed: string;
  readonly signal: AbortSignal;
}

/** Tokens of an ordinary request. */
export interface RequestSize {
  readonly prompt: number;
  readonly tokens: number;
}

const range = (count: number): readonly number[] => Array.from({ length: count }, (_unused, index) => index);

const request = (context: LoadContext, client: number | string, size: RequestSize): ChatRequest => ({
  prompt: context.prompts(`${context.seed} client ${client}`, size.prompt),
  tokens: size.tokens,
});

/** Ends of the answers, which must be the same with all engines. */
export interface Work {
  readonly promptTokens: number;
  readonly tokens: number;
}

const workOf = (outcomes: readonly ChatOutcome[]): Work => ({
  promptTokens: outcomes.reduce((sum, { promptTokens }) => sum + promptTokens, 0),
  tokens: outcomes.reduce((sum, { tokens }) => sum + tokens, 0),
});

/** All requests at once; tokens per second from the first request to the last token. */
const together = async (
  engine: Engine,
  context: LoadContext,
  requests: readonly ChatRequest[],
): Promise<Work & { readonly tokensPerSecond: number }> => {
  const start = performance.now();
  const outcomes = await Promise.all(requests.map((one) => chat(engine, one, context)));
  const work = workOf(outcomes);
  const seconds = (Math.max(...outcomes.map(({ endAt }) => endAt)) - start) / 1000;
  return { ...work, tokensPerSecond: work.tokens / seconds };
};

/** All clients at once. */
export const aggregate = (
  engine: Engine,
  context: LoadContext,
  clients: number,
  size: RequestSize,
  schema?: object,
): ReturnType<typeof together> =>
  together(
    engine,
    context,
    range(clients).map((client) => ({
      ...request(context, client, size),
      ...(schema === undefined ? {} : { schema }),
    })),
  );

const someOf = (...values: readonly string[]): object => ({ enum: values });
const columns = {
  identifier_of_the_item: someOf('red', 'green', 'blue', 'yellow'),
  description_of_the_item: someOf('small', 'large', 'round', 'square'),
  warehouse_location: someOf('north', 'south', 'east', 'west'),
  is_available: { type: 'boolean' },
};
/** More rows than an answer has room for. */
const table = {
  type: 'array',
  items: {
    type: 'object',
    properties: columns,
    required: Object.keys(columns),
    additionalProperties: false,
  },
  minItems: 64,
};

/** All clients at once, each of whom is answered with rows of a table in JSON. */
export const repeatedRows = (
  engine: Engine,
  context: LoadContext,
  clients: number,
  tokens: number,
): ReturnType<typeof together> =>
  together(
    engine,
    context,
    range(clients).map((client) => ({
      prompt: `List the items of ${context.prompts(`${context.seed} client ${client}`, 2)} as JSON.`,
      tokens,
      schema: table,
    })),
  );

const subjects = ['a fox and a lantern', 'a boy and a boat', 'an owl and the moon', 'a girl and her dog'];

/** All clients at once, each of whom is told a story, which ends later than the tokens do. */
export const stories = (
  engine: Engine,
  context: LoadContext,
  clients: number,
  tokens: number,
): ReturnType<typeof together> =>
  together(
    engine,
    context,
    range(clients).map((client) => ({
      prompt: `Write a short story about ${subjects[client % subjects.length] ?? ''}.`,
      tokens,
    })),
  );

/** Tokens that had come at a time, by the share of the text: pieces may hold more than one token. */
const tokensUntil = (outcome: ChatOutcome, at: number): number => {
  const seen = outcome.marks.findLast((mark) => mark.at <= at)?.characters ?? 0;
  return (outcome.tokens * seen) / outcome.text.length;
};

/** Every second client leaves after a third of its answer; tokens per second of the others from then on. */
export const leavingEarly = async (
  engine: Engine,
  context: LoadContext,
  clients: number,
  size: RequestSize,
): Promise<Work & { readonly tokensPerSecond: number }> => {
  const leaves = (client: number): boolean => client % 2 === 1;
  let leftAt = 0;
  const leaver = async (client: number): Promise<void> => {
    const third = Promise.withResolvers<undefined>();
    const leaving = leavableChat(engine, request(context, client, size), {
      ...context,
      onPiece: (pieces) => {
        if (pieces >= size.tokens / 3) third.resolve(undefined);
      },
    });
    await Promise.race([third.promise, leaving.ended]);
    await leaving.leave();
    leftAt = Math.max(leftAt, performance.now());
  };
  const [outcomes] = await Promise.all([
    Promise.all(
      range(clients)
        .filter((client) => !leaves(client))
        .map((client) => chat(engine, request(context, client, size), context)),
    ),
    Promise.all(range(clients).filter(leaves).map(leaver)),
  ]);
  const left = outcomes.reduce((sum, outcome) => sum + outcome.tokens - tokensUntil(outcome, leftAt), 0);
  const seconds = (Math.max(...outcomes.map(({ endAt }) => endAt)) - leftAt) / 1000;
  return { ...workOf(outcomes), tokensPerSecond: left / seconds };
};

/** Times to the first token in milliseconds. */
export interface FirstToken {
  readonly p50: number;
  readonly p95: number;
}

/** Clients that come when they come, whether or not earlier ones have been answered. */
export const arrivals = async (
  engine: Engine,
  context: LoadContext,
  perSecond: number,
  seconds: number,
  size: RequestSize,
): Promise<Work & FirstToken> => {
  const chance = chancesOf(`${context.seed} arrivals`);
  const start = performance.now();
  const sent: Promise<number>[] = [];
  const outcomes: ChatOutcome[] = [];
  const client = async (number: number, due: number): Promise<number> => {
    const outcome = await chat(engine, request(context, number, size), context);
    outcomes.push(outcome);
    return outcome.firstAt - due;
  };
  const count = Math.max(1, Math.round(perSecond * seconds));
  // As many in every round, at times that are spread like those of clients who do not know each other.
  const gaps = range(count).map(() => -Math.log(chance()));
  const scale = (seconds * 1000) / gaps.reduce((sum, gap) => sum + gap, 0);
  let due = start;
  for (const [number, gap] of gaps.entries()) {
    due += gap * scale;
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    context.signal.throwIfAborted();
    sent.push(client(number, due));
  }
  const times = await Promise.all(sent);
  return { ...workOf(outcomes), p50: percentile(times, 0.5), p95: percentile(times, 0.95) };
};

/** Longest gap of running streams, and time to the first token of the newcomer, in milliseconds. */
export interface Stall {
  readonly gapMs: number;
  readonly newcomerMs: number;
}

/** A long prompt arrives while others are being answered. */
export const longPromptArrives = async (
  engine: Engine,
  context: LoadContext,
  running: number,
  promptTokens: number,
  runningTokens: number,
): Promise<Work & Stall> => {
  const warm = 8;
  const streams = range(running).map((client) => {
    const begun = Promise.withResolvers<undefined>();
    const stream = leavableChat(engine, request(context, client, { prompt: 32, tokens: runningTokens }), {
      ...context,
      onPiece: (pieces) => {
        if (pieces >= warm) begun.resolve(undefined);
      },
    });
    return { begun: Promise.race([begun.promise, stream.ended]), stream };
  });
  await Promise.all(streams.map(({ begun }) => begun));
  const newcomer = await chat(
    engine,
    request(context, 'newcomer', { prompt: promptTokens, tokens: warm }),
    context,
  );
  const gaps = streams.map(({ stream }) => longestGap([...stream.times, performance.now()], newcomer.sentAt));
  for (const { stream } of streams) await stream.leave();
  return { ...workOf([newcomer]), gapMs: Math.max(...gaps), newcomerMs: newcomer.firstAt - newcomer.sentAt };
};

/** Longest time between two pieces, of which the second came after `from`. */
const longestGap = (times: readonly number[], from: number): number =>
  Math.max(...times.map((at, index) => (at > from && index > 0 ? at - (times[index - 1] ?? at) : 0)));

/** Median times to the first token in milliseconds, of clients who come at once with a long prompt. */
export interface SharedPrefix {
  /** Each has its own, which nobody has brought before; 0 where that was not measured. */
  readonly coldMs: number;
  /** All have one that somebody has brought before. */
  readonly warmMs: number;
}

/**
 * A long system prompt: one client alone, then several at once who have it in common with the first.
 * @param withStrangers also as many at once who have nothing in common with anybody
 */
export const sharedPrefix = async (
  engine: Engine,
  context: LoadContext,
  clients: number,
  systemTokens: number,
  size: RequestSize,
  withStrangers: boolean,
): Promise<Work & SharedPrefix> => {
  const ask = (client: number | string, system: string): Promise<ChatOutcome> =>
    chat(
      engine,
      {
        ...request(context, client, size),
        system: context.prompts(`${context.seed} ${system}`, systemTokens),
      },
      context,
    );
  const first = await ask('first', 'system');
  const others = await Promise.all(range(clients).map((client) => ask(client, 'system')));
  const strangers = withStrangers
    ? await Promise.all(range(clients).map((client) => ask(`stranger ${client}`, `system ${client}`)))
    : [];
  const median = (outcomes: readonly ChatOutcome[]): number =>
    outcomes.length === 0
      ? 0
      : percentile(
          outcomes.map(({ firstAt, sentAt }) => firstAt - sentAt),
          0.5,
        );
  return { ...workOf([first, ...others]), coldMs: median(strangers), warmMs: median(others) };
};
