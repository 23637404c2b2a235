import { OllamaOptions, compileValidator, type InferenceRequest, type Sampling } from '@ollamamax/api';
import { VerbatimError } from './ollama-errors.ts';

interface OptionSchema {
  readonly type: 'integer' | 'number' | 'boolean' | 'array';
}

const schemas = OllamaOptions.properties as unknown as Readonly<Record<string, OptionSchema | undefined>>;
const validate = compileValidator(OllamaOptions);

// As Ollama names the types.
const typeNames = { integer: 'integer', number: 'float32', boolean: 'boolean', array: 'array' } as const;

/** The value as its option takes it: whole numbers are cut, as Ollama does. */
const coerce = (name: string, { type }: OptionSchema, value: unknown): unknown => {
  const wrong = (): never => {
    throw new VerbatimError(`option "${name}" must be of type ${typeNames[type]}`, `options.${name}`);
  };
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : wrong();
    case 'number':
      return typeof value === 'number' ? value : wrong();
    case 'boolean':
      return typeof value === 'boolean' ? value : wrong();
    case 'array':
      if (!Array.isArray(value)) return wrong();
      if (value.some((item) => typeof item !== 'string'))
        throw new VerbatimError(`option "${name}" must be of an array of strings`, `options.${name}`);
      return value;
  }
};

const toSampling = (options: OllamaOptions): Sampling => {
  const defined: { readonly [Name in keyof Sampling]: Sampling[Name] | undefined } = {
    temperature: options.temperature,
    topK: options.top_k,
    topP: options.top_p,
    minP: options.min_p,
    typicalP: options.typical_p,
    mirostat: options.mirostat,
    mirostatTau: options.mirostat_tau,
    mirostatEta: options.mirostat_eta,
    seed: options.seed,
    repeatPenalty: options.repeat_penalty,
    repeatLastN: options.repeat_last_n,
    presencePenalty: options.presence_penalty,
    frequencyPenalty: options.frequency_penalty,
    stop: options.stop,
    maxTokens: options.num_predict,
    keepTokens: options.num_keep,
  };
  return Object.fromEntries(Object.entries(defined).filter(([, value]) => value !== undefined));
};

export interface ReadOptions {
  readonly sampling: Sampling;
  readonly contextSize: Pick<InferenceRequest, 'contextSize'>;
  /** Names that nobody knows here. */
  readonly unknown: readonly string[];
}

/**
 * Reads the options of a request.
 * @throws VerbatimError for a value of the wrong type or out of its bounds
 */
export const readOptions = (given: Readonly<Record<string, unknown>> | null | undefined): ReadOptions => {
  const unknown: string[] = [];
  const known: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given ?? {})) {
    const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
    if (schema === undefined) unknown.push(name);
    // To Ollama null is an option left out.
    else if (value !== null) known[name] = coerce(name, schema, value);
  }
  const result = validate(known);
  if (!result.ok) {
    const [{ path, message } = { path: '', message: 'is not valid' }] = result.problems;
    const [name = '', rest = ''] = path.split(/(?=\[)/, 2);
    throw new VerbatimError(`option "${name}"${rest} ${message}`, `options.${path}`);
  }
  const { num_ctx: contextSize } = result.value;
  return {
    sampling: toSampling(result.value),
    contextSize: contextSize === undefined ? {} : { contextSize },
    unknown,
  };
};
