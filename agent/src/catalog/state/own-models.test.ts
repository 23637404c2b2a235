import { describe, expect, test } from '@jest/globals';
import type { CatalogOperation, ModelSpec, OwnModel } from '@ollamamax/api';
import { CatalogMachine, type CatalogChange } from '../catalog-machine.ts';
import { catalogLimits, ownModelsLevel, type Answer, type CatalogState } from './catalog-state.ts';
import { UnknownCommandError } from './decode-command.ts';
import { encodeCommand } from './encode-command.ts';

const config = { voters: [1], outgoing: [], learners: [], learnersNext: [], autoLeave: false };

const layer = (digit: string, size: number) => ({
  mediaType: 'application/vnd.ollama.image.model',
  digest: `sha256:${digit.repeat(64)}`,
  size,
});

const model = (more: Partial<OwnModel> = {}): OwnModel => ({
  manifest: { config: layer('0', 100), layers: [layer('1', 5000)] },
  holder: 'agent-0',
  createdAt: 5,
  createdBy: 'ada',
  ...more,
});

const put = (name: string, more: Partial<OwnModel> = {}): CatalogOperation => ({
  op: 'putOwnModel',
  name,
  model: model(more),
});

const declare = (revision: number, ...names: string[]): CatalogOperation => ({
  op: 'setDesired',
  origin: 'pushed',
  state: {
    revision,
    models: names.map((name): ModelSpec => ({ name, source: { file: '/m.gguf' } })),
    settings: {},
  },
});

const machineAt = (level: number) => {
  const machine = new CatalogMachine();
  let index = 0;
  const run = (operation: CatalogOperation): Answer =>
    machine.apply((index += 1), encodeCommand({ format: 1, operation }));
  if (level > 1) run({ op: 'raiseFeatureLevel', to: level });
  return { machine, run };
};

describe('models of people', () => {
  test('are put, replaced and removed by name, and watchers are told', () => {
    const { machine, run } = machineAt(ownModelsLevel);
    const parts: CatalogChange['part'][] = [];
    machine.watch(({ part }) => parts.push(part));
    expect(run(put('a:latest'))).toEqual({ ok: true, value: {} });
    run(put('constructor:latest'));
    run(put('a:latest', { holder: 'agent-1' }));
    expect(machine.state.ownModels['a:latest']).toEqual(model({ holder: 'agent-1' }));
    run({ op: 'removeOwnModel', name: 'a:latest' });
    run({ op: 'removeOwnModel', name: 'valueof:latest' });
    expect(Object.keys(machine.state.ownModels)).toEqual(['constructor:latest']);
    expect(parts).toEqual(['ownModels', 'ownModels', 'ownModels', 'ownModels']);
  });

  test('stay when another desired state is pushed, also under a name that it declares', () => {
    const { machine, run } = machineAt(ownModelsLevel);
    run(put('a:latest'));
    run(put('b:latest'));
    run(declare(1, 'A', 'c'));
    expect(Object.keys(machine.state.ownModels)).toEqual(['a:latest', 'b:latest']);
    run(declare(2));
    expect(run(put('a:latest', { createdBy: 'bob' }))).toMatchObject({ ok: true });
  });

  test('cannot take the name of a declared one, but in a backup', () => {
    const { machine, run } = machineAt(ownModelsLevel);
    run(declare(1, 'A'));
    expect(run(put('a:latest'))).toMatchObject({ ok: false, code: 'model_declared' });
    expect(machine.state.ownModels).toEqual({});
    const ofBackup = { ...put('a:latest'), evenIfDeclared: true } as CatalogOperation;
    expect(run(ofBackup)).toMatchObject({ ok: true });
  });

  test('are refused until the group has the feature level of them', () => {
    const { machine, run } = machineAt(1);
    expect(run(put('a:latest'))).toMatchObject({ ok: false, code: 'agents_outdated' });
    run({ op: 'raiseFeatureLevel', to: ownModelsLevel });
    expect(run(put('a:latest'))).toMatchObject({ ok: true });
    expect(machine.state.featureLevel).toBe(ownModelsLevel);
  });

  test('are bounded in number; those that are there can still be replaced', () => {
    const { machine, run } = machineAt(ownModelsLevel);
    const many: CatalogState['ownModels'] = Object.fromEntries(
      Array.from({ length: catalogLimits.ownModels }, (_unused, at) => [`m${at}:latest`, model()]),
    );
    const full = { format: 1, state: { ...machine.state, ownModels: many } };
    machine.restore(5, config, new TextEncoder().encode(JSON.stringify(full)));
    expect(run(put('one-more:latest'))).toMatchObject({
      ok: false,
      code: 'invalid_request',
      message: expect.stringContaining('delete one first'),
    });
    expect(run(put('m7:latest', { holder: 'other' }))).toMatchObject({ ok: true });
    expect(machine.snapshot().length).toBeLessThan(2 * 1000 * 1000);
  });

  test('are in a snapshot', () => {
    const { machine, run } = machineAt(ownModelsLevel);
    run(put('a:latest'));
    const other = new CatalogMachine();
    other.restore(2, config, machine.snapshot());
    expect(other.state).toEqual(machine.state);
  });

  test.each<[string, CatalogOperation]>([
    ['a name that is not canonical', put('A')],
    [
      'a digest of something else',
      put('a:latest', { manifest: { config: layer('0', 1), layers: [layer('x', 1)] } }),
    ],
    ['no layer', put('a:latest', { manifest: { config: layer('0', 1), layers: [] } })],
    [
      'too many layers',
      put('a:latest', {
        manifest: { config: layer('0', 1), layers: Array.from({ length: 33 }, () => layer('1', 1)) },
      }),
    ],
    ['a holder that is no agent', put('a:latest', { holder: '../x' })],
  ])('with %s are refused before they are proposed', (_what, operation) => {
    expect(() => encodeCommand({ format: 1, operation })).toThrow(UnknownCommandError);
  });
});
