import type { CatalogBackup, CatalogOperation, UserRecord } from '@ollamamax/api';
import { catalogLimits, type CatalogState, type DrainMark } from './state/catalog-state.ts';

/** What of a catalogue a backup holds: all but what belongs to its very members, their sessions and its history. */
export type BackedUp = Pick<CatalogState, 'desired' | 'desiredOrigin' | 'ownModels' | 'drains' | 'users'>;

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

/**
 * @param index entry up to which the state holds everything
 * @param takenAt ISO time
 */
export const backupOf = (
  { desired, desiredOrigin, ownModels, drains, users }: BackedUp,
  clusterId: string,
  index: number,
  takenAt: string,
): CatalogBackup => ({
  format: 1,
  takenAt,
  clusterId,
  index,
  desired,
  desiredOrigin,
  drains: Object.fromEntries(Object.entries(drains).sort(byKey)),
  users: Object.entries(users)
    .sort(byKey)
    .map(([, user]) => user),
  ownModels: Object.entries(ownModels)
    .sort(byKey)
    .map(([name, model]) => ({ name, model })),
});

/** What a backup holds, as a part of a catalogue. An old one says nothing of own models: those of `state` count then. */
export const contentOf = (
  { desired, desiredOrigin, ownModels, drains, users }: CatalogBackup,
  state: Pick<BackedUp, 'ownModels'> = { ownModels: {} },
): BackedUp => ({
  desired,
  desiredOrigin,
  ownModels:
    ownModels === undefined
      ? state.ownModels
      : Object.fromEntries(ownModels.map(({ name, model }) => [name, model])),
  drains,
  users: Object.fromEntries(users.map((user) => [user.name, user])),
});

const own = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;

const sameDrain = (a: DrainMark | undefined, b: DrainMark): boolean =>
  a?.since === b.since && a.reason === b.reason;

const sameUser = (a: UserRecord | undefined, b: UserRecord): boolean =>
  a?.role === b.role && a.passwordHash === b.passwordHash && (a.disabled ?? false) === (b.disabled ?? false);

const asksForTheSame = (a: BackedUp['desired'], b: BackedUp['desired']): boolean =>
  JSON.stringify([a.models, a.settings]) === JSON.stringify([b.models, b.settings]);

const desiredCommands = (backup: BackedUp, state: BackedUp): CatalogOperation[] => {
  const { desired, desiredOrigin } = backup;
  if (asksForTheSame(desired, state.desired)) return [];
  // What was pushed is never replaced by a configuration: not even by one that was backed up.
  const wasPushed = state.desired.revision > 0 && state.desiredOrigin === 'pushed';
  const origin = wasPushed ? 'pushed' : desiredOrigin;
  // Above both: whoever has pushed the backed-up one, and knows its revision, must see that this is another.
  const revision = Math.max(desired.revision, state.desired.revision) + 1;
  return [{ op: 'setDesired', origin, state: { ...desired, revision } }];
};

const drainCommands = (backup: BackedUp, state: BackedUp): CatalogOperation[] => [
  ...Object.keys(state.drains)
    .filter((agent) => own(backup.drains, agent) === undefined)
    .map((agent): CatalogOperation => ({ op: 'clearDrain', agent })),
  ...Object.entries(backup.drains)
    .filter(([agent, mark]) => !sameDrain(own(state.drains, agent), mark))
    .map(([agent, { since, reason }]): CatalogOperation => ({ op: 'setDrain', agent, since, reason })),
];

const ownModelCommands = (backup: BackedUp, state: BackedUp): CatalogOperation[] => [
  ...Object.keys(state.ownModels)
    .filter((name) => own(backup.ownModels, name) === undefined)
    .map((name): CatalogOperation => ({ op: 'removeOwnModel', name })),
  ...Object.entries(backup.ownModels)
    .filter(([name, model]) => JSON.stringify(own(state.ownModels, name)) !== JSON.stringify(model))
    .map(([name, model]): CatalogOperation => ({ op: 'putOwnModel', name, model, evenIfDeclared: true })),
];

const userCommands = (backup: BackedUp, state: BackedUp): CatalogOperation[] => {
  const put = Object.values(backup.users)
    .filter((user) => !sameUser(own(state.users, user.name), user))
    .map((user): CatalogOperation => ({ op: 'putUser', user }));
  const remove = Object.keys(state.users)
    .filter((name) => own(backup.users, name) === undefined)
    .map((name): CatalogOperation => ({ op: 'removeUser', name }));
  // Whoever restores may be one of those that go: last, so that a try that broke off can be made again.
  const fits = Object.keys(backup.users).length + remove.length <= catalogLimits.users;
  return fits ? [...put, ...remove] : [...remove, ...put];
};

/** What brings a catalogue to what a backup holds; nothing when it holds that already. */
export const commandsFor = (backup: CatalogBackup, state: BackedUp): readonly CatalogOperation[] => {
  const content = contentOf(backup, state);
  return [
    ...desiredCommands(content, state),
    ...ownModelCommands(content, state),
    ...drainCommands(content, state),
    ...userCommands(content, state),
  ];
};
