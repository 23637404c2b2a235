import type { CatalogOperation } from './catalog-command.ts';

const known: Readonly<Record<CatalogOperation['op'], true>> = {
  setDesired: true,
  setDrain: true,
  clearDrain: true,
  putUser: true,
  removeUser: true,
  admitMember: true,
  removeMember: true,
  putOwnModel: true,
  removeOwnModel: true,
  raiseFeatureLevel: true,
};

/** Whether this version has such a kind of command. Needs no schema: the thread of the log reads commands with it. */
export const isCatalogOperation = (op: unknown): op is CatalogOperation['op'] =>
  typeof op === 'string' && Object.hasOwn(known, op);
