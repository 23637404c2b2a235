import { describe, expect, test } from '@jest/globals';
import {
  CatalogBackup,
  compileValidator,
  type CatalogOperation,
  type OwnModel,
  type UserRecord,
} from '@ollamamax/api';
import { checkBackup } from './backup-check.ts';
import { backupOf, commandsFor } from './backup.ts';
import { applyCommand } from './state/apply-command.ts';
import { catalogLimits, emptyCatalog, featureLevel, type CatalogState } from './state/catalog-state.ts';
import { decodeCommand } from './state/decode-command.ts';
import { encodeCommand } from './state/encode-command.ts';

const passwordHash = '$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA';

const user = (name: string, more: Partial<UserRecord> = {}): UserRecord => ({
  name,
  role: 'user',
  passwordHash,
  ...more,
});

const desired = (
  revision: number,
  names: readonly string[],
  origin: 'configuration' | 'pushed' = 'pushed',
): CatalogOperation => ({
  op: 'setDesired',
  origin,
  state: {
    revision,
    models: names.map((name) => ({ name, source: { file: `/models/${name}.gguf` } })),
    settings: { contextSize: 1000 + revision },
  },
});

/** As members do it: through the bytes of the log. */
const after = (state: CatalogState, operations: readonly CatalogOperation[]): CatalogState =>
  operations.reduce((before, operation, at) => {
    const command = decodeCommand(encodeCommand({ format: 1, operation }));
    const { state: next, answer } = applyCommand(before, at + 1, command);
    if (!answer.ok) throw new Error(answer.message);
    return next;
  }, state);

const contentOf = ({ desired: { models, settings }, drains, users, ownModels }: CatalogState) => ({
  models,
  settings,
  drains,
  users,
  ownModels,
});

const layer = (digit: string) => ({ mediaType: 'm/x', digest: `sha256:${digit.repeat(64)}`, size: 1 });
const ownModel = (holder: string): OwnModel => ({
  manifest: { config: layer('0'), layers: [layer('1')] },
  holder,
  createdAt: 1,
  createdBy: 'root',
});
const putOwn = (name: string, holder: string): CatalogOperation => ({
  op: 'putOwnModel',
  name,
  model: ownModel(holder),
});

const raised = after(emptyCatalog, [{ op: 'raiseFeatureLevel', to: featureLevel }]);

const a = after(raised, [
  putOwn('own:latest', 'agent-0'),
  // Declared later: the own one is hidden, and still part of the backup.
  putOwn('x:latest', 'agent-1'),
  desired(57, ['x', 'y']),
  { op: 'setDrain', agent: 'agent-1', since: 5, reason: 'disk' },
  { op: 'setDrain', agent: 'agent-2', since: 6, reason: '' },
  { op: 'putUser', user: user('root', { role: 'admin' }) },
  { op: 'putUser', user: user('constructor', { disabled: true }) },
  { op: 'admitMember', agent: 'agent-0', incarnation: 'i', address: '127.0.0.1:7000' },
]);

const others: Record<string, CatalogState> = {
  'an empty one': raised,
  'itself, with more': after(a, [
    desired(80, ['z']),
    { op: 'clearDrain', agent: 'agent-1' },
    { op: 'setDrain', agent: 'agent-2', since: 7, reason: 'other' },
    { op: 'setDrain', agent: 'agent-9', since: 8, reason: '' },
    { op: 'putUser', user: user('root', { role: 'readonly' }) },
    { op: 'putUser', user: user('eve') },
    putOwn('own:latest', 'agent-2'),
    putOwn('eve:latest', 'agent-2'),
  ]),
  'one of a configuration': after(raised, [desired(3, ['own'], 'configuration')]),
  itself: a,
};

const backup = backupOf(a, 'old', 12, '2026-01-01T00:00:00.000Z');

describe('a backup', () => {
  test('is what the contract says, also through JSON, and holds no member', () => {
    const parsed = JSON.parse(JSON.stringify(backup)) as unknown;
    expect(compileValidator(CatalogBackup)(parsed)).toEqual({ ok: true, value: backup });
    expect(JSON.stringify(backup)).not.toContain('127.0.0.1');
    expect(compileValidator(CatalogBackup)(backupOf(emptyCatalog, 'c', 0, ''))).toMatchObject({ ok: true });
  });

  test.each(Object.entries(others))('brings %s to its content', (_name, b) => {
    expect(contentOf(after(b, commandsFor(backup, b)))).toEqual(contentOf(a));
    const again = after(b, commandsFor(backup, b));
    expect(commandsFor(backup, again)).toEqual([]);
  });

  test('of an empty catalogue empties another one', () => {
    const emptied = after(a, commandsFor(backupOf(emptyCatalog, 'c', 0, ''), a));
    expect(contentOf(emptied)).toEqual(contentOf(emptyCatalog));
    expect(emptied.members).toEqual(a.members);
  });

  test.each(Object.entries(others).slice(0, 3))('gives %s a revision above both', (_name, b) => {
    const [first] = commandsFor(backup, b);
    if (first?.op !== 'setDesired') throw new Error('no desired state');
    expect(first.state.revision).toBe(Math.max(57, b.desired.revision) + 1);
  });

  test('of a configuration is one again, but where something was pushed', () => {
    const configured = backupOf(after(emptyCatalog, [desired(2, ['own'], 'configuration')]), 'c', 1, '');
    expect(commandsFor(configured, emptyCatalog)).toMatchObject([{ origin: 'configuration' }]);
    expect(commandsFor(configured, a)[0]).toMatchObject({ origin: 'pushed' });
    expect(contentOf(after(a, commandsFor(configured, a))).models).toMatchObject([{ name: 'own' }]);
  });

  test('of an older version, which says nothing of own models, leaves them as they are', () => {
    const { ownModels: _unsaid, ...old } = backup;
    expect(commandsFor(old, a)).toEqual([]);
    const without = after(raised, [desired(57, ['x', 'y'])]);
    expect(after(without, commandsFor(old, without)).ownModels).toEqual({});
  });

  test('removes users first where there is no room for all', () => {
    const named = (prefix: string, count: number): CatalogState['users'] =>
      Object.fromEntries(
        Array.from({ length: count }, (_unused, at) => [`${prefix}${at}`, user(`${prefix}${at}`)]),
      );
    const many = { ...emptyCatalog, users: named('a', catalogLimits.users) };
    const full = { ...emptyCatalog, users: named('b', catalogLimits.users) };
    const operations = commandsFor(backupOf(many, 'c', 1, ''), full);
    expect(operations[0]).toMatchObject({ op: 'removeUser' });
    expect(operations).toHaveLength(2 * catalogLimits.users);
    expect(commandsFor(backup, { ...emptyCatalog, users: named('b', 3) }).at(-1)).toMatchObject({
      op: 'removeUser',
    });
  });

  test('is checked as a whole before anything of it counts', () => {
    expect(() => checkBackup(backup)).not.toThrow();
    const twice = { ...backup, users: [...backup.users, ...backup.users] };
    expect(() => checkBackup(twice)).toThrow('User constructor is in the backup twice.');
    const nobody = { ...backup, drains: { '': { since: 0, reason: '' } } };
    expect(() => checkBackup(nobody)).toThrow(/setDrain is not valid: agent/);
    const models = [...backup.desired.models, ...backup.desired.models];
    expect(() => checkBackup({ ...backup, desired: { ...backup.desired, models } })).toThrow(
      /x:latest again/,
    );
  });

  test('is refused when a name in it is none of a model: whoever lists the models would stumble over it', () => {
    const ownModels = [{ name: 'a/b:', model: ownModel('agent-0') }];
    expect(() => checkBackup({ ...backup, ownModels })).toThrow('"a/b:" in the backup is not the whole name');
    const spec = { name: 'a//b', source: { file: '/a.gguf' } };
    const unpushed = { ...backup.desired, revision: 0, models: [spec] };
    expect(() => checkBackup({ ...backup, desired: unpushed })).toThrow(
      'models[0].name is not a valid model name',
    );
  });
});
