import type { CatalogCommand } from '@ollamamax/api';
import { isCatalogOperation } from '@ollamamax/api/wire/catalog-operations';

/** A command that this version does not understand: applying it otherwise than others would split the members. */
export class UnknownCommandError extends Error {
  override readonly name = 'UnknownCommandError';
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** @throws UnknownCommandError */
export const decodeCommand = (bytes: Uint8Array): CatalogCommand => {
  let value: Partial<CatalogCommand> | null;
  try {
    value = JSON.parse(decoder.decode(bytes)) as Partial<CatalogCommand> | null;
  } catch (error) {
    throw new UnknownCommandError('a command in the log is not JSON', { cause: error });
  }
  if (value?.format !== 1 || !isCatalogOperation(value.operation?.op))
    throw new UnknownCommandError(
      `a command in the log (${String(value?.operation?.op)}) is of a version that this one does not know`,
    );
  return value as CatalogCommand;
};
