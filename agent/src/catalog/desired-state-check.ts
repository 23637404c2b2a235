import {
  ApiError,
  canonicalModelName,
  compileValidator,
  DesiredState,
  describeProblems,
  isApiError,
  type ModelSpec,
  type Problem,
} from '@ollamamax/api';

const validate = compileValidator(DesiredState);

const downloadProblems = (
  { source, sha256 }: Pick<ModelSpec, 'source' | 'sha256'>,
  at: string,
  what: string,
): Problem[] =>
  'http' in source
    ? [
        ...(sha256 === undefined
          ? [{ path: `${at}.sha256`, message: `is required for ${what} from http` }]
          : []),
        ...(URL.canParse(source.http)
          ? []
          : [{ path: `${at}.source.http`, message: 'is not a well-formed URL' }]),
      ]
    : [];

/** What a schema cannot say: names are valid and each is there once; a download has a digest. */
const semanticProblems = (state: DesiredState): Problem[] => {
  const problems: Problem[] = [];
  const seen = new Map<string, number>();
  state.models.forEach((spec, index) => {
    const at = `models[${index}]`;
    try {
      const name = canonicalModelName(spec.name);
      const first = seen.get(name);
      if (first === undefined) seen.set(name, index);
      else problems.push({ path: `${at}.name`, message: `is ${name} again, after models[${first}]` });
    } catch (error) {
      if (!isApiError(error)) throw error;
      problems.push({
        path: `${at}.name`,
        message: `is not a valid model name (${JSON.stringify(spec.name.slice(0, 80))})`,
      });
    }
    problems.push(...downloadProblems(spec, at, 'a model'));
    for (const [place, adapter] of (spec.adapters ?? []).entries())
      problems.push(...downloadProblems(adapter, `${at}.adapters[${place}]`, 'an adapter'));
    if (spec.projector !== undefined)
      problems.push(...downloadProblems(spec.projector, `${at}.projector`, 'a projector'));
    if (spec.draft !== undefined)
      problems.push(...downloadProblems(spec.draft, `${at}.draft`, 'a draft model'));
  });
  return problems;
};

/**
 * The value as a desired state, with defaults filled in.
 * @throws ApiError invalid_request naming every problem
 */
export const checkDesiredState = (value: unknown): DesiredState => {
  // Validation fills in defaults: not in the caller's object.
  const result = validate(structuredClone(value));
  const problems = result.ok ? semanticProblems(result.value) : result.problems;
  if (!result.ok || problems.length > 0)
    throw new ApiError('invalid_request', `The desired state has problems: ${describeProblems(problems)}.`);
  return result.value;
};
