import { GrammarRules } from './grammar-rules.ts';
import { refuse, WorkBudget } from './refusal.ts';
import { SchemaRules } from './schema-rules.ts';

/** Bounds on a schema from a stranger, checked before anything else looks at it. */
const maxDepth = 128;
const maxParts = 20_000;
/** Steps for all schemas of one grammar. */
export const maxWork = 3_000_000;

/**
 * A GBNF grammar, with `root` as its first rule, for the JSON values that satisfy a JSON Schema.
 *
 * Every text of the grammar is a value that satisfies the schema, with these exceptions: `oneOf` is read as `anyOf`,
 * formats that are no regular language say nothing, and unknown keywords say nothing, as the specification has it.
 * Not every value that satisfies the schema is a text of the grammar: properties come in the order of the schema,
 * those not listed only where `additionalProperties` or `patternProperties` speak of them, numbers with bounds have
 * no exponent, and white space stands only where a writer would put it.
 *
 * @throws ApiError `invalid_format` with the JSON pointer of what cannot be enforced or is too large.
 */
export const jsonSchemaToGrammar = (schema: Readonly<Record<string, unknown>>): string => {
  const rules = new GrammarRules();
  rules.define('root', [[writeSchema(schema, 'value', rules, new WorkBudget(maxWork))]]);
  return rules.text();
};

/** Writes the rules of a schema and gives the name of the rule for its values. */
export const writeSchema = (
  schema: unknown,
  hint: string,
  rules: GrammarRules,
  budget: WorkBudget,
): string => {
  checkSize(schema);
  const writer = new SchemaRules(schema, rules, budget);
  const name = writer.ruleFor([{ schema, pointer: '#' }], hint);
  writer.finish();
  return name;
};

const checkSize = (schema: unknown): void => {
  const waiting = [{ value: schema, depth: 0 }];
  let parts = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { value, depth } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth > maxDepth) refuse('#', `it is nested more than ${maxDepth} deep; make it flatter`);
    const inner: unknown[] = Object.values(value);
    parts += inner.length;
    if (parts > maxParts) refuse('#', `it has more than ${maxParts} parts; make it smaller`);
    for (const item of inner) waiting.push({ value: item, depth: depth + 1 });
  }
};
