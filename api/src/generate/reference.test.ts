import { describe, expect, test } from '@jest/globals';
import { Type } from 'typebox';
import { ModelSpec } from '../wire/desired-state.ts';
import { fieldTable } from './field-table.ts';
import { table } from './markdown.ts';
import { fieldsOf, toJsonSchema, typeText } from '../openapi/schema-text.ts';

describe('types in words', () => {
  test.each([
    [Type.Integer({ minimum: 1, maximum: 64 }), 'integer, 1 to 64'],
    [Type.Number({ exclusiveMinimum: 0 }), 'number, more than 0'],
    [Type.String({ maxLength: 9 }), 'string, at most 9 characters'],
    [Type.Array(Type.String(), { minItems: 1 }), 'array of string, at least 1 items'],
    [Type.Union([Type.Literal('a'), Type.Null()]), '`"a"` or null'],
    [Type.Record(Type.String(), Type.Number()), 'object, values: number'],
    [Type.Unknown(), 'any'],
  ])('%#', (schema, text) => {
    expect(typeText(toJsonSchema(schema))).toBe(text);
  });
});

describe('fields', () => {
  test('of all levels and variants are told once, by their path', () => {
    const paths = fieldsOf(toJsonSchema(Type.Array(ModelSpec))).map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining(['[].name', '[].source', '[].source.file', '[].source.http', '[].parameters']),
    );
    expect(new Set(paths).size).toBe(paths.length);
  });

  test('that differ between variants are told with both', () => {
    const schema = toJsonSchema(
      Type.Union([
        Type.Object({ type: Type.Literal('a'), text: Type.String() }),
        Type.Object({ type: Type.Literal('b') }),
      ]),
    );
    expect(fieldTable(schema)).toBe(
      [
        '| Field | Type and bounds | Default | Description |',
        '| --- | --- | --- | --- |',
        '| `type` | `"a"` or `"b"` |  |  |',
        '| `text` | string |  |  |',
      ].join('\n'),
    );
  });
});

test('cells keep a table whole', () => {
  expect(table(['A'], [['x|y\n<z>']])).toBe('| A |\n| --- |\n| x\\|y &lt;z> |');
});
