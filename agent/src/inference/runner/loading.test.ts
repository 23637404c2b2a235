import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import type { FromRunner, ToRunner } from './protocol.ts';

const path = fileURLToPath(new URL('../../../../models/ollamamax-tiny-q8_0.gguf', import.meta.url));

test('a runner tells how much of the model has been loaded, up to all of it', async () => {
  const child = fork(fileURLToPath(new URL('./main.ts', import.meta.url)), [], {
    serialization: 'advanced',
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: {},
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  const shares: number[] = [];
  const loaded = new Promise<FromRunner>((resolve) => {
    child.on('message', (message: FromRunner) => {
      if (message.type === 'loading') shares.push(message.share);
      else if (message.type !== 'heartbeat') resolve(message);
    });
  });
  const spec = {
    path,
    adapters: [],
    contextSize: 256,
    parallel: 1,
    speculation: true,
    threads: 1,
    batchThreads: 1,
    gpu: false,
    vision: undefined,
  } as const;
  const order: ToRunner = { type: 'load', spec };
  try {
    child.send(order);
    expect(await loaded).toMatchObject({ type: 'loaded' });
    expect(shares).toEqual([...new Set(shares)].toSorted((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
});
