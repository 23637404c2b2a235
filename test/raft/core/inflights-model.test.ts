import { describe, expect, test } from '@jest/globals';
import { Inflights } from '../../../agent/src/raft/core/tracker/inflights.ts';
import { seededRandom } from '../scenario/random.ts';

interface Sent {
  readonly index: number;
  readonly bytes: number;
}

describe('Inflights', () => {
  test('is a list from which what is acknowledged is struck', () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const random = seededRandom(seed);
      const maxCount = 1 + random(300);
      const maxBytes = random(3) === 0 ? 0 : random(2000);
      const inflights = new Inflights(maxCount, maxBytes);
      let model: Sent[] = [];
      let last = 0;
      for (let step = 0; step < 600; step += 1) {
        const kind = random(100);
        if (kind < 65) {
          last += 1 + random(3);
          const sent = { index: last, bytes: random(50) };
          // Also when it is full: who asks must look first, and one large entry may go over.
          inflights.add(sent.index, sent.bytes);
          model.push(sent);
        } else if (kind < 98) {
          const upTo = random(last + 2);
          inflights.freeUpTo(upTo);
          model = model.filter(({ index }) => index > upTo);
        } else {
          inflights.reset();
          model = [];
        }
        const bytes = model.reduce((sum, sent) => sum + sent.bytes, 0);
        const full = model.length >= maxCount || (maxBytes > 0 && bytes >= maxBytes);
        if (inflights.count !== model.length || inflights.full !== full)
          throw new Error(
            `seed ${seed}, step ${step}: ${inflights.count} of ${model.length}, full ${inflights.full}`,
          );
      }
    }
  });

  test('forgets nothing that is newer than what is acknowledged', () => {
    const inflights = new Inflights(10, 0);
    for (const index of [2, 4, 6]) inflights.add(index, 1);
    inflights.freeUpTo(1);
    expect(inflights.count).toBe(3);
    inflights.freeUpTo(5);
    expect(inflights.count).toBe(1);
    inflights.freeUpTo(100);
    expect(inflights.count).toBe(0);
  });

  test('without a bound of bytes only the count matters', () => {
    const inflights = new Inflights(2, 0);
    inflights.add(1, Number.MAX_SAFE_INTEGER);
    expect(inflights.full).toBe(false);
    inflights.add(2, 0);
    expect(inflights.full).toBe(true);
  });
});
