import { ApiError, isApiError, type ToolDefinition } from '@ollamamax/api';
import { literal } from './gbnf-text.ts';
import { GrammarRules, type Alternative } from './grammar-rules.ts';
import { maxWork, writeSchema } from './json-schema-to-grammar.ts';
import { acceptsText, parametersOf, requiredOf } from './parameter-schema.ts';
import { WorkBudget } from './refusal.ts';
import { textUpTo } from './text-up-to.ts';
import { hermesSyntax, writtenName, type ToolCallSyntax } from './tool-call-syntax.ts';

/** More calls in one answer are a model that does not end. */
const maxCalls = 128;
const noArguments = { type: 'object', additionalProperties: false };

export interface ToolCallOptions {
  /** The tools to choose from; one: exactly that must be called. */
  readonly tools: readonly ToolDefinition[];
  /** False: exactly one call; true: one or more, where the syntax knows several. */
  readonly parallel: boolean;
  /** Hermes when left out. */
  readonly syntax?: ToolCallSyntax;
}

/**
 * A GBNF grammar for an answer that calls tools and says nothing else. A tool without parameters gets `{}`.
 *
 * @throws ApiError `invalid_format` with the tool and the JSON pointer of what cannot be enforced.
 */
export const toolCallGrammar = ({ tools, parallel, syntax = hermesSyntax }: ToolCallOptions): string => {
  const rules = new GrammarRules();
  const [beforeName, beforeArguments, behind] = syntax.call;
  const budget = new WorkBudget(maxWork);
  const calls = tools.map(({ name, parameters = noArguments }): Alternative => {
    const args = writtenArguments(name, parameters, syntax, rules, budget);
    return [literal(writtenName(syntax, name) + beforeArguments), ...args, ...fixed(behind)];
  });
  // What all calls begin with stands once: each way to go on costs the sampler a look at the whole vocabulary.
  rules.define('named-call', calls);
  rules.define('call', [[...fixed(beforeName), 'named-call']]);
  const { separator } = syntax;
  const more = rules.name('more-calls');
  if (parallel && separator !== undefined) rules.define(more, [[...fixed(separator), 'call']]);
  const further = parallel && separator !== undefined ? rules.repeat(more, 0, maxCalls - 1) : [];
  rules.define('root', [[...fixed(syntax.open), 'call', ...further, ...fixed(syntax.close)]]);
  return rules.text();
};

const fixed = (text: string): Alternative => (text === '' ? [] : [literal(text)]);

const writtenArguments = (
  tool: string,
  schema: Readonly<Record<string, unknown>>,
  syntax: ToolCallSyntax,
  rules: GrammarRules,
  budget: WorkBudget,
): Alternative => {
  const { tagged, keywords } = syntax;
  if (tagged !== undefined) return taggedArguments(tool, schema, { ...syntax, tagged }, rules, budget);
  if (keywords !== undefined) return keywordArguments(tool, schema, { ...syntax, keywords }, rules, budget);
  return [schemaRule(tool, schema, 'arguments', rules, budget)];
};

/** As in Python, with values in JSON, in the order of the tool; what may be left out can be left out. */
const keywordArguments = (
  tool: string,
  schema: Readonly<Record<string, unknown>>,
  { keywords: [assign, separator], quote }: ToolCallSyntax & Required<Pick<ToolCallSyntax, 'keywords'>>,
  rules: GrammarRules,
  budget: WorkBudget,
): Alternative => {
  const required = requiredOf(schema);
  const parameters = parametersOf(schema).map(([name, own]) => {
    const argument = rules.name('argument');
    const further = rules.name('further');
    const value =
      quote !== undefined && acceptsText(schema, name)
        ? [literal(quote), ...textValue(own, quote, rules)]
        : [schemaRule(tool, withDefinitions(own, schema), name, rules, budget)];
    rules.define(argument, [[literal(name + assign), ...value]]);
    rules.define(further, [[literal(separator), argument]]);
    return { argument, further, isRequired: required.has(name) };
  });
  const firstRequired = parameters.findIndex(({ isRequired }) => isRequired);
  // One of these comes first: all that may be left out before the first that may not, and that one.
  const leading = firstRequired < 0 ? parameters : parameters.slice(0, firstRequired + 1);
  if (leading.length === 0) return [];
  const all = rules.name('arguments');
  rules.define(
    all,
    leading.map(({ argument }, at) => [
      argument,
      ...parameters.slice(at + 1).map(({ further, isRequired }) => (isRequired ? further : `${further}?`)),
    ]),
  );
  return [firstRequired < 0 ? `${all}?` : all];
};

const asItIs = (name: string): string => name;

/** Each argument between its tags, in the order of the tool; what may be left out can be left out. */
const taggedArguments = (
  tool: string,
  schema: Readonly<Record<string, unknown>>,
  { tagged, kinds, nameEnd, escaped = asItIs }: ToolCallSyntax & Required<Pick<ToolCallSyntax, 'tagged'>>,
  rules: GrammarRules,
  budget: WorkBudget,
): Alternative => {
  const [beforeName, beforeValue, behindValue] = tagged;
  const required = requiredOf(schema);
  return parametersOf(schema).map(([name, own]) => {
    const opening = literal(beforeName + escaped(name) + beforeValue);
    const behind = nameEnd === undefined ? behindValue : behindValue + escaped(name) + nameEnd;
    const argument = rules.name('argument');
    const isText = acceptsText(schema, name);
    const kind = kinds === undefined ? [] : writtenKind(kinds, isText, rules);
    const value = isText
      ? textValue(own, behind, rules)
      : [schemaRule(tool, withDefinitions(own, schema), name, rules, budget), literal(behind)];
    rules.define(argument, [[opening, ...kind, ...value]]);
    return required.has(name) ? argument : `${argument}?`;
  });
};

/** Which kind any other value is of nobody reads: the schema says it. */
const writtenKind = (
  { text, others, behind }: NonNullable<ToolCallSyntax['kinds']>,
  isText: boolean,
  rules: GrammarRules,
): Alternative => {
  if (isText) return [literal(text + behind)];
  const kind = rules.name('kind');
  rules.define(
    kind,
    others.map((other) => [literal(other)]),
  );
  return [kind, literal(behind)];
};

/** A text without quotes and what stands behind it: one of those the schema names, else any without the closing tag. */
const textValue = (schema: unknown, behind: string, rules: GrammarRules): Alternative => {
  const choices: readonly unknown[] =
    typeof schema === 'object' && schema !== null && 'enum' in schema && Array.isArray(schema.enum)
      ? schema.enum
      : [];
  const texts = choices.filter((choice) => typeof choice === 'string');
  if (texts.length === 0) {
    const names = Array.from(behind, () => rules.name('text'));
    const first = names[0] ?? rules.name('text');
    const written = textUpTo({
      mark: behind,
      nameOf: (seen) => names[seen] ?? first,
      behind: [],
      mayEnd: false,
    });
    for (const [name, ways] of written) rules.define(name, ways);
    return [first];
  }
  const one = rules.name('choice');
  rules.define(
    one,
    texts.map((text) => fixed(text)),
  );
  return [one, literal(behind)];
};

/** References of a parameter lead into the schema of all of them. */
const withDefinitions = (own: unknown, schema: Readonly<Record<string, unknown>>): unknown => {
  if (typeof own !== 'object' || own === null) return own;
  const { $defs, definitions } = schema;
  return {
    ...own,
    ...($defs === undefined ? {} : { $defs }),
    ...(definitions === undefined ? {} : { definitions }),
  };
};

const schemaRule = (
  tool: string,
  schema: unknown,
  hint: string,
  rules: GrammarRules,
  budget: WorkBudget,
): string => {
  try {
    return writeSchema(schema, `${tool}-${hint}`, rules, budget);
  } catch (error) {
    if (!isApiError(error)) throw error;
    throw new ApiError(error.code, `Parameters of the tool "${tool}": ${error.message}`, {
      ...(error.param === undefined ? {} : { param: error.param }),
      cause: error,
    });
  }
};
