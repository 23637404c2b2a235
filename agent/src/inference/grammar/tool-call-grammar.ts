import { ApiError, isApiError, type ToolDefinition } from '@ollamamax/api';
import { literal } from './gbnf-text.ts';
import { GrammarRules, type Alternative } from './grammar-rules.ts';
import { maxWork, writeSchema } from './json-schema-to-grammar.ts';
import { WorkBudget } from './refusal.ts';
import { hermesSyntax, type ToolCallSyntax } from './tool-call-syntax.ts';

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
    const written = syntax.quotedName ? JSON.stringify(name) : name;
    return [
      literal(written + beforeArguments),
      argumentsRule(name, parameters, rules, budget),
      literal(behind),
    ];
  });
  // What all calls begin with stands once: each way to go on costs the sampler a look at the whole vocabulary.
  rules.define('named-call', calls);
  rules.define('call', [[literal(beforeName), 'named-call']]);
  const { separator } = syntax;
  const more = rules.name('more-calls');
  if (parallel && separator !== undefined) rules.define(more, [[literal(separator), 'call']]);
  const further = parallel && separator !== undefined ? rules.repeat(more, 0, maxCalls - 1) : [];
  const fixed = (text: string): Alternative => (text === '' ? [] : [literal(text)]);
  rules.define('root', [[...fixed(syntax.open), 'call', ...further, ...fixed(syntax.close)]]);
  return rules.text();
};

const argumentsRule = (tool: string, schema: unknown, rules: GrammarRules, budget: WorkBudget): string => {
  try {
    return writeSchema(schema, `${tool}-arguments`, rules, budget);
  } catch (error) {
    if (!isApiError(error)) throw error;
    throw new ApiError(error.code, `Parameters of the tool "${tool}": ${error.message}`, {
      ...(error.param === undefined ? {} : { param: error.param }),
      cause: error,
    });
  }
};
