import { describe, expect, test } from '@jest/globals';
import { Type, type TSchema } from 'typebox';
import { NodeConfig } from './config.ts';
import { oneOf } from './one-of.ts';
import { ChatBody, GenerateBody } from './rest/ollama.ts';
import { ChatCompletionBody } from './rest/openai-chat.ts';
import { compileValidator, describeProblems } from './validation.ts';
import { ModelSpec } from './wire/desired-state.ts';

const messagesOf = (schema: TSchema, value: unknown): string => {
  const result = compileValidator(schema)(value);
  return result.ok ? 'ok' : describeProblems(result.problems);
};

const message = { role: 'user', content: 'x' };
const completion = { model: 'tiny', messages: [message] };

describe('problems', () => {
  test.each([
    ['a missing field', Type.Object({ a: Type.String() }), {}, 'a is required'],
    [
      'an unknown field',
      Type.Object({ a: Type.Object({}, { additionalProperties: false }) }),
      { a: { b: 1 } },
      'a.b is not known here',
    ],
    ['a wrong type', Type.Object({ a: Type.Integer() }), { a: 'x' }, 'a must be integer'],
    ['a bound', Type.Object({ a: Type.Integer({ minimum: 1 }) }), { a: 0 }, 'a must be >= 1'],
    ['a fixed value', Type.Object({ a: Type.Literal('x') }), { a: 'y' }, 'a must be "x"'],
    ['one of several', Type.Object({ a: oneOf(['x', 'y']) }), { a: 'z' }, 'a must be one of "x", "y"'],
    [
      'a form',
      Type.Object({ a: Type.String({ pattern: '^x$' }) }),
      { a: 'y' },
      'a does not have the expected form (^x$)',
    ],
    [
      'an item',
      Type.Array(Type.Object({ a: Type.String() })),
      [{ a: 'x' }, { a: 1 }],
      '[1].a must be string',
    ],
    ['the value itself', Type.Object({}), 7, 'the value must be object'],
    [
      'a name with signs of a path',
      Type.Object({ 'a/b~c': Type.String() }),
      { 'a/b~c': 1 },
      'a/b~c must be string',
    ],
  ])('%s is told by its place', (_what, schema, value, expected) => {
    expect(messagesOf(schema, value)).toBe(expected);
  });

  test('are all told, each once', () => {
    const schema = Type.Object({ a: Type.String(), b: Type.Integer(), c: Type.Boolean() });
    expect(messagesOf(schema, { b: 'x' })).toBe('a is required; c is required; b must be integer');
  });
});

describe('problems of a union say what was meant', () => {
  test.each([
    [
      'keep_alive of a wrong type',
      GenerateBody,
      { model: 'm', keep_alive: true },
      'keep_alive must be number or string',
    ],
    [
      'a format of a wrong type',
      GenerateBody,
      { model: 'm', format: 7 },
      'format must be string or null or object',
    ],
    [
      'a part of a nullable object',
      ChatBody,
      { model: 'm', messages: [{ role: 'user', tool_calls: [{ function: { name: 7, arguments: {} } }] }] },
      'messages[0].tool_calls[0].function.name must be string',
    ],
    [
      'a way of thinking of a wrong type',
      ChatBody,
      { model: 'm', think: 7 },
      'think must be boolean or string or null',
    ],
    [
      'stop of a wrong type, nested unions',
      ChatCompletionBody,
      { ...completion, stop: 7 },
      'stop must be string or array or null',
    ],
    [
      'a variant told apart by its fixed value',
      ChatCompletionBody,
      { ...completion, response_format: { type: 'json_schema', json_schema: {} } },
      'response_format.json_schema.schema is required',
    ],
    [
      'no variant of that fixed value',
      ChatCompletionBody,
      { ...completion, response_format: { type: 'yaml' } },
      'response_format.type must be one of "text", "json_object", "json_schema"',
    ],
    [
      'a part of a message',
      ChatCompletionBody,
      { model: 'm', messages: [{ role: 'user', content: [{ type: 'text', text: 7 }] }] },
      'messages[0].content[0].text must be string',
    ],
  ])('%s', (_what, schema, value, expected) => {
    expect(messagesOf(schema, value)).toBe(expected);
  });

  test('a model without a source of either kind names the fields', () => {
    expect(messagesOf(ModelSpec, { name: 'm', source: {} })).toMatch(/^source\.(file|http) is required/);
  });
});

describe('a huge value', () => {
  // Looking for every problem here took minutes and gigabytes.
  test.each([
    ['messages', ChatBody, { model: 'm', messages: new Array<number>(100_000).fill(1) }],
    ['content', ChatCompletionBody, { model: 'm', messages: new Array<number>(2_000_000).fill(1) }],
  ])('gets its first problem: %s', (_what, schema, value) => {
    const result = compileValidator(schema)(value);
    expect(result.ok ? [] : result.problems.map((problem) => problem.path)).toEqual([
      expect.stringMatching(/^messages(\[0\])?$/),
    ]);
  });

  test('just small enough for all its problems is still answered', () => {
    expect(messagesOf(ChatBody, { model: 'm', messages: new Array<number>(19_000).fill(1) })).toMatch(
      /^messages\[0\] must be object; messages\[1\]/,
    );
  });
});

describe('a valid value', () => {
  test('gets the defaults of every level', () => {
    const result = compileValidator(NodeConfig)({ node: { id: 'a' } });
    expect(
      result.ok && [result.value.node.id, result.value.listen.api, result.value.limits.connections],
    ).toEqual(['a', '127.0.0.1:8080', 4096]);
  });

  test('of a client may have fields nobody knows', () => {
    expect(messagesOf(ChatBody, { model: 'm', messages: [{ ...message, later: 1 }], later: true })).toBe(
      'ok',
    );
  });
});
