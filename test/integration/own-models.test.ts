import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ModelSpec } from '@ollamamax/api';
import { TestRegistry } from '../../agent/src/models/registry/registry.fixture.ts';
import {
  eventually,
  startLocalCluster,
  tinyModel,
  untilServing,
  type LocalCluster,
} from '../harness/local-cluster.ts';
import { hello, modelCalls } from './model-calls.ts';

const declared = 'ollamamax-tiny';
const bytes = readFileSync(tinyModel);
const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

let cluster: LocalCluster;
/** Agents by what they have: the declared model is on the first of these. */
let holder: string;
let others: string[];

beforeAll(async () => {
  const models: ModelSpec[] = [{ name: declared, source: { file: tinyModel }, replicas: 1 }];
  cluster = await startLocalCluster({ agents: 3, models });
  await untilServing(cluster);
  const { agents } = (await json('agent-0', 'GET', `/api/v1/models/${declared}`)) as {
    agents: { id: string }[];
  };
  holder = agents[0]?.id ?? '';
  others = cluster.agents.map(({ id }) => id).filter((id) => id !== holder);
}, 120_000);
afterAll(() => cluster.stop());

const { send, json, statuses, names, chat, everywhere } = modelCalls(() => cluster);

describe('a model made from an uploaded file', () => {
  test('is asked for, uploaded, made, and served by every agent', async () => {
    const [door = '', other = ''] = others;
    const path = `/api/blobs/${digest}`;
    expect((await send(door, 'HEAD', path)).status).toBe(404);
    expect(await json(door, 'POST', path, new TextEncoder().encode('other bytes'))).toMatchObject({
      http: 400,
      code: 'blob_mismatch',
    });
    expect((await send(door, 'POST', path, bytes)).status).toBe(201);
    expect((await send(door, 'POST', path, bytes)).status).toBe(200);
    for (const { id } of cluster.agents) expect((await send(id, 'HEAD', path)).status).toBe(200);

    // Behind a balancer the next request comes to another agent: that one fetches the file.
    const made = await statuses(other, '/api/create', {
      model: 'Mine',
      files: { 'tiny.gguf': digest },
      system: 'You are kind.',
      parameters: { temperature: 0 },
      license: ['Licence one', 'Licence two'],
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Hello.' },
      ],
      template: '{{ .Prompt }}',
    });
    expect(made).toEqual([
      'parsing GGUF',
      'using existing layer DIGEST',
      ...Array.from({ length: 6 }, () => 'creating new layer DIGEST'),
      'writing manifest',
      'success',
    ]);
    expect(await names(other)).toEqual(['mine:latest', `${declared}:latest`]);
    await everywhere('the model', async (id) => (await names(id)).includes('mine:latest'));
    for (const { id } of cluster.agents) expect(typeof (await chat(id, 'mine'))).toBe('string');
  }, 120_000);

  test('is shown with what was said of it', async () => {
    const shown = await json(holder, 'POST', '/api/show', { model: 'mine' });
    expect(shown).toMatchObject({
      http: 200,
      template: '{{ .Prompt }}',
      system: 'You are kind.',
      license: 'Licence one\n\nLicence two',
      parameters: expect.stringContaining('temperature'),
    });
  });
});

describe('a model made from another one', () => {
  test('that is declared and on another agent is made there, and keeps what is not said anew', async () => {
    const [door = ''] = others;
    const made = await statuses(door, '/api/create', { model: 'poet', from: declared, system: 'Rhyme.' });
    expect(made).toEqual([
      'using existing layer DIGEST',
      'creating new layer DIGEST',
      'writing manifest',
      'success',
    ]);
    expect(await chat(door, 'poet')).toEqual(expect.any(String));
    const again = await statuses(holder, '/api/create', {
      model: 'poet2',
      from: 'poet',
      parameters: { seed: 3 },
    });
    expect(again.filter((status) => status.startsWith('using'))).toHaveLength(2);
    await eventually('poet2 is ready', async () => (await names(door)).includes('poet2:latest'));
    expect(await json(door, 'POST', '/api/show', { model: 'poet2' })).toMatchObject({
      system: 'Rhyme.',
      parameters: expect.stringContaining('seed'),
    });
  }, 120_000);
});

describe('copies', () => {
  test('have their own name and go without the other', async () => {
    const [door = '', other = ''] = others;
    expect((await send(door, 'POST', '/api/copy', { source: 'mine', destination: 'second:v1' })).status).toBe(
      200,
    );
    expect((await send(other, 'POST', '/api/copy', { source: declared, destination: 'third' })).status).toBe(
      200,
    );
    expect((await send(door, 'DELETE', '/api/delete', { model: 'mine' })).status).toBe(200);
    expect(await names(door)).not.toContain('mine:latest');
    await everywhere('the removal', async (id) => !(await names(id)).includes('mine:latest'));
    await everywhere(
      'the copies',
      async (id) => (await names(id)).filter((name) => /second|third/.test(name)).length === 2,
    );
    for (const { id } of cluster.agents) {
      expect(typeof (await chat(id, 'second:v1'))).toBe('string');
      expect(await json(id, 'POST', '/api/chat', { model: 'mine', messages: hello })).toMatchObject({
        http: 404,
      });
    }
  }, 120_000);
});

describe('a registry', () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await new TestRegistry().start();
    registry.needsLogIn = true;
    registry.publish('library/fetched:v1', bytes, {
      'application/vnd.ollama.image.system': 'Be brief.',
      'application/vnd.ollama.image.params': '{"temperature":0}',
    });
  });
  afterAll(() => registry.stop());

  test('gives a model that every agent then serves, and takes a copy of it from any', async () => {
    const [door = '', other = ''] = others;
    registry.faults.push('breaks off', 'falls silent');
    const model = `http://${registry.host}/library/fetched:v1`;
    const name = `${registry.host}/library/fetched:v1`;
    const lines = await statuses(door, '/api/pull', { model, insecure: true });
    expect([...new Set(lines.map((line) => line.replace(/ [0-9a-f]{12}$/, ' …')))]).toEqual([
      'pulling manifest',
      'pulling …',
      'verifying sha256 digest',
      'writing manifest',
      'success',
    ]);
    expect(await json(door, 'POST', '/api/pull', { model, insecure: true, stream: false })).toEqual({
      http: 200,
      status: 'success',
    });
    await everywhere('the model', async (id) => (await names(id)).includes(name));
    expect(await chat(other, name)).toEqual(expect.any(String));
    expect(await json(other, 'POST', '/api/show', { model: name })).toMatchObject({ system: 'Be brief.' });

    const copy = `${registry.host}/me/copy:v2`;
    await send(other, 'POST', '/api/copy', { source: name, destination: copy });
    registry.blobs.clear();
    const sent = await statuses(other, '/api/push', { model: `http://${copy}`, insecure: true });
    expect([sent[0], ...sent.slice(-2)]).toEqual(['retrieving manifest', 'pushing manifest', 'success']);
    expect(registry.blobs.get(digest)?.equals(bytes)).toBe(true);
    for (const model of [name, copy]) await send(door, 'DELETE', '/api/delete', { model });
    await everywhere(
      'the removal',
      async (id) => !(await names(id)).some((one) => one.startsWith(registry.host)),
    );
  }, 120_000);

  test.each<[string, string, object, number, string]>([
    ['has no such model', '/api/pull', { model: 'nothing' }, 404, 'model_not_found'],
    [
      'may not be used without encryption',
      '/api/pull',
      { model: 'fetched', insecure: false },
      400,
      'invalid_request',
    ],
    ['is not sent what is not there', '/api/push', { model: 'nothing' }, 404, 'model_not_found'],
  ])('%s', async (_what, path, { model, ...more }: { model?: string }, http, code) => {
    const body = {
      model: `http://${registry.host}/library/${model ?? ''}`,
      insecure: true,
      stream: false,
      ...more,
    };
    expect(await json('agent-0', 'POST', path, body)).toMatchObject({ http, code });
  });

  test('neither replaces nor gets a declared model', async () => {
    for (const path of ['/api/pull', '/api/push'])
      expect(await json('agent-0', 'POST', path, { model: declared })).toMatchObject({
        code: 'model_declared',
      });
  });
});

describe('what cannot be done', () => {
  test.each<[string, string, string, object, number, string]>([
    [
      'make one of a declared name',
      'POST',
      '/api/create',
      { model: declared, from: 'second:v1' },
      409,
      'model_declared',
    ],
    [
      'copy over a declared one',
      'POST',
      '/api/copy',
      { source: 'poet', destination: declared },
      409,
      'model_declared',
    ],
    ['delete a declared one', 'DELETE', '/api/delete', { model: declared }, 409, 'model_declared'],
    ['delete nothing', 'DELETE', '/api/delete', { model: 'nothing' }, 404, 'model_not_found'],
    ['copy nothing', 'POST', '/api/copy', { source: 'nothing', destination: 'x' }, 404, 'model_not_found'],
    ['make one from nothing', 'POST', '/api/create', { model: 'x', from: 'nothing' }, 404, 'model_not_found'],
    ['make one from neither', 'POST', '/api/create', { model: 'x' }, 400, 'invalid_request'],
    ['make one without a name', 'POST', '/api/create', { from: declared }, 400, 'invalid_request'],
    [
      'make one from a blob that nobody has',
      'POST',
      '/api/create',
      { model: 'x', files: { a: `sha256:${'0'.repeat(64)}` }, stream: false },
      404,
      'blob_not_found',
    ],
    [
      'quantise',
      'POST',
      '/api/create',
      { model: 'x', from: declared, quantize: 'q4_K_M' },
      400,
      'invalid_request',
    ],
    ['name a blob otherwise', 'POST', '/api/blobs/sha256:abc', {}, 400, 'invalid_request'],
  ])('%s', async (_what, method, path, body, http, code) => {
    expect(await json('agent-0', method, path, body)).toMatchObject({ http, code });
  });

  test('a file that is no model', async () => {
    const text = new TextEncoder().encode('not a model');
    const of = `sha256:${createHash('sha256').update(text).digest('hex')}`;
    await send('agent-0', 'POST', `/api/blobs/${of}`, text);
    const body = { model: 'x', files: { 'x.gguf': of }, stream: false };
    expect(await json('agent-0', 'POST', '/api/create', body)).toMatchObject({
      http: 400,
      code: 'invalid_request',
    });
    expect(await names('agent-0')).not.toContain('x:latest');
  });
});

test('models and their files stay when their agents start again', async () => {
  const own = (id: string): string => join(cluster.folder, id, 'models', 'own');
  for (const { id } of [...cluster.agents]) {
    await cluster.kill(id, 'SIGTERM');
    await cluster.start(id);
  }
  await everywhere('all models', async (id) => (await names(id)).length === 5);
  expect(await names(holder)).toEqual(
    [`${declared}:latest`, 'poet2:latest', 'poet:latest', 'second:v1', 'third:latest'].toSorted(),
  );
  for (const model of ['poet2', 'second:v1', 'third'])
    expect(await chat(holder, model)).toEqual(expect.any(String));
  expect(existsSync(own(holder)) && readdirSync(own(holder)).length > 3).toBe(true);
}, 180_000);
