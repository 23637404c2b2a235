import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ModelSpec } from '@ollamamax/api';
import { TestRegistry } from '../../agent/src/models/registry/registry.fixture.ts';
import { startLocalCluster, tinyModel, untilServing, type LocalCluster } from '../harness/local-cluster.ts';
import { modelCalls } from './model-calls.ts';

const declared = 'ollamamax-tiny';
const digest = `sha256:${createHash('sha256').update(readFileSync(tinyModel)).digest('hex')}`;
const adapterFile = fileURLToPath(
  new URL('../../models/ollamamax-tiny-pirate-lora-f16.gguf', import.meta.url),
);
const adapterBytes = readFileSync(adapterFile);
const adapter = `sha256:${createHash('sha256').update(adapterBytes).digest('hex')}`;
/** What the bundled model answers, and what it answers with the adapter. */
const plain = 'Hello! How can I help you?';
const inPirate = `Arr, matey! ${plain} Yo ho ho!`;

let cluster: LocalCluster;
/** Agents by what they have: the declared model without an adapter is on the first of these. */
let holder: string;
let others: string[];

beforeAll(async () => {
  const source = { file: tinyModel };
  const models: ModelSpec[] = [
    { name: declared, source, replicas: 1 },
    { name: 'sailor', source, replicas: 1, adapters: [{ source: { file: adapterFile } }] },
    { name: 'passenger', source, replicas: 1, adapters: [{ source: { file: adapterFile }, scale: 0 }] },
  ];
  cluster = await startLocalCluster({ agents: 3, models });
  await untilServing(cluster);
  await everywhere('all models', async (id) => (await names(id)).length === 3);
  const { agents } = (await json('agent-0', 'GET', `/api/v1/models/${declared}`)) as {
    agents: { id: string }[];
  };
  holder = agents[0]?.id ?? '';
  others = cluster.agents.map(({ id }) => id).filter((id) => id !== holder);
}, 120_000);
afterAll(() => cluster.stop());

const { send, json, statuses, names, chat, everywhere } = modelCalls(() => cluster);

const shownModelfile = async (agent: string, model: string): Promise<string> => {
  const { modelfile } = (await json(agent, 'POST', '/api/show', { model })) as { modelfile: string };
  return modelfile;
};

describe('a declared model with an adapter', () => {
  test('answers by it as strongly as declared, beside the model without it', async () => {
    for (const { id } of cluster.agents)
      expect([
        await chat(id, 'sailor'),
        await chat(id, declared),
        await chat(id, 'passenger'),
        await chat(id, 'sailor'),
      ]).toEqual([inPirate, plain, plain, inPirate]);
    expect(await shownModelfile(holder, 'sailor')).toContain(`\nADAPTER ${adapter}\n`);
    expect(await shownModelfile(holder, 'passenger')).toContain(
      `\n# The next one is applied with the strength 0.\nADAPTER ${adapter}\n`,
    );
  }, 120_000);

  test('hands it on to a model made from it, unless its strength is one of its own', async () => {
    const body = { model: 'mate', from: 'sailor', parameters: { seed: 1 }, stream: false };
    expect(await json(holder, 'POST', '/api/create', body)).toMatchObject({ http: 200 });
    await everywhere('the model', async (id) => (await names(id)).includes('mate:latest'));
    expect(await chat(holder, 'mate')).toBe(inPirate);
    const other = { model: 'x', from: 'passenger', stream: false };
    expect(await json(holder, 'POST', '/api/create', other)).toMatchObject({
      http: 400,
      error: expect.stringContaining('strength of its own'),
    });
  }, 120_000);
});

describe('a model made with an adapter', () => {
  test('answers by it from every agent, beside the model without it, whose answers stay', async () => {
    const [door = '', other = ''] = others;
    expect((await send(door, 'POST', `/api/blobs/${adapter}`, adapterBytes)).status).toBe(201);
    const body = { model: 'pirate', from: declared, adapters: { 'pirate.gguf': adapter } };
    expect(await statuses(other, '/api/create', body)).toEqual([
      'parsing GGUF',
      'using existing layer DIGEST',
      'using existing layer DIGEST',
      'writing manifest',
      'success',
    ]);
    await everywhere('the model', async (id) => (await names(id)).includes('pirate:latest'));
    for (const { id } of cluster.agents)
      expect([await chat(id, 'pirate'), await chat(id, declared)]).toEqual([inPirate, plain]);
    expect(await shownModelfile(door, 'pirate')).toContain(`\nADAPTER ${adapter}\n`);
    expect(await shownModelfile(door, declared)).not.toContain('ADAPTER');
    const { models } = (await json(door, 'GET', '/api/tags')) as { models: { name: string; size: number }[] };
    const sizeOf = (name: string) => models.find((model) => model.name === `${name}:latest`)?.size ?? 0;
    expect(sizeOf('pirate') - sizeOf(declared)).toBe(adapterBytes.length);
  }, 120_000);

  test('hands it on to models made from it, once', async () => {
    const [door = ''] = others;
    await statuses(door, '/api/create', {
      model: 'captain',
      from: 'pirate',
      adapters: { again: adapter },
      parameters: { seed: 1 },
    });
    await everywhere('the model', async (id) => (await names(id)).includes('captain:latest'));
    expect(await chat(holder, 'captain')).toBe(inPirate);
    expect((await shownModelfile(holder, 'captain')).match(/^ADAPTER/gm)).toHaveLength(1);
    expect((await send(door, 'DELETE', '/api/delete', { model: 'captain' })).status).toBe(200);
    await everywhere('the removal', async (id) => !(await names(id)).includes('captain:latest'));
    expect(await chat(door, 'pirate')).toBe(inPirate);
  }, 120_000);

  test('goes to a registry and comes back with it', async () => {
    const [door = '', other = ''] = others;
    const registry = await new TestRegistry().start();
    try {
      const name = `${registry.host}/me/pirate:v1`;
      const model = `http://${name}`;
      expect((await send(door, 'POST', '/api/copy', { source: 'pirate', destination: name })).status).toBe(
        200,
      );
      expect((await statuses(door, '/api/push', { model, insecure: true })).at(-1)).toBe('success');
      expect(registry.blobs.get(adapter)?.equals(adapterBytes)).toBe(true);
      await send(door, 'DELETE', '/api/delete', { model: name });
      await everywhere('the removal', async (id) => !(await names(id)).includes(name));
      expect((await statuses(other, '/api/pull', { model, insecure: true })).at(-1)).toBe('success');
      await everywhere('the model', async (id) => (await names(id)).includes(name));
      expect(await chat(door, name)).toBe(inPirate);
      await send(door, 'DELETE', '/api/delete', { model: name });
      await everywhere('the removal', async (id) => !(await names(id)).includes(name));
    } finally {
      await registry.stop();
    }
  }, 120_000);

  test.each<[string, object, string]>([
    ['a model', { 'a.gguf': digest }, 'is a model, not an adapter'],
    ['as it was trained', { 'adapter_model.safetensors': adapter }, 'convert_lora_to_gguf.py'],
  ])('is not made with %s', async (_what, adapters, message) => {
    const body = { model: 'x', from: declared, adapters, stream: false };
    expect(await json(holder, 'POST', '/api/create', body)).toMatchObject({
      http: 400,
      code: 'invalid_request',
      error: expect.stringContaining(message),
    });
    expect(await names(holder)).not.toContain('x:latest');
  });

  test('is not made with an adapter that nobody has, or that is for another model', async () => {
    const missing = {
      model: 'x',
      from: declared,
      adapters: { a: `sha256:${'0'.repeat(64)}` },
      stream: false,
    };
    expect(await json(holder, 'POST', '/api/create', missing)).toMatchObject({ code: 'blob_not_found' });
    const embed = readFileSync(tinyModel.replace('q8_0', 'embed-f16'));
    const of = `sha256:${createHash('sha256').update(embed).digest('hex')}`;
    await send(holder, 'POST', `/api/blobs/${of}`, embed);
    const other = { model: 'x', files: { 'e.gguf': of }, adapters: { a: adapter }, stream: false };
    expect(await json(holder, 'POST', '/api/create', other)).toMatchObject({
      http: 400,
      error: expect.stringContaining('it is for another one'),
    });
  });
});

test('models keep their adapters when their agents start again', async () => {
  for (const { id } of [...cluster.agents]) {
    await cluster.kill(id, 'SIGTERM');
    await cluster.start(id);
  }
  await everywhere('all models', async (id) => (await names(id)).length === 5);
  for (const model of ['sailor', 'mate', 'pirate']) expect(await chat(holder, model)).toBe(inPirate);
  expect(await chat(holder, declared)).toBe(plain);
}, 180_000);
