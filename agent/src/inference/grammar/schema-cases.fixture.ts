/** A schema with values that its grammar takes and values that it refuses. */
export interface SchemaCase {
  readonly name: string;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly accepts: readonly unknown[];
  /** Values that break the schema. */
  readonly refuses: readonly unknown[];
  /** Values that satisfy the schema and that the grammar leaves out all the same. */
  readonly leavesOut?: readonly unknown[];
}

const text = { type: 'string' };
const whole = { type: 'integer' };

export const schemaCases: readonly SchemaCase[] = [
  { name: 'an empty schema', schema: {}, accepts: [{ a: [1, 'x', null, true, {}] }, [], 'é"\\\n😀', -1.5e3, false, null], refuses: [] },
  { name: 'text', schema: text, accepts: ['', 'plain', '"quoted" \\ /', '\u0001', '日本 😀'], refuses: [1, null, ['a']] },
  { name: 'whole numbers', schema: whole, accepts: [0, -7, 9007199254740991], refuses: [1.5, '1', true] },
  { name: 'numbers', schema: { type: 'number' }, accepts: [0, -0.5, 12.25, 1e21, 2.5e-7], refuses: ['1', null] },
  { name: 'true and false', schema: { type: 'boolean' }, accepts: [true, false], refuses: [0, 'true', null] },
  { name: 'null', schema: { type: 'null' }, accepts: [null], refuses: [0, false, ''] },
  { name: 'a list of types', schema: { type: ['string', 'integer', 'null'] }, accepts: ['a', 3, null], refuses: [1.5, true, {}] },
  { name: 'any object', schema: { type: 'object' }, accepts: [{}, { a: { b: [] } }], refuses: [[], 'a'] },
  { name: 'any array', schema: { type: 'array' }, accepts: [[], [1, 'a', [null]]], refuses: [{}, 1] },

  { name: 'a fixed text', schema: { const: 'on "line"' }, accepts: ['on "line"'], refuses: ['on', 1] },
  { name: 'a fixed object', schema: { const: { a: [1, { b: null }], c: {} } }, accepts: [{ a: [1, { b: null }], c: {} }], refuses: [{}, { a: [1], c: {} }] },
  { name: 'some values', schema: { enum: ['red', 5, null, true, [1]] }, accepts: ['red', 5, null, true, [1]], refuses: ['re', 'reds', 6, [1, 1]] },
  { name: 'many texts', schema: { enum: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun', 'satur"day', 'm'] }, accepts: ['m', 'mon', 'satur"day', 'sun'], refuses: ['', 'mo', 'satur', 'thur'] },
  { name: 'values of one type', schema: { type: 'integer', enum: [1, 'a', 2.5, 4] }, accepts: [1, 4], refuses: ['a', 2.5, 2] },
  { name: 'values within bounds', schema: { enum: [1, 5, 10, 'abc', 'abcd'], type: ['integer', 'string'], minimum: 5, maxLength: 3 }, accepts: [5, 10, 'abc'], refuses: [1, 'abcd'] },

  { name: 'an object', schema: { type: 'object', properties: { a: text, b: whole }, required: ['a', 'b'], additionalProperties: false }, accepts: [{ a: 'x', b: 1 }], refuses: [{}, { a: 'x' }, { b: 1 }, { a: 1, b: 1 }, { a: 'x', b: 1, c: 1 }], leavesOut: [{ b: 1, a: 'x' }] },
  { name: 'optional properties in any subset', schema: { type: 'object', properties: { a: whole, b: whole, c: whole }, additionalProperties: false }, accepts: [{}, { a: 1 }, { b: 1 }, { c: 1 }, { a: 1, c: 1 }, { b: 1, c: 1 }, { a: 1, b: 1, c: 1 }], refuses: [{ d: 1 }, { a: 'x' }], leavesOut: [{ c: 1, a: 1 }] },
  { name: 'required among optional', schema: { type: 'object', properties: { a: whole, b: whole, c: whole }, required: ['b'], additionalProperties: false }, accepts: [{ b: 1 }, { a: 1, b: 1 }, { b: 1, c: 2 }, { a: 1, b: 1, c: 1 }], refuses: [{}, { a: 1 }, { a: 1, c: 1 }] },
  { name: 'silence about further properties', schema: { properties: { a: whole } }, accepts: [{}, { a: 1 }], refuses: [{ a: 'x' }], leavesOut: [{ a: 1, b: 1 }, 'text'] },
  { name: 'any further properties', schema: { type: 'object', properties: { a: whole }, additionalProperties: true }, accepts: [{}, { a: 1 }, { b: [] }, { a: 1, ab: 'x', '': null, 'q"': 1 }], refuses: [{ a: 'x' }, 1] },
  { name: 'further properties of one kind', schema: { type: 'object', properties: { name: text, names: text }, required: ['name'], additionalProperties: whole }, accepts: [{ name: 'n' }, { name: 'n', nam: 1, namesake: 2 }, { name: 'n', names: 'x', y: 1 }], refuses: [{ nam: 1 }, { name: 'n', x: 'y' }, { name: 'n', names: 1 }] },
  { name: 'a map', schema: { type: 'object', additionalProperties: { type: 'boolean' } }, accepts: [{}, { x: true }, { x: true, y: false }], refuses: [{ x: 1 }] },
  { name: 'required without being listed', schema: { type: 'object', properties: { a: whole }, required: ['z'], additionalProperties: text }, accepts: [{ z: 'x' }, { a: 1, z: 'x' }, { a: 1, z: 'x', y: 'y' }], refuses: [{}, { a: 1 }, { z: 1 }] },
  { name: 'patterns of names', schema: { type: 'object', properties: { x_id: whole }, patternProperties: { '^x_': whole, '_t$': text }, additionalProperties: false }, accepts: [{}, { x_id: 1 }, { x_a: 2, b_t: 'y' }], refuses: [{ a: 1 }, { x_a: 'y' }, { b_t: 1 }, { x_t: 1 }, { x_t: 'a' }] },
  { name: 'patterns of names and the rest', schema: { type: 'object', patternProperties: { '^n': whole }, additionalProperties: text }, accepts: [{ n: 1, m: 'x' }, { nn: 3 }], refuses: [{ n: 'x' }, { m: 1 }] },
  { name: 'names with a pattern', schema: { type: 'object', propertyNames: { pattern: '^[a-z]{2}$' }, additionalProperties: whole }, accepts: [{}, { ab: 1, cd: 2 }], refuses: [{ abc: 1 }, { A: 1 }, { ab: 'x' }] },
  { name: 'names out of some', schema: { type: 'object', propertyNames: { enum: ['a', 'bb'] }, additionalProperties: whole }, accepts: [{}, { bb: 1 }, { bb: 1, a: 2 }], refuses: [{ b: 1 }] },
  { name: 'least properties', schema: { type: 'object', properties: { a: whole, b: whole, c: whole }, minProperties: 2, additionalProperties: false }, accepts: [{ a: 1, b: 1 }, { a: 1, c: 1 }, { b: 1, c: 1 }, { a: 1, b: 1, c: 1 }], refuses: [{}, { a: 1 }, { c: 1 }] },
  { name: 'most properties', schema: { type: 'object', properties: { a: whole, b: whole, c: whole }, maxProperties: 1, additionalProperties: false }, accepts: [{}, { a: 1 }, { c: 1 }], refuses: [{ a: 1, c: 1 }, { b: 1, c: 1 }] },
  { name: 'counts of a map', schema: { type: 'object', additionalProperties: whole, minProperties: 1, maxProperties: 2 }, accepts: [{ a: 1 }, { a: 1, b: 2 }], refuses: [{}, { a: 1, b: 2, c: 3 }] },
  { name: 'properties that may not be', schema: { type: 'object', properties: { a: false, b: whole }, additionalProperties: true }, accepts: [{ b: 1 }, { c: 1 }], refuses: [{ a: 1 }, { b: 1, a: 2 }] },
  { name: 'odd names', schema: { type: 'object', properties: { 'a"b': whole, 'ü\n': whole }, additionalProperties: whole }, accepts: [{ 'a"b': 1, 'ü\n': 2, ü: 3 }, { toString: 1 }], refuses: [{ ü: 'x' }, { 'a"b': 'x' }] },

  { name: 'items', schema: { type: 'array', items: whole }, accepts: [[], [1], [1, 2, 3]], refuses: [['a'], [1, 'a'], {}] },
  { name: 'counts of items', schema: { type: 'array', items: whole, minItems: 2, maxItems: 3 }, accepts: [[1, 2], [1, 2, 3]], refuses: [[], [1], [1, 2, 3, 4]] },
  { name: 'no items', schema: { type: 'array', items: false }, accepts: [[]], refuses: [[1], [null]] },
  { name: 'many items', schema: { type: 'array', items: whole, maxItems: 300 }, accepts: [Array.from({ length: 300 }, (_item, i) => i), []], refuses: [Array.from({ length: 301 }, (_item, i) => i)] },
  { name: 'exactly many items', schema: { type: 'array', items: whole, minItems: 300, maxItems: 300 }, accepts: [Array.from({ length: 300 }, () => 1)], refuses: [Array.from({ length: 299 }, () => 1), Array.from({ length: 301 }, () => 1)] },
  { name: 'a tuple', schema: { type: 'array', prefixItems: [text, whole], minItems: 2, items: false }, accepts: [['a', 1]], refuses: [['a'], [1, 'a'], ['a', 1, 2], []] },
  { name: 'a tuple with optional end', schema: { type: 'array', prefixItems: [text, whole], minItems: 1, items: false }, accepts: [['a'], ['a', 1]], refuses: [[], ['a', 'b'], ['a', 1, 2]] },
  { name: 'a tuple with further items', schema: { type: 'array', prefixItems: [text, whole], minItems: 2, items: { type: 'boolean' }, maxItems: 4 }, accepts: [['a', 1], ['a', 1, true], ['a', 1, true, false]], refuses: [['a'], ['a', 1, 2], ['a', 1, true, true, true]] },
  { name: 'a single item', schema: { type: 'array', items: whole, maxItems: 1, uniqueItems: true }, accepts: [[], [1]], refuses: [[1, 2]] },

  { name: 'lengths of text', schema: { type: 'string', minLength: 2, maxLength: 3 }, accepts: ['ab', 'é😀', '"\\\n'], refuses: ['', 'a', 'abcd'] },
  { name: 'long text', schema: { type: 'string', minLength: 100, maxLength: 450 }, accepts: ['x'.repeat(100), 'x'.repeat(450), '\n'.repeat(449)], refuses: ['x'.repeat(99), 'x'.repeat(451)] },
  { name: 'text without end', schema: { type: 'string', minLength: 1 }, accepts: ['a', 'x'.repeat(3000)], refuses: [''] },
  { name: 'an anchored pattern', schema: { type: 'string', pattern: '^(?:[A-Z]{2,3}|x+)-\\d*$' }, accepts: ['AB-', 'ABC-12', 'x-1', 'xxx-'], refuses: ['A-1', 'ABCD-', '-1', 'AB', 'AB-a'] },
  { name: 'a pattern without anchors', schema: { type: 'string', pattern: 'a.c' }, accepts: ['abc', 'xx a"c yy', 'aac\n'], refuses: ['ac', 'a\nc', ''] },
  { name: 'a pattern with one anchor', schema: { type: 'string', pattern: '^ab|yz$' }, accepts: ['ab', 'abc', 'yz', 'xyz'], refuses: ['a', 'xab', 'yzx'] },
  { name: 'a pattern with escapes', schema: { type: 'string', pattern: '^[^\\s"]+\\s"\\u00e9\\\\\\/[\\]\\-x]$' }, accepts: ['ab "é\\/]', 'a\n"é\\/-', '😀\t"é\\/x'], refuses: ['a b "é\\/]', '"é\\/]', 'ab "e\\/x'] },
  { name: 'a pattern with a length', schema: { type: 'string', pattern: '^[A-Za-z_]\\w*$', minLength: 2, maxLength: 5 }, accepts: ['ab', '_1234'], refuses: ['a', '1a', 'abcdef'] },
  { name: 'dates', schema: { type: 'string', format: 'date' }, accepts: ['2024-02-29', '2000-02-29', '1999-12-31'], refuses: ['2023-02-29', '1900-02-29', '2024-04-31', '2024-13-01', '24-01-01'] },
  { name: 'times', schema: { type: 'string', format: 'time' }, accepts: ['23:59:59Z', '00:00:00.123+02:00'], refuses: ['24:00:00Z', '12:60:00Z', '12:00'] },
  { name: 'moments', schema: { type: 'string', format: 'date-time' }, accepts: ['2024-02-29T12:00:00Z', '2024-01-01T00:00:00.5-11:30'], refuses: ['2024-02-30T12:00:00Z', '2024-01-01'] },
  { name: 'uuids', schema: { type: 'string', format: 'uuid' }, accepts: ['123e4567-E89B-12d3-a456-426614174000'], refuses: ['123e4567e89b12d3a456426614174000', '123e4567-e89b-12d3-a456-42661417400g'] },
  { name: 'mail addresses', schema: { type: 'string', format: 'email' }, accepts: ['a@b.example', 'first.last+tag@mail.example.org'], refuses: ['a', '@b.example', 'a@', 'a b@c.example', '.a@b.example'] },
  { name: 'addresses of the fourth version', schema: { type: 'string', format: 'ipv4' }, accepts: ['0.0.0.0', '255.249.99.1'], refuses: ['256.0.0.1', '1.2.3', '01.2.3.4.5'] },
  { name: 'addresses of the sixth version', schema: { type: 'string', format: 'ipv6' }, accepts: ['::', '::1', '2001:db8::8a2e:370:7334', '1:2:3:4:5:6:7:8', '1::', '1:2:3:4:5:6:7::'], refuses: [':::', '1:2:3', '1:2:3:4:5:6:7:8:9', '12345::'] },
  { name: 'names of hosts', schema: { type: 'string', format: 'hostname' }, accepts: ['a', 'node-1.example.org'], refuses: ['', '-a', 'a-', 'a..b', 'a_b'] },
  { name: 'durations', schema: { type: 'string', format: 'duration' }, accepts: ['P1D', 'PT1H30M', 'P1Y2M3DT4H5M6S', 'P2W'], refuses: ['P', 'PT', '1D', 'P1H'] },

  { name: 'whole numbers from zero', schema: { type: 'integer', minimum: 0 }, accepts: [0, 1, 10, 999999], refuses: [-1, 1.5] },
  { name: 'whole numbers between', schema: { type: 'integer', minimum: -12, maximum: 345 }, accepts: [-12, -9, -1, 0, 7, 99, 100, 299, 340, 345], refuses: [-13, -20, -100, 346, 350, 400, 1000] },
  { name: 'whole numbers below zero', schema: { type: 'integer', exclusiveMinimum: -100, exclusiveMaximum: -9 }, accepts: [-99, -50, -10], refuses: [-100, -9, 0, 10, -101] },
  { name: 'bounds with fractions for whole numbers', schema: { type: 'integer', minimum: 1.5, maximum: 20.9 }, accepts: [2, 9, 20], refuses: [1, 0, 21, -5] },
  { name: 'numbers from zero to one', schema: { type: 'number', minimum: 0, maximum: 1 }, accepts: [0, 1, 0.5, 0.001], refuses: [-0.1, 1.001, 2, -1, 10] },
  { name: 'numbers between', schema: { type: 'number', exclusiveMinimum: -2.75, exclusiveMaximum: 10.05 }, accepts: [-2.74, -0.5, 0, 2.7, 9.99, 10.04, 10], refuses: [-2.75, -2.8, -3, 10.05, 10.051, 11, 100] },
  { name: 'numbers above a large one', schema: { type: 'number', minimum: 1234.5 }, accepts: [1234.5, 1235, 99999, 1234.51], refuses: [1234.49, 1234, 999, -5000], leavesOut: [1e21] },
  { name: 'multiples', schema: { type: 'integer', multipleOf: 5, minimum: 10 }, accepts: [10, 15, 100, 1005], refuses: [0, 5, 11, 12, 101] },
  { name: 'hundredths', schema: { type: 'number', multipleOf: 0.25 }, accepts: [0, 0.5, 1.25, 3, -7.75], refuses: [0.1, 1.3, 0.26] },

  { name: 'one of several', schema: { anyOf: [text, { type: 'array', items: whole }, { type: 'null' }] }, accepts: ['a', [1], null], refuses: [1, ['a'], {}] },
  { name: 'one of several objects', schema: { oneOf: [{ type: 'object', properties: { kind: { const: 'a' }, x: whole }, required: ['kind', 'x'] }, { type: 'object', properties: { kind: { const: 'b' }, y: text }, required: ['kind'] }] }, accepts: [{ kind: 'a', x: 1 }, { kind: 'b' }, { kind: 'b', y: 'z' }], refuses: [{ kind: 'a' }, { kind: 'c' }, { kind: 'b', y: 1 }] },
  { name: 'a choice beside properties', schema: { type: 'object', properties: { a: whole, b: whole }, anyOf: [{ required: ['a'] }, { required: ['b'] }] }, accepts: [{ a: 1 }, { b: 1 }, { a: 1, b: 2 }], refuses: [{}, { a: 'x' }] },
  { name: 'choices that exclude each other', schema: { allOf: [{ properties: { kind: { enum: ['a', 'b'] } }, required: ['kind'] }, { anyOf: [{ properties: { kind: { const: 'b' }, n: whole }, required: ['n'] }, { properties: { kind: { const: 'c' } } }] }] }, accepts: [{ kind: 'b', n: 1 }], refuses: [{ kind: 'a', n: 1 }, { kind: 'c' }, { kind: 'b' }] },
  { name: 'all of several objects', schema: { allOf: [{ type: 'object', properties: { a: text }, required: ['a'] }, { $ref: '#/$defs/more' }], $defs: { more: { type: 'object', properties: { a: { maxLength: 2 }, b: whole }, required: ['b'] } } }, accepts: [{ a: 'xx', b: 1 }], refuses: [{ a: 'xxx', b: 1 }, { a: 'x' }, { b: 1 }] },
  { name: 'all of several values', schema: { allOf: [{ enum: ['a', 'b', 'c'] }, { enum: ['b', 'c', 'd'] }, { type: 'string', pattern: '[ab]' }] }, accepts: ['b'], refuses: ['a', 'c', 'd'] },
  { name: 'all of several bounds', schema: { allOf: [{ type: 'number', minimum: 3 }, { type: 'integer', maximum: 5 }, { multipleOf: 2 }] }, accepts: [4], refuses: [2, 3, 5, 6, 4.5] },
  { name: 'further properties of both', schema: { allOf: [{ properties: { a: {} }, additionalProperties: whole }, { properties: { b: { minimum: 3 } }, additionalProperties: { type: 'integer' } }] }, accepts: [{ a: 1, b: 3, c: 4 }], refuses: [{ a: 'x' }, { b: 2 }, { b: 'x' }, { c: 'x' }] },
  { name: 'references', schema: { $ref: '#/definitions/pair', definitions: { pair: { type: 'array', items: { $ref: '#/definitions/n~1m' }, minItems: 2, maxItems: 2 }, 'n/m': whole } }, accepts: [[1, 2]], refuses: [[1], ['a', 'b'], 1] },
  { name: 'a tree', schema: { type: 'object', properties: { value: whole, children: { type: 'array', items: { $ref: '#' } } }, required: ['value'] }, accepts: [{ value: 1 }, { value: 1, children: [{ value: 2, children: [] }, { value: 3 }] }], refuses: [{ value: 1, children: [{}] }, { children: [] }] },
  { name: 'a list of cells', schema: { $ref: '#/$defs/list', $defs: { list: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/cell' }] }, cell: { type: 'object', properties: { head: text, tail: { $ref: '#/$defs/list' } }, required: ['head', 'tail'] } } }, accepts: [null, { head: 'a', tail: null }, { head: 'a', tail: { head: 'b', tail: null } }], refuses: [{ head: 'a' }, { head: 'a', tail: {} }] },
  { name: 'what may be null', schema: { type: 'object', properties: { a: { type: 'string', nullable: true } }, required: ['a'] }, accepts: [{ a: 'x' }, { a: null }], refuses: [{ a: 1 }, {}] },
  { name: 'remarks', schema: { $schema: 'http://json-schema.org/draft-07/schema#', title: 'T', description: 'D', type: 'integer', examples: [1], $comment: 'c', readOnly: true }, accepts: [1], refuses: ['1'] },
  { name: 'true and false as schemas', schema: { type: 'object', properties: { a: true, b: { anyOf: [false, whole] } }, required: ['a', 'b'] }, accepts: [{ a: [{}], b: 1 }], refuses: [{ a: 1, b: 'x' }] },
]; // prettier-ignore
