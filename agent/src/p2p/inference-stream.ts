import type { IncomingMessage } from 'node:http';
import { performance } from 'node:perf_hooks';
import { ApiError, fromWireError, internalPaths, isApiError } from '@ollamamax/api';
import type { InferenceEvent, InferenceRequest } from '@ollamamax/api';
import { LineSplitter } from './ndjson-lines.ts';
import { abortError } from './peer-link.ts';
import type { PeerLink } from './peer-link.ts';

/** What a stream needs of the peer it comes from. */
export interface StreamPeer {
  readonly link: PeerLink;
  /** Where each stream puts the function that cuts it when it has been silent since the peer was lost. */
  readonly streams: Set<(lostSince: number) => void>;
  /** Asks the peer for its status now. */
  wake(): void;
}

export interface InferenceStreamOptions {
  readonly peerId: string;
  /** @throws ApiError agent_unreachable */
  readonly peer: () => StreamPeer;
  readonly request: InferenceRequest;
  readonly signal: AbortSignal;
  /** Milliseconds; 0: no limit. */
  readonly limits: { readonly firstByteMs: number; readonly idleMs: number };
}

const maxLineBytes = 8 * 1024 * 1024;
const eventTypes: ReadonlySet<unknown> = new Set<InferenceEvent['type']>([
  'queue',
  'text',
  'thinking',
  'tool_calls',
  'embeddings',
  'scores',
  'tokens',
  'done',
  'error',
]);

const parseEvent = (line: string): InferenceEvent => {
  const event = JSON.parse(line) as { readonly type?: unknown } | null;
  if (!eventTypes.has(event?.type)) throw new SyntaxError('a line is not an event');
  return event as InferenceEvent;
};

/**
 * Runs a request on a peer and yields its events.
 * @throws ApiError the peer's own; agent_unreachable when the connection fails, breaks before `done` or falls
 * silent for too long; what `signal` was aborted with. The connection is closed whenever the stream is left early.
 */
export async function* streamInference(options: InferenceStreamOptions): AsyncGenerator<InferenceEvent> {
  const { peerId, limits } = options;
  const peer = options.peer();
  const own = new AbortController();
  const { signal } = own;
  const onAbort = (): void => own.abort(options.signal.reason);
  if (options.signal.aborted) onAbort();
  else options.signal.addEventListener('abort', onAbort, { once: true });
  const fail = (why: string): void => {
    own.abort(new ApiError('agent_unreachable', `Agent ${peerId} went away: ${why}.`));
  };
  let heardAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const expectBytesWithin = (ms: number, what: string): void => {
    clearTimeout(timer);
    timer = ms === 0 ? undefined : setTimeout(() => fail(`${what} within ${ms} ms`), ms);
  };
  const onLost = (lostSince: number): void => {
    if (heardAt < lostSince) fail('it has not answered for some time');
  };

  peer.streams.add(onLost);
  expectBytesWithin(limits.firstByteMs, 'no answer');
  let response: IncomingMessage | undefined;
  let finished = false;
  try {
    response = await peer.link.open({
      method: 'POST',
      path: internalPaths.inference,
      body: Buffer.from(JSON.stringify(options.request)),
      signal,
      stream: true,
      expectedId: peerId,
    });
    heardAt = performance.now();
    expectBytesWithin(limits.idleMs, 'no byte');
    const lines = new LineSplitter(maxLineBytes);
    // After `done` the connection is kept, so leaving the loop must not destroy the answer.
    for await (const chunk of response.iterator({ destroyOnReturn: false })) {
      heardAt = performance.now();
      // The reader's own pace is no silence of the peer.
      clearTimeout(timer);
      for (const line of lines.push(chunk as Buffer)) {
        const event = parseEvent(line);
        if (event.type === 'error') throw fromWireError(event.error);
        // Before it is given away: nobody needs to ask for more after `done`.
        finished = event.type === 'done';
        yield event;
        if (finished) return;
      }
      expectBytesWithin(limits.idleMs, 'no byte');
    }
    throw new Error('the answer ended early');
  } catch (error) {
    // Whatever went wrong with the peer, its next status says more; a refused one should not wait for it.
    if (!options.signal.aborted) peer.wake();
    if (signal.aborted) throw abortError(signal);
    if (isApiError(error)) throw error;
    throw new ApiError(
      'agent_unreachable',
      `Agent ${peerId} went away: ${error instanceof Error ? error.message : String(error)}.`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', onAbort);
    peer.streams.delete(onLost);
    // After `done` only the end of the answer follows; reading it gives the connection back.
    if (finished) response?.resume();
    else response?.destroy();
  }
}
