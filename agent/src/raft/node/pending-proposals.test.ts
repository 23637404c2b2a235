import { expect, test } from '@jest/globals';
import { PendingProposals, type Outcome } from './pending-proposals.ts';
import { unwrapRequest, wrapRequest, type RequestId } from './request-id.ts';

const applied: Outcome = { kind: 'applied', index: 3, result: 'r' };

test('a proposal is answered once, by its own number of its own life', () => {
  const proposals = new PendingProposals(1, 77, 10);
  const outcomes: Outcome[] = [];
  const id = proposals.add((outcome) => outcomes.push(outcome), 10);
  for (const other of [{ node: 2 }, { nonce: 78 }, { sequence: 99 }])
    proposals.settle({ ...id, ...other }, () => applied);
  expect(outcomes).toEqual([]);
  proposals.settle(id, () => applied);
  proposals.settle(id, () => ({ kind: 'unknown' }));
  proposals.expire(100);
  proposals.abandon();
  expect(outcomes).toEqual([applied]);
});

test('one whose time is over, or whose member stops, is told that nothing is known', () => {
  const proposals = new PendingProposals(1, 77, 2);
  const outcomes: [string, Outcome][] = [];
  proposals.add((outcome) => outcomes.push(['a', outcome]), 10);
  proposals.add((outcome) => outcomes.push(['b', outcome]), 11);
  expect(proposals.full).toBe(true);
  proposals.expire(9);
  expect(outcomes).toEqual([]);
  proposals.expire(10);
  expect(outcomes).toEqual([['a', { kind: 'unknown' }]]);
  proposals.abandon();
  expect(outcomes.at(-1)).toEqual(['b', { kind: 'unknown' }]);
  expect(proposals.full).toBe(false);
});

test('those that wait when another leads are answered soon, and none later than before', () => {
  const proposals = new PendingProposals(1, 77, 10);
  const told: string[] = [];
  proposals.add(() => told.push('almost over'), 3);
  proposals.add(() => told.push('waiting'), 100);
  proposals.hurry(5);
  proposals.add(() => told.push('later'), 105);
  proposals.expire(4);
  expect(told).toEqual(['almost over']);
  proposals.expire(5);
  expect(told).toEqual(['almost over', 'waiting']);
});

test('the number of a proposal goes with its bytes, and other entries have none', () => {
  const id = { node: Number.MAX_SAFE_INTEGER, nonce: 2 ** 32 - 1, sequence: 12 };
  const bytes = wrapRequest(id, new Uint8Array([1, 2]));
  expect(unwrapRequest(bytes)).toEqual({ id, payload: new Uint8Array([1, 2]) });
  // Part of a larger buffer, as entries from the network are.
  const within = new Uint8Array(100);
  within.set(bytes, 40);
  expect(unwrapRequest(within.subarray(40, 40 + bytes.length))?.id).toEqual(id);
  expect(unwrapRequest(new Uint8Array())).toBe(undefined);
  expect(unwrapRequest(bytes.subarray(0, 20))).toBe(undefined);
  expect(unwrapRequest(new Uint8Array(30).fill(9))).toBe(undefined);
});

test('many come and go behind one that waits, and each is answered once', () => {
  const proposals = new PendingProposals(1, 77, 1000);
  const answers = new Map<number, number>();
  const waiting: RequestId[] = [];
  let added = 0;
  /** Its tag is its number. */
  const add = (): RequestId =>
    proposals.add((_outcome, tag) => answers.set(tag, (answers.get(tag) ?? 0) + 1), 10, (added += 1));
  const stuck = add();
  for (let round = 0; round < 2000; round += 1) {
    for (let more = 0; more <= round % 7; more += 1) waiting.push(add());
    // Neither the oldest first nor the newest.
    const [settled] = waiting.splice((round * 7919) % waiting.length, 1);
    if (settled !== undefined) proposals.settle(settled, () => applied);
    if (round % 5 === 0) for (const id of waiting.splice(0)) proposals.settle(id, () => applied);
  }
  expect(answers.has(stuck.sequence)).toBe(false);
  expect([...answers.values()].every((times) => times === 1)).toBe(true);
  proposals.expire(10);
  expect(answers.get(stuck.sequence)).toBe(1);
  expect(answers.size).toBe(add().sequence - 1);
  expect([...answers.values()].every((times) => times === 1)).toBe(true);
});
