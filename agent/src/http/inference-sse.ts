import type { StreamEvent } from './inference-calls.ts';

export const eventStream = 'text/event-stream; charset=utf-8';

/** One server-sent event without a name. */
export const sseData = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;

/** One server-sent event that is named as its type. */
export const sseNamed = (value: { readonly type: string }): string =>
  `event: ${value.type}\n${sseData(value)}`;

/** A comment, which clients skip, that tells where a request stands while it waits. */
export const sseQueue = ({
  position,
  expectedWaitSeconds,
}: Extract<StreamEvent, { type: 'queue' }>): string =>
  `: queue position=${position} expected-wait=${Number(expectedWaitSeconds.toFixed(3))}\n\n`;
