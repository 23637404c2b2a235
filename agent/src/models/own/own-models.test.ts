import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { CatalogOperation, InferenceRequest, ModelSpec, OwnModel } from '@ollamamax/api';
import { silentLogger } from '@ollamamax/common';
import { CatalogMachine } from '../../catalog/catalog-machine.ts';
import { ownModelsLevel, type CatalogState } from '../../catalog/state/catalog-state.ts';
import { encodeCommand } from '../../catalog/state/encode-command.ts';
import { eventually, tiny, tinyDigest } from '../model-store.fixture.ts';
import { BlobStore } from './blob-store.ts';
import { configType, layerTypes } from './layer-types.ts';
import { OwnModels } from './own-models.ts';

const file = readFileSync(tiny);
const digest = `sha256:${tinyDigest}`;
let folder: string;
let blobs: BlobStore;
let own: OwnModels;
let warnings: unknown[];
let current: boolean;
let machine: CatalogMachine;
let index: number;

const run = (operation: CatalogOperation): void => {
  const answer = machine.apply((index += 1), encodeCommand({ format: 1, operation }));
  if (!answer.ok) throw new Error(answer.message);
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'own-'));
  blobs = new BlobStore(folder, silentLogger, () => Promise.resolve(), { goneMs: 0 });
  machine = new CatalogMachine();
  index = 0;
  warnings = [];
  current = true;
  run({ op: 'raiseFeatureLevel', to: ownModelsLevel });
  own = new OwnModels({
    agent: 'a',
    catalog: {
      agreed: () => machine.state,
      onAgreed: (listener: (state: CatalogState) => void) => machine.watch(({ state }) => listener(state)),
    },
    blobs,
    inUse: () => false,
    current: () => current,
    log: { ...silentLogger, warn: (_text: string, fields?: object) => warnings.push(fields) },
    sweepMs: 10,
  });
  await own.start();
});
afterEach(async () => {
  await own.stop();
  rmSync(folder, { recursive: true });
});

const layer = async (mediaType: string, bytes: string | Buffer): Promise<OwnModel['manifest']['config']> => {
  const { digest: of, size } = await blobs.add(Buffer.from(bytes));
  return { mediaType, digest: of, size };
};

const put = async (
  name: string,
  texts: Readonly<Record<string, string>> = {},
  holder = 'a',
  weights: string | Buffer = file,
): Promise<void> => {
  const layers = [await layer(layerTypes.model, weights)];
  for (const [type, text] of Object.entries(texts)) layers.push(await layer(type, text));
  const manifest = { config: await layer(configType, '{}'), layers };
  run({ op: 'putOwnModel', name, model: { manifest, holder, createdAt: 1, createdBy: 'ada' } });
};

const declare = (revision: number, ...names: string[]): void => {
  const models = names.map((name): ModelSpec => ({ name, source: { file: '/m.gguf' } }));
  run({ op: 'setDesired', origin: 'pushed', state: { revision, models, settings: {} } });
};

const served = (): string[] => own.served().models.map(({ name }) => name);
const known = (name: string): Promise<void> => eventually(`${name} is known`, () => own.isKnown(name));

const chat = (model: string): InferenceRequest => ({
  id: 'r',
  model,
  sampling: {},
  input: { kind: 'chat', messages: [{ role: 'user', content: 'Hello' }] },
});

describe('models of people', () => {
  test('are served beside the declared ones, from their holder alone', async () => {
    declare(1, 'declared');
    await put('mine:latest', {
      [layerTypes.system]: 'Be kind.',
      [layerTypes.params]: '{"temperature":0,"stop":["x"]}',
      [layerTypes.template]: '{% for m in messages %}{% endfor %}',
    });
    await put('far:latest', {}, 'b');
    await known('mine:latest');
    const [, mine, far] = own.served().models;
    expect(mine).toEqual({
      name: 'mine:latest',
      source: { file: blobs.path(digest) },
      sha256: tinyDigest,
      replicas: 1,
      agents: ['a'],
      system: 'Be kind.',
      template: '{% for m in messages %}{% endfor %}',
      parameters: { temperature: 0, stop: ['x'] },
    });
    expect(far).toMatchObject({ name: 'far:latest', agents: ['b'] });
    expect(own.served()).toBe(own.served());
    expect(own.isKnown('far:latest')).toBe(true);
  });

  test('give way to a declared one of their name, with a word in the log, and come back after it', async () => {
    declare(1);
    await put('mine:latest');
    await known('mine:latest');
    declare(2, 'Mine', 'other');
    expect(served()).toEqual(['Mine', 'other']);
    expect(own.find('mine:latest')).toBeUndefined();
    expect(warnings).toEqual([{ model: 'mine:latest' }]);
    declare(3);
    await known('mine:latest');
    expect(served()).toEqual(['mine:latest']);
    expect(await readdir(folder)).toHaveLength(2);
  });

  test('whose texts are damaged are served without them', async () => {
    await put('odd:latest', { [layerTypes.params]: 'no JSON', [layerTypes.messages]: '[{"role":7}]' });
    await known('odd:latest');
    expect(own.served().models[0]).toMatchObject({ name: 'odd:latest', parameters: {} });
    expect(own.prepare(chat('odd:latest'))).toEqual(chat('odd:latest'));
  });
});

describe('a chat', () => {
  test('begins with the messages of its model', async () => {
    const seed = [{ role: 'assistant', content: 'Welcome.' }];
    await put('mine:latest', { [layerTypes.messages]: JSON.stringify(seed) });
    await known('mine:latest');
    expect(own.prepare(chat('mine:latest')).input).toEqual({
      kind: 'chat',
      messages: [...seed, { role: 'user', content: 'Hello' }],
    });
    expect(own.prepare(chat('declared:latest'))).toEqual(chat('declared:latest'));
  });

  test("uses the file's template when the model has one in Go's language, which is shown", async () => {
    await put('mine:latest', { [layerTypes.template]: '{{ .Prompt }}', [layerTypes.license]: 'MIT' });
    await known('mine:latest');
    expect(own.prepare(chat('mine:latest'))).toEqual(chat('mine:latest'));
    expect(own.served().models[0]).not.toHaveProperty('template');
    const show = { name: 'mine:latest', template: 'jinja', license: '' } as Parameters<
      OwnModels['describe']
    >[0];
    expect(own.describe(show)).toEqual({ name: 'mine:latest', template: '{{ .Prompt }}', license: 'MIT' });
  });

  test("is refused when there is only one in Go's language", async () => {
    const bare = Buffer.from(
      file.toString('latin1').replace('tokenizer.chat_template', 'tokenizer.chat_templatX'),
      'latin1',
    );
    await put('bare:latest', { [layerTypes.template]: '{{ .Prompt }}' }, 'a', bare);
    await known('bare:latest');
    expect(() => own.prepare(chat('bare:latest'))).toThrow(/in Jinja/);
    const raw: InferenceRequest = { ...chat('bare:latest'), input: { kind: 'load' } };
    expect(own.prepare(raw)).toBe(raw);
  });
});

describe('blobs', () => {
  test('go with the last model that has them', async () => {
    await put('one:latest');
    await put('two:latest', { [layerTypes.system]: 'Be kind.' });
    await known('two:latest');
    expect(await readdir(folder)).toHaveLength(3);
    run({ op: 'removeOwnModel', name: 'two:latest' });
    await eventually('the text is gone', async () => (await readdir(folder)).length === 2);
    run({ op: 'removeOwnModel', name: 'one:latest' });
    await eventually('all is gone', async () => (await readdir(folder)).length === 0);
  });

  test('stay while this agent may have missed what was agreed on', async () => {
    await put('one:latest');
    await known('one:latest');
    current = false;
    run({ op: 'removeOwnModel', name: 'one:latest' });
    await own.stop();
    expect(await readdir(folder)).toHaveLength(2);
  });
});
