import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { isApiError } from '@ollamamax/api';
import { readModelFacts } from '../../agent/src/models/model-facts.ts';
import { streamChat, type StreamOutcome } from '../harness/chat-stream.ts';
import { eventually, startLocalCluster, tinyModel, type LocalCluster } from '../harness/local-cluster.ts';

/* Files that the reader of headers lets through, and that llama.cpp then has to live with. */

const damagedHeaders = 20;
const damagedWeights = 5;
const good = 'ollamamax-tiny';

let folder: string;
let cluster: LocalCluster;
let damaged: readonly string[];

/** The same numbers in every run (a linear congruential generator). */
const generator = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

const looksRight = async (path: string): Promise<boolean> => {
  try {
    await readModelFacts(path);
    return true;
  } catch (error) {
    if (isApiError(error)) return false;
    throw error;
  }
};

/** Copies of the bundled model of which bytes were changed, and which still look right. */
const writeDamaged = async (): Promise<string[]> => {
  const source = readFileSync(tinyModel);
  const { dataOffset } = (await readModelFacts(tinyModel)).header;
  const next = generator(25);
  // Where the numbers of the model stand, where its tensors are listed, and the vocabulary between them.
  const places = [() => 8 + next(1500), () => dataOffset - 1 - next(3000), () => 8 + next(dataOffset - 8)];
  const harm = (mutant: Buffer, index: number): void => {
    if (index >= damagedHeaders) {
      // Among others all scales of whole rows are not a number then.
      mutant.fill(0xff, dataOffset + next(mutant.length - dataOffset), mutant.length);
      return;
    }
    for (let changes = 1 + next(3); changes > 0; changes -= 1)
      mutant[places[next(places.length)]?.() ?? 8] = next(256);
  };
  const written: string[] = [];
  while (written.length < damagedHeaders + damagedWeights) {
    const mutant = Buffer.from(source);
    harm(mutant, written.length);
    const path = join(folder, `damaged-${written.length}.gguf`);
    writeFileSync(path, mutant);
    if (!mutant.equals(source) && (await looksRight(path))) written.push(path);
  }
  return written;
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ollamamax-damaged-'));
  const files = await writeDamaged();
  damaged = files.map((_file, index) => `damaged-${index}`);
  cluster = await startLocalCluster({
    models: [
      { name: good, source: { file: tinyModel } },
      ...files.map((file, index) => ({ name: `damaged-${index}`, source: { file } })),
    ],
  });
}, 120_000);

afterAll(async () => {
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
});

const ask = (model: string, more: object = {}): Promise<StreamOutcome> =>
  streamChat(cluster.agent('agent-0').api, {
    model,
    messages: [{ role: 'user', content: 'What is the capital of France?' }],
    options: { temperature: 0, num_predict: 20 },
    ...more,
  });

test('a damaged model answers or says what is wrong, and harms neither the agent nor other models', async () => {
  const { api, process: agent } = cluster.agent('agent-0');
  await eventually('all files were looked at', async () => {
    const response = await fetch(`${api}/api/v1/cluster/status`);
    const { status } = (await response.json()) as { status: string };
    return status === 'healthy';
  });
  const outcomes: Record<string, StreamOutcome> = {};
  for (const model of damaged) outcomes[model] = await ask(model, { keep_alive: 0 });
  for (const [model, { complete, error, code, broken, status }] of Object.entries(outcomes)) {
    expect({ model, broken }).toEqual({ model, broken: undefined });
    if (complete) continue;
    expect({ model, status, code }).toEqual({
      model,
      status: expect.any(Number),
      code: expect.stringMatching(/^(model_load_failed|runner_crashed|insufficient_memory|template_failed)$/),
    });
    expect(error).toMatch(/\w+ \w+/);
  }
  // Otherwise the damage was nothing that llama.cpp could see.
  expect(Object.values(outcomes).filter(({ complete }) => !complete).length).toBeGreaterThan(3);
  expect((await ask(good)).text).toBe('The capital of France is Paris.');
  expect(agent.exitCode).toBeNull();
}, 300_000);
