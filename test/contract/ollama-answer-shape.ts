/** What two answers of Ollama's API are compared by. */

type Json = Readonly<Record<string, unknown>>;

/** Every field of a value with its type, as `models[].details.family string`. */
const fieldsOf = (value: unknown, path = ''): string[] => {
  if (Array.isArray(value))
    return value.length === 0 ? [`${path}[]`] : value.flatMap((item) => fieldsOf(item, `${path}[]`));
  if (typeof value !== 'object' || value === null)
    return [`${path} ${value === null ? 'null' : typeof value}`];
  // What a GGUF file tells, and what a model gives to a tool, is not part of the form.
  if (path === 'model_info' || path.endsWith('.arguments')) return [`${path} object`];
  return Object.entries(value).flatMap(([name, part]) =>
    fieldsOf(part, path === '' ? name : `${path}.${name}`),
  );
};

const linesOf = (text: string): Json[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Json);

/** Fields and types of all lines together, sorted. */
export const shapeOf = (text: string): string[] =>
  [...new Set(linesOf(text).flatMap((line) => fieldsOf(line)))].toSorted();

/** The fields that are not below one of the paths. */
export const without = (fields: readonly string[], paths: readonly string[] = []): string[] =>
  fields.filter(
    (field) => !paths.some((path) => ['', ' ', '[', '.'].some((next) => field.startsWith(path + next))),
  );

/** Names of the fields of a line in their order, those of a message with it. @param at 0: the first; -1: the last */
const orderOf = (text: string, at: 0 | -1): string[] =>
  Object.entries(linesOf(text).at(at) ?? {}).flatMap(([name, part]) =>
    name === 'message' ? [name, ...Object.keys(part as object).map((inner) => `message.${inner}`)] : [name],
  );

/** The order of the fields that both have in their first or last line, of each. */
export const commonOrders = (ours: string, theirs: string, at: 0 | -1): readonly [string[], string[]] => {
  const [a, b] = [orderOf(ours, at), orderOf(theirs, at)];
  return [a.filter((name) => b.includes(name)), b.filter((name) => a.includes(name))];
};

interface Line {
  readonly response?: string;
  readonly message?: {
    readonly role?: string;
    readonly content?: string;
    readonly tool_calls?: readonly { readonly function: object }[];
  };
  readonly done?: boolean;
}

const kept = ['done_reason', 'prompt_eval_count', 'context', 'error'];

/**
 * What the same model must say to the same request: text, calls, how it ended, and the tokens of the prompt.
 * @param left facts that are left out
 */
export const factsOf = (text: string, left: readonly string[] = []): object => {
  const lines = linesOf(text) as readonly (Json & Line)[];
  const last: Json = lines.at(-1) ?? {};
  const facts = {
    text: lines.map(({ response, message }) => response ?? message?.content ?? '').join(''),
    calls: lines.flatMap(({ message }) => (message?.tool_calls ?? []).map((call) => call.function)),
    done: lines.map(({ done }) => done).at(-1),
    onlyLastIsDone: lines.slice(0, -1).every(({ done }) => done === false),
    ...Object.fromEntries(kept.map((name) => [name, last[name]])),
  };
  return Object.fromEntries(Object.entries(facts).filter(([name]) => !left.includes(name)));
};

/** Vectors of an answer, none where there are none. */
export const vectorsOf = (text: string): number[][] => {
  const { embeddings, embedding } = (linesOf(text)[0] ?? {}) as {
    embeddings?: number[][];
    embedding?: number[];
  };
  return embeddings ?? (embedding === undefined ? [] : [embedding]);
};

/** Cosine of the angle between two vectors of the same length; 1: the same direction. */
export const cosine = (a: readonly number[], b: readonly number[]): number => {
  const dot = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((sum, value, index) => sum + value * (y[index] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};
