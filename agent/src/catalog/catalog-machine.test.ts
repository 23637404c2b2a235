import { describe, expect, test } from '@jest/globals';
import type { CatalogCommand, CatalogOperation, DesiredState, ModelSpec } from '@ollamamax/api';
import { CatalogMachine, type CatalogChange } from './catalog-machine.ts';
import { catalogLimits, featureLevel, type Answer } from './state/catalog-state.ts';
import { decodeCommand, UnknownCommandError } from './state/decode-command.ts';
import { encodeCommand } from './state/encode-command.ts';
import { CatalogSnapshotError, decodeCatalog } from './state/snapshot.ts';

const hash = '$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA';
const config = { voters: [1], outgoing: [], learners: [], learnersNext: [], autoLeave: false };

const spec = (name: string, more: Partial<ModelSpec> = {}): ModelSpec => ({
  name,
  source: { file: `/models/${name}.gguf` },
  ...more,
});

const desired = (revision: number, ...models: ModelSpec[]): DesiredState => ({
  revision,
  models,
  settings: {},
});

const pushed = (state: DesiredState): CatalogOperation => ({ op: 'setDesired', origin: 'pushed', state });

const machineWith = () => {
  const machine = new CatalogMachine();
  let index = 0;
  const run = (operation: CatalogOperation, session?: CatalogCommand['session']): Answer =>
    machine.apply(
      (index += 1),
      encodeCommand({ format: 1, operation, ...(session === undefined ? {} : { session }) }),
    );
  return { machine, run };
};

describe('desired state', () => {
  test('a newer revision is taken over, an equal one changes nothing, an older one is refused', () => {
    const { machine, run } = machineWith();
    expect(run(pushed(desired(3, spec('a'))))).toEqual({ ok: true, value: { revision: 3, changed: true } });
    expect(run(pushed(desired(3, spec('b'))))).toEqual({ ok: true, value: { revision: 3, changed: false } });
    expect(run(pushed(desired(2)))).toMatchObject({ ok: false, code: 'stale_revision' });
    expect(machine.state.desired.models.map(({ name }) => name)).toEqual(['a']);
  });

  test('a configuration never replaces what was pushed', () => {
    const { machine, run } = machineWith();
    const configured = (revision: number, name: string): CatalogOperation => ({
      op: 'setDesired',
      origin: 'configuration',
      state: desired(revision, spec(name)),
    });
    run(configured(1, 'own'));
    run(configured(2, 'other'));
    expect(machine.state.desired.models[0]?.name).toBe('other');
    run(pushed(desired(3, spec('pushed'))));
    expect(run(configured(9, 'own'))).toEqual({ ok: true, value: { revision: 3, changed: false } });
    expect(machine.state.desired.models[0]?.name).toBe('pushed');
  });

  test('keeps the versions of each model, the newest eight, and none of one that is gone', () => {
    const { machine, run } = machineWith();
    run(pushed(desired(1, spec('a'), spec('constructor'))));
    run(pushed(desired(2, spec('a'), spec('constructor'))));
    run(pushed(desired(3, spec('a', { sha256: 'a'.repeat(64) }), spec('constructor'))));
    expect(machine.state.versions['a:latest']?.map(({ revision }) => revision)).toEqual([1, 3]);
    expect(machine.state.versions['constructor:latest']?.map(({ revision }) => revision)).toEqual([1]);
    for (let revision = 4; revision < 20; revision += 1)
      run(pushed(desired(revision, spec('a', { source: { file: `/models/${revision}.gguf` } }))));
    expect(machine.state.versions['a:latest']).toHaveLength(catalogLimits.versions);
    expect(machine.state.versions['a:latest']?.at(-1)?.revision).toBe(19);
    expect(Object.keys(machine.state.versions)).toEqual(['a:latest']);
  });
});

describe('members', () => {
  const admit = (agent: string, incarnation: string, address = 'h:7000'): CatalogOperation => ({
    op: 'admitMember',
    agent,
    incarnation,
    address,
  });

  test('a disk has one number for ever; another disk of the same agent is another member', () => {
    const { machine, run } = machineWith();
    expect(run(admit('a', 'one'))).toEqual({ ok: true, value: { id: 1 } });
    expect(run(admit('b', 'two'))).toEqual({ ok: true, value: { id: 2 } });
    expect(run(admit('a', 'one', 'other:7000'))).toEqual({ ok: true, value: { id: 1 } });
    expect(machine.state.members[1]?.address).toBe('other:7000');
    expect(run(admit('b', 'three'))).toEqual({ ok: true, value: { id: 3 } });
    expect(Object.keys(machine.state.members)).toEqual(['1', '3']);
    run({ op: 'removeMember', id: 3 });
    expect(run(admit('b', 'three'))).toEqual({ ok: true, value: { id: 4 } });
    expect(Object.keys(machine.state.members)).toEqual(['1', '4']);
  });

  test('one that was taken out is still known until the configuration is without it', () => {
    const { machine, run } = machineWith();
    run(admit('a', 'one'));
    run(admit('b', 'two'));
    run({ op: 'removeMember', id: 2 });
    expect([Object.keys(machine.state.members), Object.keys(machine.state.leaving)]).toEqual([['1'], ['2']]);
    machine.membersChanged(4, { ...config, learners: [2] });
    expect(machine.state.leaving).toMatchObject({ 2: { agent: 'b', incarnation: 'two' } });
    machine.membersChanged(5, config);
    expect(machine.state.leaving).toEqual({});
  });
});

describe('drains and users', () => {
  test('come and go by name, also under the name of what every object has', () => {
    const { machine, run } = machineWith();
    run({ op: 'setDrain', agent: 'constructor', since: 5, reason: 'new node' });
    expect(machine.state.drains).toEqual({ constructor: { since: 5, reason: 'new node' } });
    run({ op: 'clearDrain', agent: 'constructor' });
    run({ op: 'clearDrain', agent: 'toString' });
    expect(machine.state.drains).toEqual({});
    run({ op: 'putUser', user: { name: 'constructor', role: 'admin', passwordHash: hash } });
    expect(Object.keys(machine.state.users)).toEqual(['constructor']);
    run({ op: 'removeUser', name: 'constructor' });
    expect(machine.state.users).toEqual({});
  });
});

describe('sessions', () => {
  const drain = (agent: string): CatalogOperation => ({ op: 'setDrain', agent, since: 0, reason: '' });

  test('a command that comes twice is applied once and answered alike', () => {
    const { machine, run } = machineWith();
    const session = { client: 'c', sequence: 1 };
    const admit: CatalogOperation = { op: 'admitMember', agent: 'a', incarnation: 'i', address: 'h:1' };
    const first = run(admit, session);
    run({ op: 'removeMember', id: 1 });
    expect(run(admit, session)).toEqual(first);
    expect(machine.state.members).toEqual({});
  });

  test('one that was overtaken, and a session that was forgotten, are refused', () => {
    const { machine, run } = machineWith();
    run(drain('a'), { client: 'c', sequence: 5 });
    expect(machine.state.drains).toEqual({});
    run(drain('a'), { client: 'c', sequence: 1 });
    run(drain('b'), { client: 'c', sequence: 3 });
    expect(run(drain('c'), { client: 'c', sequence: 2 })).toMatchObject({ ok: false });
    expect(Object.keys(machine.state.drains)).toEqual(['a', 'b']);
  });

  test('the one that rests longest goes when there are too many', () => {
    const { machine, run } = machineWith();
    for (let client = 0; client < catalogLimits.sessions; client += 1)
      run(drain('a'), { client: `c${client}`, sequence: 1 });
    run(drain('a'), { client: 'c0', sequence: 2 });
    run(drain('a'), { client: 'one-more', sequence: 1 });
    expect(Object.keys(machine.state.sessions)).toHaveLength(catalogLimits.sessions);
    expect(machine.state.sessions.c0).toBeDefined();
    expect(machine.state.sessions.c1).toBeUndefined();
  });
});

describe('feature level', () => {
  test('a cluster that has gone ahead leaves a version behind that does not know it: that one stops', () => {
    const { run } = machineWith();
    expect(run({ op: 'raiseFeatureLevel', to: featureLevel })).toEqual({ ok: true, value: {} });
    expect(() => run({ op: 'raiseFeatureLevel', to: featureLevel + 1 })).toThrow(UnknownCommandError);
    expect(() => decodeCommand(new TextEncoder().encode('{"format":1,"operation":{"op":"new"}}'))).toThrow(
      UnknownCommandError,
    );
    for (const text of ['', '{', 'null', '{"format":2}', '{"format":1}', '\u0000'])
      expect(() => decodeCommand(new TextEncoder().encode(text))).toThrow(UnknownCommandError);
  });

  test('what is not valid is refused before it is proposed', () => {
    const operation = { op: 'setDrain', agent: '', since: -1, reason: '' } as CatalogOperation;
    expect(() => encodeCommand({ format: 1, operation })).toThrow(/not valid.*agent/);
  });
});

describe('snapshot', () => {
  test('holds all of it, sessions as well, and replaces all of it', () => {
    const { machine, run } = machineWith();
    run(pushed(desired(2, spec('a'))), { client: 'c', sequence: 1 });
    run({ op: 'setDrain', agent: 'x', since: 1, reason: 'r' });
    const other = new CatalogMachine();
    const changes: CatalogChange[] = [];
    other.watch((change) => changes.push(change));
    other.restore(2, config, machine.snapshot());
    expect(other.state).toEqual(machine.state);
    expect(changes).toEqual([{ index: 2, part: 'all', state: machine.state }]);
    expect([other.index, other.config]).toEqual([2, config]);
  });

  test.each([
    '',
    'null',
    '{}',
    '{"format":1}',
    '{"format":2,"state":{}}',
    '{"format":1,"state":{"featureLevel":9}}',
  ])('is refused when it is not one: %s', (text) => {
    expect(() => decodeCatalog(new TextEncoder().encode(text))).toThrow(CatalogSnapshotError);
  });

  test('of 100 agents and 1,000 models stays below 10 MB', () => {
    const { machine, run } = machineWith();
    const agents = Array.from({ length: 100 }, (_, at) => `agent-${at}.example-namespace`);
    for (const agent of agents) {
      run({
        op: 'admitMember',
        agent,
        incarnation: 'i'.repeat(36),
        address: `${agent}.svc.cluster.local:7000`,
      });
      run({ op: 'setDrain', agent, since: 1, reason: 'r'.repeat(200) }, { client: agent, sequence: 1 });
    }
    for (let revision = 1; revision <= catalogLimits.versions + 2; revision += 1) {
      const models = Array.from({ length: 1000 }, (_, at) =>
        spec(`registry.example/library/model-${at}:7b-instruct-q4_K_M`, {
          sha256: String(revision).repeat(64).slice(0, 64),
          system: 'You are a helpful assistant that answers in short sentences.',
          parameters: { temperature: 0.7, stop: ['<|end|>'] },
        }),
      );
      run(pushed(desired(revision, ...models)));
    }
    expect(Object.values(machine.state.versions)[0]).toHaveLength(catalogLimits.versions);
    expect(machine.snapshot().length).toBeLessThan(10 * 1000 * 1000);
  });
});

test('watchers are told of each part in the order of the log, and not of what changed nothing', () => {
  const { machine, run } = machineWith();
  const seen: [number, string][] = [];
  const stop = machine.watch(({ index, part }) => seen.push([index, part]));
  run({ op: 'setDrain', agent: 'x', since: 1, reason: '' });
  run({ op: 'clearDrain', agent: 'y' });
  run(pushed(desired(1)));
  machine.membersChanged(4, config);
  stop();
  run({ op: 'clearDrain', agent: 'x' });
  expect(seen).toEqual([
    [1, 'drains'],
    [3, 'desired'],
    [4, 'members'],
  ]);
});
