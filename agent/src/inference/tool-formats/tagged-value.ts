import type { ToolDefinition } from '@ollamamax/api';
import { acceptsText } from '../grammar/parameter-schema.ts';
import { parseJson } from './text-cursor.ts';

/**
 * The value of a parameter that stands between tags: letters as they are where the tool takes a text there, else JSON,
 * and letters again where they are no JSON.
 */
export const taggedValue = (
  tools: readonly ToolDefinition[],
  tool: string,
  parameter: string,
  text: string,
): unknown => {
  const parameters = tools.find(({ name }) => name === tool)?.parameters;
  if (acceptsText(parameters, parameter)) return text;
  const value = parseJson(text.trim());
  return value === undefined ? text : value;
};
