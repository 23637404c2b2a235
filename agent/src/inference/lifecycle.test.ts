import { afterEach, beforeAll, afterAll, describe, expect, test } from '@jest/globals';
import type { InferenceEvent } from '@ollamamax/api';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunnerEngineOptions } from './runner-engine.ts';
import { runnerEnvironment } from './runner-engine.ts';
import {
  ask,
  chat,
  collect,
  createTestEngine,
  endless,
  tinyBytes,
  tinyModel,
  until,
  type TestEngine,
} from './test-engine.fixture.ts';

const name = 'ollamamax-tiny:latest';
const never = new AbortController().signal;

let engine: TestEngine;
const use = (options: Partial<RunnerEngineOptions> = {}): TestEngine => (engine = createTestEngine(options));
afterEach(() => engine.stop());

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('loading and unloading', () => {
  test('load and unload requests', async () => {
    use();
    const loaded = await ask(engine, chat('', { input: { kind: 'load' } }));
    expect(loaded.reason).toBe('load');
    expect(loaded.usage.loadNs).toBeGreaterThan(0);
    expect(engine.resident().get(name)).toMatchObject({
      state: 'ready',
      slots: 4,
      busySlots: 0,
      restarts: 0,
    });
    expect(engine.resident().get(name)?.memoryBytes).toBeGreaterThan(10_000_000);
    const second = await ask(engine, chat('Hello!'));
    expect(second.usage.loadNs).toBe(0);
    const unloaded = await ask(engine, chat('', { input: { kind: 'unload' } }));
    expect(unloaded.reason).toBe('unload');
    expect(engine.resident().size).toBe(0);
    expect(alive(engine.pids[0] ?? 0)).toBe(false);
  });

  test('many requests wait for one load', async () => {
    use();
    await Promise.all([engine.load(tinyModel(), never), ...[1, 2, 3].map(() => ask(engine, chat('Hello!')))]);
    expect(engine.pids).toHaveLength(1);
  });

  test('a request that cannot be handed to the runner gives its slot back', async () => {
    use();
    let parameters: Record<string, unknown> = {};
    for (let depth = 0; depth < 50_000; depth++) parameters = { a: parameters };
    const messages = [{ role: 'user' as const, content: 'Hello!' }];
    const tools = [{ name: 'f', parameters }];
    await expect(ask(engine, chat('', { input: { kind: 'chat', messages, tools } }))).rejects.toMatchObject({
      code: 'invalid_request',
    });
    expect(engine.resident().get(name)).toMatchObject({ busySlots: 0, restarts: 0 });
    expect((await ask(engine, chat('Hello!'))).text).not.toBe('');
  });

  test('keep_alive 0 unloads after the request', async () => {
    use();
    await ask(engine, chat('Hello!', { keepAliveSeconds: 0 }));
    await until('the model is unloaded', () => engine.resident().size === 0);
  });

  test('keep_alive counts from the end of the last request', async () => {
    use();
    const before = Date.now();
    await ask(engine, chat('Hello!', { keepAliveSeconds: 600 }));
    const expiresAt = Date.parse(engine.resident().get(name)?.expiresAt ?? '');
    expect(expiresAt).toBeGreaterThanOrEqual(before + 600_000);
    const busy = engine
      .run(tinyModel(), { ...endless(), keepAliveSeconds: 60 }, never)
      [Symbol.asyncIterator]();
    await busy.next();
    const earliest = Date.parse(engine.resident().get(name)?.expiresAt ?? '');
    expect(earliest).toBeGreaterThanOrEqual(before + 60_000);
    expect(earliest).toBeLessThan(expiresAt);
    await busy.return?.();
    await ask(engine, chat('Hello!', { keepAliveSeconds: -1 }));
    expect(engine.resident().get(name)?.expiresAt).toBeUndefined();
    await ask(engine, chat('Hello!', { keepAliveSeconds: 0.2 }));
    await until('the model has expired', () => engine.resident().size === 0);
  });

  test('the idle model used longest ago makes room', async () => {
    use({ maxLoadedModels: () => 1 });
    await ask(engine, chat('Hello!'), tinyModel({ name: 'a:latest' }));
    const answer = await ask(engine, chat('Hello!'), tinyModel({ name: 'b:latest' }));
    expect(answer.text).toBe('Hello! How can I help you?');
    expect([...engine.resident().keys()]).toEqual(['b:latest']);
  });

  test('a model with work is never evicted', async () => {
    use({ maxLoadedModels: () => 1, creditWindow: 1 });
    const busy = engine.run(tinyModel({ name: 'a:latest' }), endless(), never)[Symbol.asyncIterator]();
    await busy.next();
    const waiting = ask(engine, chat('Hello!'), tinyModel({ name: 'b:latest' }));
    await until(
      'b waits',
      () => engine.logged.length > 0 && engine.resident().get('a:latest')?.busySlots === 1,
    );
    expect([...engine.resident().keys()]).toEqual(['a:latest']);
    await busy.return?.();
    expect((await waiting).text).toBe('Hello! How can I help you?');
    expect([...engine.resident().keys()]).toEqual(['b:latest']);
  });

  test('a running request goes on when the file of its model is removed and the model is to leave memory', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'removed-'));
    const path = join(folder, 'model.gguf');
    await writeFile(path, tinyBytes());
    use({ creditWindow: 1 });
    const events = engine.run(tinyModel({ path }), endless(), never)[Symbol.asyncIterator]();
    await events.next();
    await rm(folder, { recursive: true });
    let left = false;
    const unloaded = engine.unload(name).then(() => (left = true));
    for (let count = 0; count < 50; count += 1)
      expect((await events.next()).value).toMatchObject({ type: 'text' });
    expect(left).toBe(false);
    await events.return?.();
    await unloaded;
    expect(engine.resident().size).toBe(0);
  });

  test('too little memory is said with the arithmetic', async () => {
    use({ availableMemory: () => Promise.resolve(1_000_000) });
    await expect(ask(engine, chat('Hello!'))).rejects.toMatchObject({
      code: 'insufficient_memory',
      message: expect.stringMatching(
        /needs \d+ MiB for the weights \+ \d+ MiB for 4 x 1024 tokens of context \+ .* = \d+ MiB, and 1 MiB are available/,
      ),
    });
    expect(engine.resident().size).toBe(0);
  });

  test('what a model took before counts when it is loaded again with the same settings', async () => {
    let available = 1e12;
    use({ availableMemory: () => Promise.resolve(available) });
    await ask(engine, chat('Hello!'));
    await engine.unload(name);
    available = 1_000_000;
    await expect(ask(engine, chat('Hello!'))).rejects.toMatchObject({
      code: 'insufficient_memory',
      message: expect.stringMatching(
        /needs \d+ MiB, as measured when it was loaded before for 4 x 1024 tokens/,
      ),
    });
    await expect(ask(engine, chat('Hello!'), tinyModel({ contextSize: 512 }))).rejects.toMatchObject({
      message: expect.stringContaining('MiB for the weights'),
    });
  });

  test('stop ends running requests and runners', async () => {
    use({ creditWindow: 1 });
    const events = engine.run(tinyModel(), endless(), never)[Symbol.asyncIterator]();
    await events.next();
    await engine.stop();
    await expect(async () => {
      for (;;) if ((await events.next()).done === true) return;
    }).rejects.toMatchObject({ code: 'agent_draining' });
    expect(engine.pids.filter(alive)).toEqual([]);
    await expect(ask(engine, chat('Hello!'))).rejects.toMatchObject({ code: 'agent_draining' });
  });
});

describe('broken files', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'broken-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each<[string, () => Buffer]>([
    ['no GGUF at all', () => Buffer.from('this is not a model')],
    ['half a file', () => tinyBytes().subarray(0, 1_500_000)],
    ['cut in the header', () => tinyBytes().subarray(0, 2000)],
  ])('%s: model_load_failed for all who wait, without a loop', async (_name, make) => {
    use();
    const path = join(folder, 'model.gguf');
    await writeFile(path, make());
    const model = tinyModel({ path });
    const results = await Promise.allSettled([1, 2, 3].map(() => ask(engine, chat('Hello!'), model)));
    for (const result of results)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'model_load_failed' } });
    expect(engine.logged.filter((line) => line.startsWith('model not loaded'))).toHaveLength(1);
    expect(engine.resident().size).toBe(0);
    expect((await ask(engine, chat('Hello!'))).text).toBe('Hello! How can I help you?');
  });
});

describe('crashes', () => {
  test('kill -9 in mid-stream fails that request and the next is served', async () => {
    use({ creditWindow: 8 });
    const events = engine.run(tinyModel({ parallel: 1 }), endless(), never)[Symbol.asyncIterator]();
    await events.next();
    const queued = ask(engine, chat('Hello!'), tinyModel({ parallel: 1 }));
    await until('one waits', () => engine.resident().get(name)?.queued === 1);
    process.kill(engine.pids[0] ?? 0, 'SIGKILL');
    await expect(async () => {
      for (;;) if ((await events.next()).done === true) return;
    }).rejects.toMatchObject({
      code: 'runner_crashed',
      message: expect.stringMatching(/ollamamax-tiny:latest.*SIGKILL/),
    });
    expect((await queued).text).toBe('Hello! How can I help you?');
    expect(engine.resident().get(name)?.restarts).toBe(1);
    expect(engine.pids).toHaveLength(2);
  });

  test('a runner that dies again and again comes back', async () => {
    use();
    for (let round = 0; round < 3; round++) {
      await engine.load(tinyModel(), never);
      process.kill(engine.pids.at(-1) ?? 0, 'SIGKILL');
      await until('it is gone', () => engine.resident().size === 0);
    }
    expect((await ask(engine, chat('Hello!'))).text).toBe('Hello! How can I help you?');
    expect(engine.resident().get(name)?.restarts).toBe(3);
  });

  test('a runner that hangs is ended', async () => {
    use({ hangTimeoutMs: 3000 });
    await engine.load(tinyModel(), never);
    process.kill(engine.pids[0] ?? 0, 'SIGSTOP');
    await expect(ask(engine, chat('Hello!'))).rejects.toMatchObject({
      code: 'runner_crashed',
      message: expect.stringContaining('computed nothing'),
    });
    expect((await ask(engine, chat('Hello!'))).text).toBe('Hello! How can I help you?');
  });
});

describe('queue', () => {
  const one = tinyModel({ parallel: 1, maxQueue: 1 });

  test('is bounded and first in, first out', async () => {
    use({ creditWindow: 1 });
    const running = engine.run(one, endless(), never)[Symbol.asyncIterator]();
    await running.next();
    const second = ask(engine, chat('Hello!'), one);
    await until('one waits', () => engine.resident().get(name)?.queued === 1);
    await expect(ask(engine, chat('Hello!'), one)).rejects.toMatchObject({
      code: 'queue_full',
      retryAfterSeconds: expect.any(Number),
    });
    await running.return?.();
    expect((await second).text).toBe('Hello! How can I help you?');
  });

  test('gives up after a while', async () => {
    use({ creditWindow: 1, queueTimeoutMs: 300 });
    const running = engine.run(one, endless(), never)[Symbol.asyncIterator]();
    await running.next();
    await expect(ask(engine, chat('Hello!'), one)).rejects.toMatchObject({ code: 'queue_timeout' });
    expect(engine.resident().get(name)?.queued).toBe(0);
    await running.return?.();
  });

  test('forgets who leaves', async () => {
    use({ creditWindow: 1 });
    const running = engine.run(one, endless(), never)[Symbol.asyncIterator]();
    await running.next();
    const leaving = new AbortController();
    const left = ask(engine, chat('Hello!'), one, leaving.signal);
    await until('one waits', () => engine.resident().get(name)?.queued === 1);
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: 'cancelled' });
    expect(engine.resident().get(name)?.queued).toBe(0);
    await running.return?.();
  });
});

describe('clients', () => {
  const one = tinyModel({ parallel: 1 });

  test('one that leaves frees its slot', async () => {
    const outcomes: string[] = [];
    use({ observer: { finished: (_model, outcome) => outcomes.push(outcome) } });
    const leaving = new AbortController();
    const events = engine.run(one, endless(), leaving.signal)[Symbol.asyncIterator]();
    await events.next();
    leaving.abort();
    await expect(async () => {
      for (;;) if ((await events.next()).done === true) return;
    }).rejects.toMatchObject({ code: 'cancelled' });
    await until('the slot is free', () => engine.resident().get(name)?.busySlots === 0);
    expect(outcomes).toEqual(['cancelled']);
    expect((await ask(engine, chat('Hello!'), one)).text).toBe('Hello! How can I help you?');
  });

  test.each([1, 3, 4, 7])('one that may leave %i units unread gets all of it', async (creditWindow) => {
    use({ creditWindow });
    expect((await ask(engine, chat('Count to 5.'))).text).toBe('1, 2, 3, 4, 5');
  });

  test('one that does not read pauses only its own generation', async () => {
    let tokens = 0;
    use({ creditWindow: 16, observer: { tokens: (_model, count) => (tokens += count) } });
    const slow = engine.run(tinyModel(), chat('Write a short story about a fox and a lantern.'), never);
    const events: InferenceEvent[] = [];
    const reader = slow[Symbol.asyncIterator]();
    const first = await reader.next();
    if (first.done !== true) events.push(first.value);
    for (const prompt of ['Hello!', 'Who are you?', 'Hello!'])
      expect((await ask(engine, chat(prompt))).reason).toBe('stop');
    const others = tokens;
    expect((await ask(engine, chat('Hello!'))).usage.completionTokens).toBe(tokens - others);
    expect(engine.resident().get(name)?.busySlots).toBe(1);
    for (let next = await reader.next(); next.done !== true; next = await reader.next())
      events.push(next.value);
    const rest = await collect(
      (async function* () {
        yield* events;
      })(),
    );
    // A whole story; which one, a different processor decides differently.
    expect(rest.text).toMatch(/^\S.{100,}[.!?"]$/s);
    expect(rest.reason).toBe('stop');
  });

  test('one that never reads again is let go', async () => {
    use({ creditWindow: 1, stallTimeoutMs: 300 });
    const reader = engine.run(one, endless(), never)[Symbol.asyncIterator]();
    await reader.next();
    await until('the slot is free', () => engine.resident().get(name)?.busySlots === 0);
    await expect(reader.next()).rejects.toMatchObject({ code: 'deadline_exceeded' });
  });
});

test('runners see no secrets', () => {
  use();
  expect(
    runnerEnvironment({
      PATH: '/bin',
      CUDA_VISIBLE_DEVICES: '0',
      OLLAMA_TOKEN: 's',
      AWS_SECRET: 's',
      HOME: '/',
    }),
  ).toEqual({ PATH: '/bin', CUDA_VISIBLE_DEVICES: '0', HOME: '/' });
});
