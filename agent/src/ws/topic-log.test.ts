import { describe, expect, test } from '@jest/globals';
import { TopicLog } from './topic-log.ts';

const parse = (frame: { for(id: string): Buffer }): Record<string, unknown> =>
  JSON.parse(frame.for('s').toString()) as Record<string, unknown>;

describe('TopicLog', () => {
  test('emits only what changed, with seq rising by one', () => {
    const log = new TopicLog({ epoch: 'e' });
    const first = log.update(Object.entries({ a: 1, b: { x: 1 } }), 0);
    expect(parse(first!.frame)).toEqual({
      type: 'delta',
      id: 's',
      seq: 1,
      ops: [
        { op: 'put', key: 'a', value: 1 },
        { op: 'put', key: 'b', value: { x: 1 } },
      ],
    });
    expect(log.update(Object.entries({ a: 1, b: { x: 1 } }), 1)).toBeUndefined();
    const second = log.update(Object.entries({ b: { x: 2 } }), 2);
    expect(parse(second!.frame)).toEqual({
      type: 'delta',
      id: 's',
      seq: 2,
      ops: [
        { op: 'put', key: 'b', value: { x: 2 } },
        { op: 'delete', key: 'a' },
      ],
    });
  });

  test('splits a snapshot into parts of bounded size that together are the map', () => {
    const log = new TopicLog({ epoch: 'e', snapshotPartBytes: 2048 });
    const entries = Array.from({ length: 50 }, (_, index) => [`k${index}`, 'ü'.repeat(60)] as const);
    log.update(entries, 0);
    const parts = log.snapshot();
    expect(parts.length).toBeGreaterThan(3);
    expect(Math.max(...parts.map((part) => part.for('s').length))).toBeLessThanOrEqual(2048);
    expect(parts.map((part) => parse(part).last)).toEqual(
      parts.map((_, index) => index === parts.length - 1),
    );
    expect(Object.assign({}, ...parts.map((part) => parse(part).data))).toEqual(Object.fromEntries(entries));
  });

  test('an empty topic has a snapshot of one empty part', () => {
    const [only, ...more] = new TopicLog({ epoch: 'e' }).snapshot();
    expect(more).toEqual([]);
    expect(parse(only!)).toMatchObject({ seq: 0, part: 0, last: true, data: {} });
  });

  test('replays without a gap or not at all', () => {
    const log = new TopicLog({ epoch: 'e', replayEvents: 3 });
    for (let value = 1; value <= 5; value += 1) log.update([['a', value]], value);
    expect(log.replay({ epoch: 'e', seq: 5 }, 5)).toEqual([]);
    expect(log.replay({ epoch: 'e', seq: 2 }, 5)?.map(({ seq }) => seq)).toEqual([3, 4, 5]);
    expect(log.replay({ epoch: 'e', seq: 1 }, 5)).toBeUndefined();
    expect(log.replay({ epoch: 'other', seq: 4 }, 5)).toBeUndefined();
    expect(log.replay({ epoch: 'e', seq: 6 }, 5)).toBeUndefined();
  });

  test('forgets history by age and by size', () => {
    const aged = new TopicLog({ epoch: 'e', replayMs: 100 });
    aged.update([['a', 1]], 0);
    aged.update([['a', 2]], 90);
    expect(aged.replay({ epoch: 'e', seq: 1 }, 150)).toHaveLength(1);
    expect(aged.replay({ epoch: 'e', seq: 0 }, 150)).toBeUndefined();
    expect(aged.replay({ epoch: 'e', seq: 1 }, 300)).toBeUndefined();

    const large = new TopicLog({ epoch: 'e', replayBytes: 1000 });
    for (let value = 1; value <= 20; value += 1) large.update([['a', `${value}${'x'.repeat(200)}`]], 0);
    expect(large.replay({ epoch: 'e', seq: 17 }, 0)).toHaveLength(3);
    expect(large.replay({ epoch: 'e', seq: 13 }, 0)).toBeUndefined();
  });

  test('gives a reader that fell behind the latest value per key', () => {
    const log = new TopicLog({ epoch: 'e' });
    log.update(Object.entries({ a: 1, b: 1 }), 0);
    log.update(Object.entries({ a: 2 }), 1);
    expect(parse(log.latest(['a', 'b']))).toEqual({
      type: 'delta',
      id: 's',
      seq: 2,
      ops: [
        { op: 'put', key: 'a', value: 2 },
        { op: 'delete', key: 'b' },
      ],
    });
  });

  test('encodes a frame once for all subscribers that share an id', () => {
    const log = new TopicLog({ epoch: 'e' });
    const event = log.update([['a', 1]], 0)!;
    expect(event.frame.for('same')).toBe(event.frame.for('same'));
    expect(event.frame.for('other')).not.toBe(event.frame.for('same'));
  });
});
