import { ApiError, type CatalogOperation } from '@ollamamax/api';
import { backoffDelay, sleep } from '@ollamamax/common';
import type { Answer } from './state/catalog-state.ts';
import { encodeCommand } from './state/encode-command.ts';
import type { RaftThread } from './thread/raft-thread.ts';

/** A client that waits 4 s gets an answer of ours, not its own time-out. */
const defaultPatienceMs = 3500;
const retry = { minMs: 30, maxMs: 300 } as const;

/** @returns undefined when it took longer; what it comes to then is not waited for */
export const within = async <T>(work: Promise<T>, ms: number): Promise<T | undefined> => {
  const over = new AbortController();
  const late = sleep(Math.max(0, ms), over.signal).then(
    () => undefined,
    () => undefined,
  );
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
};

/**
 * Has the group agree to an operation, tried again while nobody leads or it is not known what became of it: each of
 * ours comes to the same however often it is applied.
 * @param thread throws when there is no member that works
 * @returns the machine's answer to it
 * @throws ApiError not_a_member, no_leader, outcome_unknown, body_too_large, or why it was refused
 */
export const agree = async (
  thread: () => RaftThread,
  operation: CatalogOperation,
  patienceMs = defaultPatienceMs,
): Promise<Readonly<Record<string, unknown>>> => {
  const payload = encodeCommand({ format: 1, operation });
  const deadline = performance.now() + patienceMs;
  let mayBeApplied = false;
  for (let attempt = 0; ; attempt += 1) {
    const member = thread();
    const outcome = await within(member.propose(payload), deadline - performance.now());
    if (outcome?.kind === 'applied') {
      const answer = outcome.result as Answer;
      if (answer.ok) return answer.value;
      throw new ApiError(answer.code, answer.message);
    }
    if (outcome?.kind === 'refused' && outcome.reason === 'tooLarge')
      throw new ApiError('body_too_large', 'What was asked for is too large to be agreed on.');
    mayBeApplied ||= outcome?.kind !== 'refused';
    if (performance.now() >= deadline) {
      if (mayBeApplied) throw new ApiError('outcome_unknown');
      throw new ApiError(
        outcome?.kind === 'refused' && outcome.reason === 'stopped' ? 'not_a_member' : 'no_leader',
      );
    }
    await sleep(backoffDelay(attempt, retry));
  }
};

/**
 * Waits until the replica holds all that was agreed on before the call.
 * @throws ApiError not_a_member, no_leader
 */
export const catchUp = async (thread: () => RaftThread, patienceMs = defaultPatienceMs): Promise<number> => {
  const deadline = performance.now() + patienceMs;
  for (let attempt = 0; ; attempt += 1) {
    const member = thread();
    const index = await within(member.read(), deadline - performance.now());
    if (index !== undefined) return index;
    if (performance.now() >= deadline) throw new ApiError('no_leader');
    await sleep(backoffDelay(attempt, retry));
  }
};
