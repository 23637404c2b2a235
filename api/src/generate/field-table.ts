import { code, table } from './markdown.ts';
import { fieldsOf, typeText, type JsonSchema } from '../openapi/schema-text.ts';

/** The fields of an object: name, type and bounds, default, description. */
export const fieldTable = (schema: JsonSchema, without: readonly string[] = []): string =>
  table(
    ['Field', 'Type and bounds', 'Default', 'Description'],
    fieldsOf(schema)
      .filter(({ path }) => !without.includes(path))
      .map(({ path, schema: field, required }) => [
        code(path),
        typeText(field) + (required ? '' : ', optional'),
        field.default === undefined ? '' : code(JSON.stringify(field.default)),
        field.description ?? '',
      ]),
  );
