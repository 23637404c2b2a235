import { describe, expect, test } from '@jest/globals';
import { Newcomers } from './newcomers.ts';

describe('a step', () => {
  test('waits for a part of its own time, and no longer than a moment', () => {
    const newcomers = new Newcomers(() => undefined);
    expect(newcomers.wait(90, 1000)).toBe(0);
    const come = newcomers.expect();
    expect(newcomers.wait(90, 1000)).toBe(30);
    expect(newcomers.wait(90, 1020)).toBe(10);
    expect(newcomers.wait(90, 1031)).toBe(0);
    come();
    newcomers.expect();
    expect(newcomers.wait(10_000, 2000)).toBe(50);
  });

  test('does not wait once more for the same newcomers', () => {
    const newcomers = new Newcomers(() => undefined);
    const [first, second] = [newcomers.expect(), newcomers.expect()];
    expect(newcomers.wait(90, 1000)).toBe(30);
    first();
    expect(newcomers.wait(90, 1040)).toBe(0);
    second();
    newcomers.expect();
    expect(newcomers.wait(90, 1050)).toBe(30);
  });

  test('hears when all are there, once', () => {
    let told = 0;
    const newcomers = new Newcomers(() => (told += 1));
    const [first, second] = [newcomers.expect(), newcomers.expect()];
    first();
    first();
    expect(told).toBe(0);
    second();
    second();
    expect(told).toBe(1);
  });
});
