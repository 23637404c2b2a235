import { expect, test } from '@jest/globals';
import { Lifecycle, type Component } from './lifecycle.ts';

const recorded = (log: string[], name: string, over: Partial<Component> = {}): Component => ({
  name,
  start: async () => {
    log.push(`start ${name}`);
  },
  stop: async () => {
    log.push(`stop ${name}`);
  },
  ...over,
});

const limits = { startTimeoutMs: 30_000, stopTimeoutMs: 30_000 };

test('starts in order, stops in reverse, once', async () => {
  const log: string[] = [];
  const lifecycle = new Lifecycle([recorded(log, 'a'), recorded(log, 'b')], limits);
  await lifecycle.start();
  await Promise.all([lifecycle.stop(), lifecycle.stop()]);
  expect(log).toEqual(['start a', 'start b', 'stop b', 'stop a']);
});

test('a failed start stops what ran and is what the caller sees', async () => {
  const log: string[] = [];
  const failing = recorded(log, 'b', { start: () => Promise.reject(new Error('no')) });
  const lifecycle = new Lifecycle([recorded(log, 'a'), failing, recorded(log, 'c')], limits);
  await expect(lifecycle.start()).rejects.toThrow('no');
  expect(log).toEqual(['start a', 'stop b', 'stop a']);
});

test('leaves a component that does not stop behind and reports it', async () => {
  const log: string[] = [];
  const errors: string[] = [];
  let aborted = false;
  const stuck = recorded(log, 'b', {
    stop: (signal) =>
      new Promise(() => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
      }),
  });
  const lifecycle = new Lifecycle([recorded(log, 'a'), stuck], {
    ...limits,
    stopTimeoutMs: 50,
    onStopError: (component, error) => errors.push(`${component}: ${(error as Error).message}`),
  });
  await lifecycle.start();
  await lifecycle.stop();
  expect(errors).toEqual(['b: stop of b took longer than 50 ms']);
  expect(aborted).toBe(true);
  expect(log.at(-1)).toBe('stop a');
});
