import { describe, expect, test } from '@jest/globals';
import { LoginThrottle } from './login-throttle.ts';

describe('LoginThrottle', () => {
  const create = () => {
    const clock = { now: 0 };
    const throttle = new LoginThrottle({
      maxFailures: 3,
      windowMs: 60_000,
      maxKeys: 4,
      now: () => clock.now,
    });
    return { clock, throttle };
  };

  test('refuses after the failures of a window, and says for how long', () => {
    const { clock, throttle } = create();
    for (let failure = 0; failure < 3; failure += 1) {
      throttle.check(['user ann', 'address a']);
      throttle.failed(['user ann', 'address a']);
    }
    clock.now = 20_000;
    expect(() => throttle.check(['user ann', 'address b'])).toThrow(
      expect.objectContaining({ code: 'login_throttled', retryAfterSeconds: 40 }),
    );
    expect(() => throttle.check(['user bob', 'address a'])).toThrow(
      expect.objectContaining({ code: 'login_throttled' }),
    );
    expect(() => throttle.check(['user bob', 'address b'])).not.toThrow();
    clock.now = 60_000;
    expect(() => throttle.check(['user ann', 'address a'])).not.toThrow();
  });

  test('forgets the failures of a key after a success', () => {
    const { throttle } = create();
    for (let failure = 0; failure < 3; failure += 1) throttle.failed(['user ann']);
    throttle.succeeded('user ann');
    expect(() => throttle.check(['user ann'])).not.toThrow();
  });

  test('remembers a bounded number of keys, the latest', () => {
    const { throttle } = create();
    for (let failure = 0; failure < 3; failure += 1) throttle.failed(['old']);
    for (const key of ['a', 'b', 'c']) throttle.failed([key]);
    expect(() => throttle.check(['old'])).toThrow();
    throttle.failed(['d']);
    expect(() => throttle.check(['old'])).not.toThrow();
  });
});
