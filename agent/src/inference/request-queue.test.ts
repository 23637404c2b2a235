import { describe, expect, test } from '@jest/globals';
import { seeded } from '../raft/codec/random-messages.fixture.ts';
import { RequestQueue } from './request-queue.ts';

const filled = (...entries: readonly string[]): RequestQueue<string> => {
  const queue = new RequestQueue<string>();
  for (const entry of entries) queue.push(entry.charAt(0), entry);
  return queue;
};

const served = (queue: RequestQueue<string>): string[] => {
  const order: string[] = [];
  for (let head = queue.head; head !== undefined; head = queue.head) {
    order.push(head);
    queue.take(head);
  }
  return order;
};

describe('who gets a turn', () => {
  test('of one user the oldest first', () => {
    expect(served(filled('a1', 'a2', 'a3'))).toEqual(['a1', 'a2', 'a3']);
  });

  test('users in turn, however much each asks', () => {
    expect(served(filled('a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2'))).toEqual([
      'a1',
      'b1',
      'c1',
      'a2',
      'b2',
      'a3',
      'a4',
    ]);
  });

  test('somebody who comes later is not behind all that was asked before, nor before all', () => {
    const queue = filled('a1', 'a2', 'a3', 'a4');
    for (const item of ['a1', 'a2']) queue.take(item);
    queue.push('b', 'b1');
    queue.push('b', 'b2');
    expect(served(queue)).toEqual(['b1', 'a3', 'b2', 'a4']);
  });

  test('who leaves costs nobody a turn', () => {
    const queue = filled('a1', 'b1', 'a2');
    expect(queue.remove('a1')).toBe(true);
    expect(queue.remove('a1')).toBe(false);
    expect(queue.size).toBe(2);
    expect(served(queue)).toEqual(['a2', 'b1']);
  });

  test('all that waits can be taken out', () => {
    const queue = filled('a1', 'b1', 'a2');
    expect([...queue.drain()].toSorted()).toEqual(['a1', 'a2', 'b1']);
    expect([queue.size, queue.head]).toEqual([0, undefined]);
  });
});

describe('the position', () => {
  test.each(Array.from({ length: 50 }, (_, seed) => seed))(
    'is the number of turns until its own (seed %d)',
    (seed) => {
      const chance = seeded(seed);
      const queue = new RequestQueue<string>();
      let number = 0;
      const push = (): void => {
        const user = 'abcd'.charAt(Math.floor(chance() * 4));
        number += 1;
        queue.push(user, `${user}${number}`);
      };
      for (let index = 0; index < 12; index += 1) push();
      for (let index = 0; index < 6; index += 1) {
        const { head } = queue;
        if (head !== undefined) queue.take(head);
        if (chance() < 0.5) push();
      }
      const positions = new Map([...queue].map((item) => [item, queue.positionOf(item)]));
      const order = served(queue);
      expect(order.map((item) => positions.get(item))).toEqual(order.map((_item, index) => index));
    },
  );
});
