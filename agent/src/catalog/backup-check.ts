import { ApiError, canonicalModelName, isApiError, type CatalogBackup } from '@ollamamax/api';
import { commandsFor } from './backup.ts';
import { checkDesiredState } from './desired-state-check.ts';
import { emptyCatalog } from './state/catalog-state.ts';
import { UnknownCommandError } from './state/decode-command.ts';
import { encodeCommand } from './state/encode-command.ts';

const isCanonical = (name: string): boolean => {
  try {
    return canonicalModelName(name) === name;
  } catch (error) {
    if (isApiError(error)) return false;
    throw error;
  }
};

/**
 * Finds what a schema cannot say and a command of the restore would be refused for: half of a backup is none.
 * @param backup valid by its schema
 * @throws ApiError invalid_request
 */
export const checkBackup = (backup: CatalogBackup): void => {
  const names = backup.users.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new ApiError('invalid_request', `User ${twice} is in the backup twice.`);
  const misnamed = backup.ownModels?.find(({ name }) => !isCanonical(name));
  // Whoever lists the models would stumble over it.
  if (misnamed !== undefined)
    throw new ApiError(
      'invalid_request',
      `${JSON.stringify(misnamed.name)} in the backup is not the whole name of a model.`,
    );
  // One that nobody has pushed has no revision, but may ask for models all the same.
  checkDesiredState({ ...backup.desired, revision: Math.max(1, backup.desired.revision) });
  try {
    for (const operation of commandsFor(backup, emptyCatalog)) encodeCommand({ format: 1, operation });
  } catch (error) {
    if (!(error instanceof UnknownCommandError)) throw error;
    throw new ApiError('invalid_request', `The backup has problems: ${error.message}.`, { cause: error });
  }
};
