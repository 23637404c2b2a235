import { expect, test } from '@jest/globals';
import { deadline, systemClock, wait } from './clock.ts';
import { FakeClock } from './fake-clock.fixture.ts';

test('a wait ends in time or with its signal, and leaves nothing behind', async () => {
  const clock = new FakeClock();
  await clock.until(wait(clock, 50));
  const controller = new AbortController();
  const waiting = wait(clock, 50, controller.signal);
  controller.abort(new Error('no'));
  await expect(waiting).rejects.toThrow('no');
  await expect(wait(clock, 50, controller.signal)).rejects.toThrow('no');
  expect(clock.pending).toBe(0);
});

test('a deadline tells whether time was up or the outer signal aborted', async () => {
  const clock = new FakeClock();
  const late = (): Error => new Error('late');
  const first = deadline(clock, 50, late);
  await clock.advance(50);
  expect(first.signal.reason).toEqual(new Error('late'));
  expect(first.expired()).toBe(true);
  const outer = new AbortController();
  const second = deadline(clock, 50, late, outer.signal);
  outer.abort(new Error('outer'));
  expect(second.signal.reason).toEqual(new Error('outer'));
  expect(second.expired()).toBe(false);
  second.clear();
  expect(clock.pending).toBe(0);
});

test('a time too long for a timer does not fire at once', async () => {
  let fired = false;
  const cancel = systemClock.after(2 ** 40, () => {
    fired = true;
  });
  await wait(systemClock, 5);
  cancel();
  expect(fired).toBe(false);
});
