import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import formatsPlugin from 'ajv-formats';
import type { Static, TSchema } from 'typebox';

/** One thing that is wrong with a value: where, as a dotted path, and what is expected there. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

export interface Validator<T> {
  /** Fills defaults in place and returns every problem; none means that the value has type T. */
  (
    value: unknown,
  ): { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly Problem[] };
}

const ajv = new Ajv({
  allErrors: true,
  useDefaults: true,
  strict: true,
  strictTypes: false,
  allowUnionTypes: true,
  keywords: ['x-env', 'x-secret'],
});
// ajv-formats is CommonJS: its callable default is one level deeper under native ESM.
const addFormats = formatsPlugin as unknown as { default?: (target: Ajv) => void } & ((target: Ajv) => void);
(addFormats.default ?? addFormats)(ajv);

const dotted = (pointer: string): string =>
  pointer
    .replace(/^\//, '')
    .replaceAll('~1', '/')
    .replaceAll('~0', '~')
    .replace(/\/(\d+)(?=\/|$)/g, '[$1]')
    .replaceAll('/', '.');

const toProblem = (error: ErrorObject): Problem => {
  const path = dotted(error.instancePath);
  const params = error.params as Record<string, unknown>;
  const child = (name: unknown): string => (path === '' ? String(name) : `${path}.${String(name)}`);
  switch (error.keyword) {
    case 'required':
      return { path: child(params['missingProperty']), message: 'is required' };
    case 'additionalProperties':
      return { path: child(params['additionalProperty']), message: 'is not known here' };
    case 'enum':
      return {
        path,
        message: `must be one of ${(params['allowedValues'] as unknown[]).map((v) => JSON.stringify(v)).join(', ')}`,
      };
    case 'const':
      return { path, message: `must be ${JSON.stringify(params['allowedValue'])}` };
    case 'pattern':
      return { path, message: `does not have the expected form (${String(params['pattern'])})` };
    default:
      return { path, message: error.message ?? 'is not valid' };
  }
};

/** Folds the branches of a failed union into one sentence instead of one problem per branch. */
const condense = (errors: readonly ErrorObject[]): Problem[] => {
  const unions = errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf');
  const inUnion = (error: ErrorObject): boolean =>
    unions.some((union) => error !== union && error.schemaPath.startsWith(union.schemaPath));
  const problems = errors
    .filter((error) => !inUnion(error))
    .map((error) => {
      if (error.keyword !== 'anyOf' && error.keyword !== 'oneOf') return toProblem(error);
      const branches = errors.filter(
        (other) => other !== error && other.schemaPath.startsWith(error.schemaPath),
      );
      const constants = branches
        .filter((branch) => branch.keyword === 'const')
        .map((branch) => JSON.stringify((branch.params as { allowedValue: unknown }).allowedValue));
      if (constants.length > 0 && constants.length === branches.length)
        return { path: dotted(error.instancePath), message: `must be one of ${constants.join(', ')}` };
      const deepest = branches.filter(
        (branch) => branch.instancePath.length > error.instancePath.length || branch.keyword !== 'type',
      );
      const [first] = deepest.length > 0 ? deepest : branches;
      return first === undefined ? toProblem(error) : toProblem(first);
    });
  return [...new Map(problems.map((problem) => [`${problem.path} ${problem.message}`, problem])).values()];
};

/** Compiles a schema of ours. Never pass a schema that came from a user: ajv turns schemas into code. */
export const compileValidator = <S extends TSchema>(schema: S): Validator<Static<S>> => {
  const validate: ValidateFunction = ajv.compile(schema);
  return (value) =>
    validate(value)
      ? { ok: true, value: value as Static<S> }
      : { ok: false, problems: condense(validate.errors ?? []) };
};

/** One sentence out of problems: `options.temperature must be number; messages is required`. */
export const describeProblems = (problems: readonly Problem[]): string =>
  problems
    .map((problem) =>
      problem.path === '' ? `the value ${problem.message}` : `${problem.path} ${problem.message}`,
    )
    .join('; ');
