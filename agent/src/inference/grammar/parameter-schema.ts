/** What templates that write each argument between tags have to know of the parameters of a tool. */

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The schemas of the parameters by name, in the order of the tool. */
export const parametersOf = (
  schema: Readonly<Record<string, unknown>> | undefined,
): readonly (readonly [string, unknown])[] =>
  isRecord(schema?.properties) ? Object.entries(schema.properties) : [];

/** The names of those that must be given. */
export const requiredOf = (schema: Readonly<Record<string, unknown>> | undefined): ReadonlySet<string> => {
  const required: readonly unknown[] = Array.isArray(schema?.required) ? schema.required : [];
  return new Set(required.filter((name) => typeof name === 'string'));
};

/** Whether the parameter takes a text, which then stands without quotes. */
export const acceptsText = (
  schema: Readonly<Record<string, unknown>> | undefined,
  parameter: string,
): boolean => {
  const own = parametersOf(schema).find(([name]) => name === parameter)?.[1];
  if (!isRecord(own)) return false;
  const { type } = own;
  if (type !== undefined) return type === 'string' || (Array.isArray(type) && type.includes('string'));
  const choices: readonly unknown[] = Array.isArray(own.enum) ? own.enum : [own.const];
  return choices.length > 0 && choices.every((choice) => typeof choice === 'string');
};
