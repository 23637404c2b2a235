import { describe, expect, test } from '@jest/globals';
import { message, type Message } from '../core/message.ts';
import { emptyConfState } from '../core/types.ts';
import { SimDisk } from '../storage/sim-disk.fixture.ts';
import { openedWal } from '../storage/wal-model.fixture.ts';
import type { StorageError } from '../storage/storage-error.ts';
import { Driver } from './driver.ts';
import { defaultMemberSettings } from './member-settings.ts';
import type { Outcome } from './pending-proposals.ts';
import { wrapRequest } from './request-id.ts';

const { raft, driver: limits } = defaultMemberSettings;

/** Member 1 of some, on a disk that does something only when it is told to. */
const memberOf = (voters: readonly number[]) => {
  const disk = new SimDisk();
  const failures: StorageError[] = [];
  const log = openedWal(disk, {
    segmentBytes: 64 * 1024,
    create: { ...emptyConfState, voters },
    onFailure: (error) => failures.push(error),
  });
  disk.run();
  const turns: (() => void)[] = [];
  const sent: Message[] = [];
  const driver = new Driver({
    raft: { ...raft, id: 1, random: () => 0 },
    limits,
    log,
    snapshots: {
      save: () => undefined,
      read: () => new Uint8Array(),
      dropOlder: () => undefined,
    },
    machine: {
      apply: () => 'applied',
      membersChanged: () => undefined,
      snapshot: () => new Uint8Array(),
      restore: () => undefined,
    },
    send: (messages) => sent.push(...messages),
    sendSnapshot: () => undefined,
    defer: (turn) => turns.push(turn),
    onFailure: (error) => {
      throw error;
    },
  });
  /** All that can be done without the disk. */
  const settle = (): void => {
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) turn();
  };
  const work = (): void => {
    do {
      settle();
      disk.run();
    } while (turns.length > 0);
  };
  const tick = (ticks: number): void => {
    for (let count = 0; count < ticks; count += 1) {
      driver.tick();
      settle();
    }
  };
  const receive = (...messages: Message[]): void => {
    driver.receive(messages);
    settle();
  };
  /** What was sent since the last call, by type and receiver. */
  const said = (): string[] => sent.splice(0).map(({ type, to }) => `${type} ${to}`);
  const leads = (): boolean => driver.status().role === 'leader';
  return { disk, driver, log, failures, settle, work, tick, receive, said, leads };
};

const lead = (...others: number[]): ReturnType<typeof memberOf> => {
  const all = memberOf([1, ...others]);
  all.driver.campaign();
  all.work();
  for (const type of ['preVoteResp', 'voteResp'] as const) {
    const term = 1;
    for (const from of others) all.receive(message(type, 1, { from, term }));
    all.work();
  }
  expect(all.leads()).toBe(true);
  for (const from of others) all.receive(message('appendResp', 1, { from, term: 1, index: 1 }));
  all.work();
  all.said();
  return all;
};

/** Ticks without an answer of the disk, after which a member does not lead, and after which it takes no part. */
const stalled = 3 * raft.electionTicks;
const hung = 30 * raft.electionTicks;

describe('a disk that does not answer', () => {
  test('takes the lead from its member, and in the end the member takes no part', () => {
    const { disk, driver, log, failures, settle, tick, leads } = lead();
    const outcomes: Outcome[] = [];
    const propose = (): void => driver.propose(Buffer.from('x'), (outcome) => outcomes.push(outcome));
    propose();
    settle();
    tick(stalled - 1);
    expect([leads(), outcomes]).toEqual([true, []]);
    tick(2);
    expect([leads(), outcomes]).toEqual([false, []]);
    propose();
    settle();
    expect(outcomes).toEqual([{ kind: 'refused', reason: 'noLeader' }]);
    tick(hung - stalled - 40);
    expect([leads(), failures]).toEqual([false, []]);
    tick(60);
    expect(failures).toMatchObject([
      { code: 'wal_failed', message: expect.stringContaining('not answered') },
    ]);
    // It was given up as unknown long before, and is not said to be applied now.
    expect(outcomes.slice(1)).toEqual([{ kind: 'unknown' }]);
    let closed = false;
    log.close(() => (closed = true));
    expect(closed).toBe(true);
    disk.run();
    settle();
    expect([outcomes.length, driver.status().applied]).toEqual([2, 1]);
  });

  test('leaves a follower answering heartbeats, and not standing for election until it is back', () => {
    const { disk, receive, tick, said } = memberOf([1, 2, 3]);
    const entry = { index: 1, term: 1, type: 'normal', data: new Uint8Array(1) } as const;
    receive(message('append', 1, { from: 2, term: 1, entries: [entry] }));
    expect(said()).toEqual([]);
    tick(stalled + 1);
    said();
    receive(message('heartbeat', 1, { from: 2, term: 1 }));
    expect(said()).toEqual(['heartbeatResp 2']);
    tick(300);
    expect(said()).toEqual([]);
    disk.run();
    tick(60);
    expect(said()).toEqual(expect.arrayContaining(['appendResp 2', 'preVote 2', 'preVote 3']));
  });
});

describe('word of what is committed', () => {
  type Group = ReturnType<typeof memberOf>;
  const commit = (all: Group, index: number): void => {
    all.work();
    all.receive(message('appendResp', 1, { from: 2, term: 1, index }));
    all.work();
  };
  const write = (all: Group, index: number): void => {
    all.driver.propose(Buffer.from('x'), () => undefined);
    commit(all, index);
  };

  test('goes along with the next entries, or with the next tick', () => {
    const all = lead(2, 3);
    all.tick(1);
    all.said();
    write(all, 2);
    expect(all.said()).toEqual(['append 2', 'append 3']);
    write(all, 3);
    expect(all.said()).toEqual(['append 2', 'append 3']);
    all.tick(1);
    // Member 3 is not known to have it: a heartbeat does not tell it.
    expect(all.said()).toEqual(['heartbeat 2', 'heartbeat 3', 'append 3']);
    all.tick(1);
    expect(all.said()).toEqual([]);
  });

  test('goes at once to the member that waits for it', () => {
    const all = lead(2, 3);
    all.tick(1);
    all.said();
    const data = wrapRequest({ node: 3, nonce: 1, sequence: 1 }, new Uint8Array(1));
    const entries = [{ index: 0, term: 0, type: 'normal', data }] as const;
    all.receive(message('propose', 1, { from: 3, entries }));
    expect(all.said()).toEqual(['append 2', 'append 3']);
    commit(all, 2);
    expect(all.said()).toEqual(['append 3']);
  });
});
