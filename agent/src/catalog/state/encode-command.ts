import {
  CatalogOperation,
  CatalogSession,
  compileValidator,
  describeProblems,
  type CatalogCommand,
} from '@ollamamax/api';
import { UnknownCommandError } from './decode-command.ts';

// One for each kind: which of them a command is meant to be decides what is wrong with it.
const validators = new Map(
  CatalogOperation.anyOf.map((schema) => [schema.properties.op.const as string, compileValidator(schema)]),
);
const validateSession = compileValidator(CatalogSession);

const encoder = new TextEncoder();

/**
 * Checked here and nowhere later: what is in the log must mean the same to every version that can read it.
 * @throws UnknownCommandError for one that is not valid
 */
export const encodeCommand = ({ format, session, operation }: CatalogCommand): Uint8Array => {
  const checked = validators.get(operation.op)?.(structuredClone(operation));
  if (checked === undefined) throw new UnknownCommandError(`a command ${operation.op} does not exist`);
  const ofSession = session === undefined ? undefined : validateSession({ ...session });
  const problems = [checked, ofSession].flatMap((one) => (one?.ok === false ? one.problems : []));
  if (!checked.ok || problems.length > 0)
    throw new UnknownCommandError(`a command ${operation.op} is not valid: ${describeProblems(problems)}`);
  return encoder.encode(JSON.stringify({ format, session, operation: checked.value }));
};
