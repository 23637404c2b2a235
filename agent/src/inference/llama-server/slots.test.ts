import { describe, expect, test } from '@jest/globals';
import { Slots } from './slots.ts';

describe('places in llama-server', () => {
  test('are gone on from only by whom they were last', () => {
    const slots = new Slots(2);
    const first = slots.take('anna');
    first.release();
    const again = slots.take('anna');
    expect([again.id, again.mayReuse, first.mayReuse]).toEqual([first.id, true, false]);
    again.release();
    const other = slots.take('ben');
    expect([other.id === first.id, other.mayReuse]).toEqual([false, false]);
  });

  test('of others go to the tenant that has none, the one unused for longest', () => {
    const slots = new Slots(2);
    for (const tenant of ['anna', 'ben', 'anna']) slots.take(tenant).release();
    const ben = slots.take('ben');
    const carl = slots.take('carl');
    expect([ben.mayReuse, carl.mayReuse]).toEqual([true, false]);
    expect(carl.id).not.toBe(ben.id);
  });

  test('are given twice only when all are taken', () => {
    const slots = new Slots(2);
    const [one, two, three] = ['anna', 'anna', 'anna'].map((tenant) => slots.take(tenant));
    expect(new Set([one?.id, two?.id]).size).toBe(2);
    expect([one?.id, two?.id]).toContain(three?.id);
  });

  test('there is at least one', () => {
    expect(() => new Slots(0).take('anna')).toThrow(RangeError);
  });
});
