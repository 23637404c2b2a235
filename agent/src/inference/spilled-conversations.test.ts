import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { InferenceRequest } from '@ollamamax/api';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ask, chat, createTestEngine, tinyModel, type TestEngine } from './test-engine.fixture.ts';

/** One sequence, so that every conversation pushes the one before it out. */
const model = tinyModel({ parallel: 1, contextSize: 2048 });
const megabyte = 1024 * 1024;

const conversation = (subject: string, user = 'anna', more: readonly string[] = []): InferenceRequest => {
  const system = `You are a helpful assistant that knows ${`all about ${subject} `.repeat(60)}.`;
  const contents = ['What is the capital of France?', ...more];
  const messages = [
    { role: 'system' as const, content: system },
    ...contents.map((content, index) => ({
      role: index % 2 === 0 ? ('user' as const) : ('assistant' as const),
      content,
    })),
  ];
  return chat('', { input: { kind: 'chat', messages }, user, sampling: { temperature: 0, maxTokens: 30 } });
};

let engine: TestEngine;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'states-'));
});
afterEach(async () => {
  await engine.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('more conversations than a model has places', () => {
  test('each goes on from its own state, and says what it would say alone', async () => {
    engine = createTestEngine({ states: { memoryBytes: 64 * megabyte } });
    const subjects = ['apples', 'bridges', 'clouds'];
    const first = [];
    for (const subject of subjects) first.push(await ask(engine, conversation(subject), model));
    expect(first.map(({ usage }) => usage.cachedPromptTokens < 64)).toEqual([true, true, true]);
    for (const [index, subject] of subjects.entries()) {
      const more = [first[index]?.text ?? '', 'What is the capital of Japan?'];
      const again = await ask(engine, conversation(subject, 'anna', more), model);
      expect(again.usage.cachedPromptTokens).toBeGreaterThan((first[index]?.usage.promptTokens ?? 0) - 8);
      const cold = await ask(engine, conversation(subject, `nobody-${subject}`, more), model);
      expect(cold.usage.cachedPromptTokens).toBe(0);
      expect(again.text).toBe(cold.text);
    }
  });

  test('nobody profits from the states of others', async () => {
    engine = createTestEngine({ states: { memoryBytes: 64 * megabyte } });
    const first = await ask(engine, conversation('apples', 'anna'), model);
    await ask(engine, conversation('bridges', 'bert'), model);
    expect((await ask(engine, conversation('apples', 'bert'), model)).usage.cachedPromptTokens).toBeLessThan(
      64,
    );
    const again = await ask(engine, conversation('apples', 'anna'), model);
    expect(again.usage.cachedPromptTokens).toBe(first.usage.promptTokens - 1);
    expect(again.text).toBe(first.text);
  });

  test('without room for states each is computed anew', async () => {
    engine = createTestEngine({ states: { memoryBytes: 0 } });
    const first = await ask(engine, conversation('apples'), model);
    await ask(engine, conversation('bridges'), model);
    const again = await ask(engine, conversation('apples'), model);
    expect(again.usage.cachedPromptTokens).toBeLessThan(64);
    expect(again.text).toBe(first.text);
  });
});

describe('states on disk', () => {
  const files = async (): Promise<readonly string[]> => {
    const [runner] = await readdir(folder);
    return runner === undefined
      ? []
      : (await readdir(join(folder, runner))).map((file) => join(folder, runner, file));
  };

  test('hold what memory has no room for, and go with the agent', async () => {
    await mkdir(join(folder, 'runner-of-before'));
    await writeFile(join(folder, 'runner-of-before', '1.state'), 'left by an agent that was killed');
    engine = createTestEngine({ states: { memoryBytes: 0, diskBytes: 64 * megabyte, folder } });
    const first = await ask(engine, conversation('apples'), model);
    await ask(engine, conversation('bridges'), model);
    const again = await ask(engine, conversation('apples'), model);
    expect(again.usage.cachedPromptTokens).toBe(first.usage.promptTokens - 1);
    expect(again.text).toBe(first.text);
    const runners = await readdir(folder);
    expect(runners).toHaveLength(1);
    expect(runners).not.toContain('runner-of-before');
    await engine.stop();
    expect(await readdir(join(folder, '..'))).not.toContain(basename(folder));
  });

  test('that are damaged are computed anew', async () => {
    engine = createTestEngine({ states: { memoryBytes: 0, diskBytes: 64 * megabyte, folder } });
    const first = await ask(engine, conversation('apples'), model);
    await ask(engine, conversation('bridges'), model);
    await ask(engine, conversation('clouds'), model);
    // They are written one after the other: with the second file there, the first one is whole.
    let written = await files();
    while (written.length < 2) written = await files();
    await writeFile(written.toSorted()[0] ?? '', 'nothing');
    const again = await ask(engine, conversation('apples'), model);
    expect(again.usage.cachedPromptTokens).toBeLessThan(64);
    expect(again.text).toBe(first.text);
  });
});
