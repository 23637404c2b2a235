import { isApiError } from '@ollamamax/api';
import type { Logger, TlsMaterial } from '@ollamamax/common';
import type { Failpoints } from '../runtime/index.ts';
import { createAgentClient, type AgentAddress, type AgentClient, type MemberCall } from './agent-client.ts';

/** With whom to speak about a cluster. */
export interface MemberCallTarget {
  /** Name of the cluster in certificates. */
  readonly cluster: string;
  readonly tls: TlsMaterial;
  readonly agent: AgentAddress;
}

/** The call that was made last, when it failed. */
export interface FailedCall {
  readonly call: MemberCall;
  readonly message: string;
}

/**
 * Makes calls that may take long, one at a time for each cluster, so that no reconcile waits for them. What came of a
 * call is seen in what agents say afterwards; only that it failed is told here.
 */
export interface MemberCaller {
  /** Has this call made, unless one is on its way or the same was made a moment ago. */
  want(key: string, target: MemberCallTarget, call: MemberCall): void;
  failed(key: string): FailedCall | undefined;
  /** A call is on its way. */
  busy(key: string): boolean;
  /** Milliseconds since a call has ended, well or not; Infinity when there was none. */
  sinceMs(key: string): number;
  forget(key: string): void;
  stop(): Promise<void>;
}

export interface MemberCallerOptions {
  readonly log: Logger;
  readonly failpoints: Failpoints;
  /** A call has ended, or may be tried again. */
  readonly onEnd: (key: string) => void;
  readonly monotonic: () => number;
  readonly port?: number;
  /** Milliseconds before the same is tried again: after the first failure, at most; after a success. */
  readonly backoff?: { readonly minMs: number; readonly maxMs: number; readonly settleMs: number };
}

interface Entry {
  /** What was asked last, as text, to tell it from another call. */
  text: string;
  failures: number;
  failed: FailedCall | undefined;
  /** Monotonic; undefined before the first one has ended. */
  endedAt: number | undefined;
  /** Monotonic: before that the same is not asked again. */
  notBefore: number;
  running: Promise<void> | undefined;
  readonly client: AgentClient;
  timer: NodeJS.Timeout | undefined;
}

const describe = (call: MemberCall): string =>
  'agent' in call ? `${call.kind} ${call.agent}` : `${call.kind} ${call.at}`;

export const createMemberCaller = (options: MemberCallerOptions): MemberCaller => {
  const { log, failpoints, onEnd, monotonic, port } = options;
  const { minMs, maxMs, settleMs } = options.backoff ?? { minMs: 2000, maxMs: 60_000, settleMs: 2000 };
  const entries = new Map<string, Entry>();
  let stopped = false;

  const run = async (key: string, entry: Entry, agent: AgentAddress, call: MemberCall): Promise<void> => {
    log.info('Asks an agent', { key, at: call.at, call: describe(call) });
    let waitMs = settleMs;
    try {
      await failpoints.hit(`before call ${describe(call)}`);
      await entry.client.ask(agent, call);
      await failpoints.hit(`after call ${describe(call)}`);
      entry.failures = 0;
      entry.failed = undefined;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const code = isApiError(error) ? error.code : 'internal';
      log.warn('An agent did not do what it was asked', { key, call: describe(call), code, detail: message });
      entry.failed = { call, message };
      waitMs = Math.min(maxMs, minMs * 2 ** entry.failures);
      entry.failures += 1;
    }
    entry.client.close();
    entry.running = undefined;
    entry.endedAt = monotonic();
    entry.notBefore = entry.endedAt + waitMs;
    if (stopped || entries.get(key) !== entry) return;
    // Nobody else would say that it may be tried again.
    entry.timer = setTimeout(() => onEnd(key), waitMs + 20);
    onEnd(key);
  };

  const end = (key: string): Promise<void> | undefined => {
    const entry = entries.get(key);
    entries.delete(key);
    clearTimeout(entry?.timer);
    entry?.client.close();
    return entry?.running;
  };

  return {
    want: (key, { cluster, tls, agent }, call) => {
      const known = entries.get(key);
      if (stopped || known?.running !== undefined) return;
      const text = JSON.stringify(call);
      const same = known?.text === text;
      if (same && monotonic() < known.notBefore) return;
      clearTimeout(known?.timer);
      const entry: Entry = {
        text,
        failures: same ? known.failures : 0,
        failed: same ? known.failed : undefined,
        endedAt: known?.endedAt,
        notBefore: 0,
        running: undefined,
        client: createAgentClient(cluster, tls, port),
        timer: undefined,
      };
      entries.set(key, entry);
      entry.running = run(key, entry, agent, call);
    },
    failed: (key) => entries.get(key)?.failed,
    busy: (key) => entries.get(key)?.running !== undefined,
    sinceMs: (key) => monotonic() - (entries.get(key)?.endedAt ?? -Infinity),
    forget: (key) => {
      void end(key);
    },
    stop: async () => {
      stopped = true;
      await Promise.all([...entries.keys()].map((key) => end(key) ?? Promise.resolve()));
    },
  };
};
