import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import formatsPlugin from 'ajv-formats';
import type { Static, TSchema } from 'typebox';

/** One thing that is wrong with a value: where, as a dotted path, and what is expected there. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** Fills defaults in place and returns every problem; none means that the value has type T. */
export type Validator<T> = (
  value: unknown,
) => { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly Problem[] };

// ajv-formats is CommonJS: its callable default is one level deeper under native ESM.
const addFormats = formatsPlugin as unknown as { default?: (target: Ajv) => void } & ((target: Ajv) => void);

const createAjv = (allErrors: boolean): Ajv => {
  const ajv = new Ajv({
    allErrors,
    useDefaults: true,
    strict: true,
    strictTypes: false,
    allowUnionTypes: true,
    keywords: ['x-env', 'x-secret'],
  });
  (addFormats.default ?? addFormats)(ajv);
  return ajv;
};
const stopAtFirst = createAjv(false);
const findAll = createAjv(true);

/** Values with more parts than this get only their first problem listed. */
const maxPartsForAll = 20_000;
/** Problems looked at; further ones are of no use to a reader. */
const maxErrors = 500;

/** Whether a value has at most so many parts; looks at no more than that. */
const isSmall = (value: unknown): boolean => {
  let left = maxPartsForAll;
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const part = waiting.pop();
    if (typeof part !== 'object' || part === null) continue;
    const inner: unknown[] = Array.isArray(part) ? part : Object.values(part);
    left -= inner.length;
    if (left < 0) return false;
    for (const item of inner) waiting.push(item);
  }
  return true;
};

/** A JSON pointer as people write paths: `/messages/0/role` is `messages[0].role`. */
const dotted = (pointer: string): string =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => {
      if (/^\d+$/.test(part)) return `${path}[${part}]`;
      return path === '' ? part : `${path}.${part}`;
    }, '');

const toProblem = (error: ErrorObject): Problem => {
  const path = dotted(error.instancePath);
  const params = error.params as Record<string, unknown>;
  const child = (name: unknown): string => (path === '' ? String(name) : `${path}.${String(name)}`);
  switch (error.keyword) {
    case 'required':
      return { path: child(params.missingProperty), message: 'is required' };
    case 'additionalProperties':
      return { path: child(params.additionalProperty), message: 'is not known here' };
    case 'enum':
      return {
        path,
        message: `must be one of ${(params.allowedValues as unknown[]).map((v) => JSON.stringify(v)).join(', ')}`,
      };
    case 'const':
      return { path, message: `must be ${JSON.stringify(params.allowedValue)}` };
    case 'pattern':
      return { path, message: `does not have the expected form (${String(params.pattern)})` };
    default:
      return { path, message: error.message ?? 'is not valid' };
  }
};

const isUnion = (error: ErrorObject): boolean => error.keyword === 'anyOf' || error.keyword === 'oneOf';

const quoted = (values: readonly unknown[]): string =>
  values.map((value) => JSON.stringify(value)).join(', ');

/** Errors that are not part of a branch of another failed union among them. */
const outermost = (errors: readonly ErrorObject[]): ErrorObject[] => {
  const unions = errors.filter(isUnion);
  return errors.filter(
    (error) =>
      !unions.some((union) => error !== union && error.schemaPath.startsWith(`${union.schemaPath}/`)),
  );
};

/** The errors of each branch of a union; a union nested at the same place counts as branches of this one. */
const branchesOf = (union: ErrorObject, errors: readonly ErrorObject[]): ErrorObject[][] => {
  const prefix = `${union.schemaPath}/`;
  const branches = new Map<string, ErrorObject[]>();
  for (const error of errors) {
    if (error === union || !error.schemaPath.startsWith(prefix)) continue;
    const branch = error.schemaPath.slice(prefix.length).split('/')[0] ?? '';
    branches.set(branch, [...(branches.get(branch) ?? []), error]);
  }
  return [...branches.values()].flatMap((branch) => {
    const nested = outermost(branch).find(
      (error) => isUnion(error) && error.instancePath === union.instancePath,
    );
    return nested === undefined ? [branch] : branchesOf(nested, branch);
  });
};

/** The problems of one failed union: what the branch that was meant wants, or what all branches would take. */
const unionProblems = (union: ErrorObject, errors: readonly ErrorObject[]): Problem[] => {
  const path = dotted(union.instancePath);
  const all = branchesOf(union, errors);
  const here = (error: ErrorObject): boolean => error.instancePath === union.instancePath;
  const ofType = all.filter((branch) => !branch.some((error) => error.keyword === 'type' && here(error)));
  if (ofType.length === 0) return [{ path, message: `must be ${typesOf(all, here).join(' or ')}` }];
  // Fixed values tell variants apart: the branch whose fixed values are right is the one that was meant.
  const fixed = (branch: ErrorObject[]): ErrorObject[] =>
    outermost(branch).filter((error) => error.keyword === 'const' || error.keyword === 'enum');
  const [meant] = ofType
    .filter((branch) => fixed(branch).length === 0)
    .toSorted((a, b) => a.length - b.length);
  if (meant !== undefined) return condense(meant);
  const wrong = ofType.flatMap(fixed);
  const at = dotted(wrong[0]?.instancePath ?? union.instancePath);
  const values = wrong.flatMap(({ params }) =>
    'allowedValues' in params
      ? (params.allowedValues as unknown[])
      : [(params as { allowedValue: unknown }).allowedValue],
  );
  const others = at === path ? typesOf(all, here).map((type) => ` or ${type}`) : [];
  return [
    { path: at, message: `must be ${values.length > 1 ? 'one of ' : ''}${quoted(values)}${others.join('')}` },
  ];
};

const typesOf = (branches: readonly ErrorObject[][], here: (error: ErrorObject) => boolean): string[] => [
  ...new Set(
    branches.flatMap((branch) =>
      branch
        .filter((error) => error.keyword === 'type' && here(error))
        .map((error) => String((error.params as { type: unknown }).type)),
    ),
  ),
];

/** Folds the branches of each failed union into what was meant instead of one problem per branch. */
const condense = (errors: readonly ErrorObject[]): Problem[] => {
  const problems = outermost(errors).flatMap((error) =>
    isUnion(error) ? unionProblems(error, errors) : [toProblem(error)],
  );
  return [...new Map(problems.map((problem) => [`${problem.path} ${problem.message}`, problem])).values()];
};

/**
 * Compiles a schema of ours. Never pass a schema that came from a user: ajv turns schemas into code.
 *
 * A large value with millions of problems must not hold up the process: the first problem ends its check, and all
 * are looked for only in values that are small.
 */
export const compileValidator = <S extends TSchema>(schema: S): Validator<Static<S>> => {
  const validate: ValidateFunction = stopAtFirst.compile(schema);
  let validateAll: ValidateFunction | undefined;
  return (value) => {
    if (validate(value)) return { ok: true, value: value as Static<S> };
    let errors = validate.errors;
    if (isSmall(value)) {
      validateAll ??= findAll.compile(schema);
      validateAll(value);
      errors = validateAll.errors ?? errors;
    }
    return { ok: false, problems: condense((errors ?? []).slice(0, maxErrors)) };
  };
};

/** One sentence out of problems: `options.temperature must be number; messages is required`. */
export const describeProblems = (problems: readonly Problem[]): string =>
  problems
    .map((problem) =>
      problem.path === '' ? `the value ${problem.message}` : `${problem.path} ${problem.message}`,
    )
    .join('; ');
