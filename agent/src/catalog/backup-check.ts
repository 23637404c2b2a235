import { ApiError, type CatalogBackup } from '@ollamamax/api';
import { commandsFor } from './backup.ts';
import { checkDesiredState } from './desired-state-check.ts';
import { emptyCatalog } from './state/catalog-state.ts';
import { UnknownCommandError } from './state/decode-command.ts';
import { encodeCommand } from './state/encode-command.ts';

/**
 * Finds what a schema cannot say and a command of the restore would be refused for: half of a backup is none.
 * @param backup valid by its schema
 * @throws ApiError invalid_request
 */
export const checkBackup = (backup: CatalogBackup): void => {
  const names = backup.users.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new ApiError('invalid_request', `User ${twice} is in the backup twice.`);
  if (backup.desired.revision > 0) checkDesiredState(backup.desired);
  try {
    for (const operation of commandsFor(backup, emptyCatalog)) encodeCommand({ format: 1, operation });
  } catch (error) {
    if (!(error instanceof UnknownCommandError)) throw error;
    throw new ApiError('invalid_request', `The backup has problems: ${error.message}.`, { cause: error });
  }
};
