/** What an answer says, whichever API and form it has. */

type Json = Readonly<Record<string, unknown>>;

export interface Facts {
  /** Objects of the answer, of a stream in their order; `[DONE]` is not one. */
  readonly items: readonly Json[];
  /** What kinds of items follow each other in a stream, of each choice; repetitions count once. */
  readonly order: readonly string[];
  /** Of each choice. */
  readonly text: readonly string[];
  readonly reasoning: string;
  /** Names and arguments of calls. */
  readonly calls: readonly { readonly name: string; readonly arguments: unknown }[];
  readonly usage: Readonly<Record<string, unknown>>;
  /** Of log probabilities. */
  readonly tokens: readonly string[];
  readonly logprobs: readonly number[];
  readonly vectors: readonly number[][];
  /** Of an error. */
  readonly sentence: string | undefined;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const objectIn = (value: unknown, name: string): Json => {
  const part = isObject(value) ? value[name] : undefined;
  return isObject(part) ? part : {};
};
const listIn = (value: unknown, name: string): readonly Json[] => {
  const part = isObject(value) ? value[name] : undefined;
  return Array.isArray(part) ? part.filter(isObject) : [];
};
const textIn = (value: unknown, name: string): string => {
  const part = isObject(value) ? value[name] : undefined;
  return typeof part === 'string' ? part : '';
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
};

/** Objects and other data of an answer: one, lines, or events. */
const dataOf = (text: string): unknown[] => {
  const lines = text.trim().split('\n');
  const events = lines.filter((line) => line.startsWith('data: '));
  return events.length > 0
    ? events.map((line) => parsed(line.slice('data: '.length)))
    : lines.filter((line) => line !== '').map(parsed);
};

interface ChoicePart {
  readonly choice: number;
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly Json[];
  readonly kind: string;
}

const kindOfDelta = (
  choice: Json,
  { text, reasoning, calls }: Omit<ChoicePart, 'choice' | 'kind'>,
): string => {
  if (calls.length > 0) return 'calls';
  if (reasoning !== '') return 'reasoning';
  if (text !== '') return 'text';
  return typeof choice.finish_reason === 'string' ? 'finish' : 'opening';
};

/** Parts of the choices of one object of OpenAI's two older APIs. */
const choiceParts = (item: Json): ChoicePart[] =>
  listIn(item, 'choices').map((choice) => {
    const holder = 'delta' in choice ? objectIn(choice, 'delta') : objectIn(choice, 'message');
    const part = {
      text: textIn(choice, 'text') + textIn(holder, 'content'),
      reasoning: textIn(holder, 'reasoning_content') + textIn(holder, 'reasoning'),
      calls: listIn(holder, 'tool_calls'),
    };
    return { choice: Number(choice.index), ...part, kind: kindOfDelta(choice, part) };
  });

/** Parts of an object of Ollama's API, which has one choice. */
const ownParts = (item: Json): ChoicePart[] => {
  const message = objectIn(item, 'message');
  if (typeof item.response !== 'string' && !isObject(item.message)) return [];
  return [
    {
      choice: 0,
      text: textIn(item, 'response') + textIn(message, 'content'),
      reasoning: textIn(item, 'thinking') + textIn(message, 'thinking'),
      calls: listIn(message, 'tool_calls'),
      kind: item.done === true ? 'done' : 'text',
    },
  ];
};

/** Numbers that Ollama's API has beside the answer. */
const ownUsage = (item: Json): Json =>
  Object.fromEntries(
    ['prompt_eval_count', 'eval_count'].filter((name) => name in item).map((name) => [name, item[name]]),
  );

/** Usage with all tokens of the prompt, whether they were at hand from an earlier request or not. */
const wholePrompt = ({ cache_read_input_tokens: cached, ...usage }: Json): Json =>
  typeof cached === 'number' && typeof usage.input_tokens === 'number'
    ? { ...usage, input_tokens: usage.input_tokens + cached }
    : usage;

const join = (
  parts: readonly ChoicePart[],
): Pick<Facts, 'text' | 'reasoning'> & { calls: Map<string, [string, string]> } => {
  const text: string[] = [];
  const calls = new Map<string, [string, string]>();
  let reasoning = '';
  for (const part of parts) {
    text[part.choice] = (text[part.choice] ?? '') + part.text;
    reasoning += part.reasoning;
    for (const [position, call] of part.calls.entries()) {
      const key = `${part.choice} ${Number(call.index ?? position)}`;
      const [name, given] = calls.get(key) ?? ['', ''];
      const called = objectIn(call, 'function');
      calls.set(key, [name + textIn(called, 'name'), given + textIn(called, 'arguments')]);
    }
  }
  return { text, reasoning, calls };
};

/** Text and calls of an answer of the Responses API or of Anthropic's. */
const partsOfWhole = (item: Json): { text: string; reasoning: string; calls: [string, unknown][] } => {
  const output = listIn(item, 'output');
  const content = [...listIn(item, 'content'), ...output.flatMap((part) => listIn(part, 'content'))];
  return {
    text: content.map((part) => textIn(part, 'text')).join(''),
    reasoning: content.map((part) => textIn(part, 'thinking')).join(''),
    calls: [
      ...content
        .filter(({ type }) => type === 'tool_use')
        .map((part): [string, unknown] => [textIn(part, 'name'), part.input]),
      ...output
        .filter(({ type }) => type === 'function_call')
        .map((part): [string, unknown] => [textIn(part, 'name'), parsed(textIn(part, 'arguments'))]),
    ],
  };
};

const deltaText = (item: Json): string => {
  const { type, delta } = item;
  if (type === 'response.output_text.delta' && typeof delta === 'string') return delta;
  return type === 'content_block_delta' ? textIn(delta, 'text') : '';
};

const vectorOf = (value: unknown): number[] => {
  if (typeof value !== 'string') return Array.isArray(value) ? (value as number[]) : [];
  const bytes = Uint8Array.from(Buffer.from(value, 'base64'));
  return [...new Float32Array(bytes.buffer)];
};

const tokensOf = (logprobs: Json): [string, number][] => {
  const { tokens, token_logprobs: values } = logprobs as { tokens?: string[]; token_logprobs?: number[] };
  if (tokens !== undefined) return tokens.map((token, index) => [token, values?.[index] ?? NaN]);
  return listIn(logprobs, 'content').map((entry) => [textIn(entry, 'token'), Number(entry.logprob)]);
};

const orderOf = (data: readonly unknown[]): string[] => {
  const orders = new Map<string, string[]>();
  const add = (of: string, kind: string): void => {
    const order = orders.get(of) ?? [];
    if (order.at(-1) !== kind) order.push(kind);
    orders.set(of, order);
  };
  for (const item of data) {
    const parts = isObject(item) ? [...choiceParts(item), ...ownParts(item)] : [];
    for (const { choice, kind } of parts) add(`choice ${choice}`, kind);
    if (parts.length > 0) continue;
    if (!isObject(item)) add('stream', String(item));
    else if (typeof item.type === 'string') add('stream', item.type);
    else if (Array.isArray(item.choices)) add('stream', 'usage');
    else add('stream', Object.hasOwn(item, 'error') ? 'error' : 'line');
  }
  return [...orders].toSorted().map(([of, order]) => `${of}: ${order.join(' ')}`);
};

const sentenceOf = (item: unknown): string | undefined => {
  const error = isObject(item) ? item.error : undefined;
  if (typeof error === 'string') return error;
  return isObject(error) ? textIn(error, 'message') : undefined;
};

/** Facts of the whole text of an answer. */
export const factsOf = (body: string): Facts => {
  const data = dataOf(body);
  const items = data.filter(isObject);
  const { text, reasoning, calls } = join(items.flatMap((item) => [...choiceParts(item), ...ownParts(item)]));
  const whole = items.length === 1 && items[0] !== undefined ? partsOfWhole(items[0]) : undefined;
  const streamed = items.map(deltaText).join('');
  const logged = items.flatMap((item) =>
    listIn(item, 'choices').flatMap((choice) => tokensOf(objectIn(choice, 'logprobs'))),
  );
  const usages = items
    .map((item) => ({
      ...ownUsage(item),
      ...objectIn(item, 'usage'),
      ...objectIn(objectIn(item, 'response'), 'usage'),
    }))
    .filter((usage) => Object.keys(usage).length > 0)
    .map(wholePrompt);
  const numbers = Object.entries(usages.at(-1) ?? {}).filter(([, value]) => typeof value === 'number');
  return {
    items,
    order: data.length > 1 ? orderOf(data) : [],
    text: text.length > 0 ? text : [whole?.text ?? '', streamed].filter((part) => part !== ''),
    reasoning: reasoning + (whole?.reasoning ?? ''),
    calls: [
      ...[...calls.values()].map(([name, given]) => ({ name, arguments: parsed(given) })),
      ...(whole?.calls ?? []).map(([name, given]) => ({ name, arguments: given })),
    ],
    usage: Object.fromEntries(numbers),
    tokens: logged.map(([token]) => token),
    logprobs: logged.map(([, value]) => value),
    vectors: items.flatMap((item) =>
      listIn(item, 'data')
        .filter(({ embedding }) => embedding !== undefined)
        .map(({ embedding }) => vectorOf(embedding)),
    ),
    sentence: items.map(sentenceOf).find((sentence) => sentence !== undefined),
  };
};
