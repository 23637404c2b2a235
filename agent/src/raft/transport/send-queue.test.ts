import { describe, expect, test } from '@jest/globals';
import { message, type Message, type MessageType } from '../core/message.ts';
import { SendQueue } from './send-queue.ts';
import { entryOf } from './wire.fixture.ts';

const kib = 1024;
const append = (commit: number, bytes = 10 * kib): Message =>
  message('append', 2, { commit, entries: [entryOf(bytes)] });
const control = (commit: number, type: MessageType = 'heartbeat'): Message => message(type, 2, { commit });
const commits = (messages: readonly Message[]): number[] => messages.map(({ commit }) => commit);

const queueOf = (queueBytes = 100 * kib, controlMessages = 10) =>
  new SendQueue({ queueBytes, controlMessages });

describe('what waits for a peer', () => {
  test('leaves in order as long as the peer keeps up', () => {
    const queue = queueOf();
    for (const one of [append(1), control(2), append(3), control(4)]) queue.push(one, 0);
    expect(commits(queue.take(90 * kib))).toEqual([1, 2, 3, 4]);
    expect([queue.length, queue.bytes]).toEqual([0, 0]);
  });

  test('leaves in pieces no larger than there is room, and at least one message', () => {
    const queue = queueOf();
    for (const one of [append(1), append(2), append(3), append(4)]) queue.push(one, 0);
    expect(commits(queue.take(25 * kib))).toEqual([1, 2]);
    expect(commits(queue.take(1))).toEqual([3]);
    expect(commits(queue.take(0))).toEqual([4]);
    expect(queue.take(100)).toEqual([]);
  });

  test.each<MessageType>(['vote', 'heartbeat', 'heartbeatResp', 'appendResp', 'readIndex', 'timeoutNow'])(
    'a %s overtakes what is bulky once the peer is behind',
    (type) => {
      const queue = queueOf();
      for (const one of [append(1), append(2), append(3)]) queue.push(one, 0);
      expect(commits(queue.take(11 * kib))).toEqual([1]);
      queue.push(control(4, type), 0);
      queue.push(append(5), 0);
      expect(commits(queue.take(90 * kib))).toEqual([4, 2, 3, 5]);
      // It has caught up.
      queue.push(append(6), 0);
      queue.push(control(7), 0);
      expect(commits(queue.take(90 * kib))).toEqual([6, 7]);
    },
  );

  test('is dropped when it is bulky and would be too much, with what the socket holds', () => {
    const queue = queueOf();
    expect(queue.push(append(1, 60 * kib), 0)).toBe(0);
    expect(queue.push(append(2, 60 * kib), 0)).toBe(1);
    expect(queue.push(append(3, 30 * kib), 20 * kib)).toBe(1);
    expect(queue.push(append(4, 30 * kib), 0)).toBe(0);
    for (const type of ['snapshot', 'propose'] as const)
      expect(queue.push({ ...append(5, 30 * kib), type }, 0)).toBe(1);
    for (const type of ['vote', 'heartbeat'] as const) expect(queue.push(control(6, type), 90 * kib)).toBe(0);
    expect(commits(queue.take(1000 * kib))).toEqual([1, 4, 6, 6]);
  });

  test('may be larger than the bound when it is alone', () => {
    const queue = queueOf();
    expect(queue.push(append(1, 200 * kib), 1)).toBe(1);
    expect(queue.push(append(1, 200 * kib), 0)).toBe(0);
  });

  test('is never too many votes and heartbeats: the oldest go', () => {
    const queue = queueOf(100 * kib, 10);
    queue.hold();
    let dropped = 0;
    for (let commit = 1; commit <= 1000; commit++) {
      dropped += queue.push(control(commit), 0);
      expect(queue.length).toBeLessThanOrEqual(10);
    }
    const left = commits(queue.take(1000 * kib));
    expect(dropped + left.length).toBe(1000);
    expect(left.at(-1)).toBe(1000);
    expect(queue.bytes).toBe(0);
  });

  test('is gone once it is cleared', () => {
    const queue = queueOf();
    queue.hold();
    for (const one of [append(1), control(2), control(3)]) queue.push(one, 0);
    expect(queue.clear()).toBe(3);
    expect([queue.length, queue.bytes, queue.take(100)]).toEqual([0, 0, []]);
    queue.push(append(4), 0);
    queue.push(control(5), 0);
    expect(commits(queue.take(90 * kib))).toEqual([4, 5]);
  });
});
