import { protocolOf, leavesByItself, type ConfigChange } from '../../raft/core/config-change/change.ts';
import {
  ConfigChangeError,
  enterJoint,
  leaveJoint,
  simpleChange,
} from '../../raft/core/config-change/changer.ts';
import { ConfigCodecError, decodeConfigChange } from '../../raft/core/config-change/codec.ts';
import type { ConfState, Index } from '../../raft/core/types.ts';
import { unwrapRequest } from '../../raft/node/request-id.ts';
import type { OfflineLog, PlacedEntry } from '../../raft/offline/offline-log.ts';
import { readSnapshot, type OfflineSnapshot } from '../../raft/offline/offline-snapshots.ts';
import { StorageError } from '../../raft/storage/storage-error.ts';
import type { Vfs } from '../../raft/storage/vfs.ts';
import { CatalogMachine } from '../catalog-machine.ts';
import type { CatalogState } from '../state/catalog-state.ts';
import { decodeCommand, UnknownCommandError } from '../state/decode-command.ts';
import { CatalogSnapshotError, decodeCatalog } from '../state/snapshot.ts';

/** What the entries up to one of them add up to. */
export interface CatalogAt {
  readonly index: Index;
  readonly config: ConfState;
  readonly state: CatalogState;
}

/** Bytes that are whole and mean nothing to this version. */
const notUnderstood = (what: string, file: string, cause: Error, offset?: number): StorageError =>
  new StorageError(
    'wal_newer_format',
    `${what} in ${file}${offset === undefined ? '' : ` at byte ${offset}`} is not understood: ${cause.message}.`,
    { file, cause, ...(offset === undefined ? {} : { offset }) },
  );

/** Checks that a snapshot means something to this version. @throws StorageError wal_newer_format */
export const checkSnapshot = ({ file, state }: OfflineSnapshot): void => {
  try {
    decodeCatalog(state);
  } catch (error) {
    if (error instanceof CatalogSnapshotError) throw notUnderstood('The snapshot', file, error);
    throw error;
  }
};

/** @returns undefined for a change that every member refuses alike */
const changed = (config: ConfState, change: ConfigChange): ConfState | undefined => {
  try {
    switch (protocolOf(change)) {
      case 'leaveJoint':
        return leaveJoint(config);
      case 'simple':
        return simpleChange(config, change.changes);
      case 'enterJoint':
        return enterJoint(config, change.changes, leavesByItself(change));
    }
  } catch (error) {
    if (error instanceof ConfigChangeError) return undefined;
    throw error;
  }
};

/** Tells where what is not understood stands. */
const explained = <T>({ entry, file, offset }: PlacedEntry, read: () => T): T => {
  try {
    return read();
  } catch (error) {
    if (error instanceof UnknownCommandError || error instanceof ConfigCodecError)
      throw notUnderstood(`Entry ${entry.index}`, file, error, offset);
    throw error;
  }
};

/** Checks that an entry means something to this version. @throws StorageError wal_newer_format */
export const checkEntry = (placed: PlacedEntry): void =>
  explained(placed, () => {
    const { type, data } = placed.entry;
    const request = type === 'normal' ? unwrapRequest(data) : undefined;
    if (type === 'config') decodeConfigChange(data);
    else if (request !== undefined) decodeCommand(request.payload);
  });

/** Applies an entry as the driver of a running member does. @returns the members after it */
const follow = (machine: CatalogMachine, config: ConfState, placed: PlacedEntry): ConfState =>
  explained(placed, () => {
    const { index, type, data } = placed.entry;
    if (type === 'config') {
      const next = changed(config, decodeConfigChange(data));
      if (next !== undefined) machine.membersChanged(index, next);
      return next ?? config;
    }
    // A new leader's first entry is nobody's request.
    const request = unwrapRequest(data);
    if (request !== undefined) machine.apply(index, request.payload);
    return config;
  });

/**
 * The catalogue and the members as of an entry: the snapshot that the log goes on behind, and the entries behind that.
 * @param upTo at least the index of that snapshot
 * @throws StorageError
 */
export const catalogAt = (vfs: Vfs, snapshots: string, log: OfflineLog, upTo: Index): CatalogAt => {
  const { snapshot } = log.summary;
  let { config } = snapshot;
  const machine = new CatalogMachine();
  if (snapshot.index > 0) {
    const found = readSnapshot(vfs, snapshots, snapshot);
    checkSnapshot(found);
    machine.restore(snapshot.index, config, found.state);
  }
  for (const placed of log.entries(snapshot.index + 1, upTo + 1)) config = follow(machine, config, placed);
  return { index: upTo, config, state: machine.state };
};
