import { describe, expect, test } from '@jest/globals';
import { ToolCallParser } from '../runner/tool-call-parser.ts';
import { hermes } from '../tool-formats/hermes.ts';
import { compileGrammar } from './grammar-engine.fixture.ts';
import { GrammarSampler, randomFrom } from './grammar-sampler.fixture.ts';
import { toolCallGrammar } from './tool-call-grammar.ts';
import { lfm2Syntax, llama3Syntax, mistralSyntax } from './tool-call-syntax.ts';

const weather = {
  name: 'weather',
  parameters: {
    type: 'object',
    properties: {
      city: { type: 'string', maxLength: 20 },
      days: { type: 'integer', minimum: 1, maximum: 7 },
    },
    required: ['city'],
  },
};
const clock = { name: 'clock' };
const tools = [weather, clock];

const call = (name: string, args: unknown): string =>
  `<tool_call>\n{"name": "${name}", "arguments": ${JSON.stringify(args)}}\n</tool_call>`;

describe('the grammar of tool calls', () => {
  test('takes one call or several, each with arguments of its own tool', async () => {
    const matches = await compileGrammar(toolCallGrammar({ tools, parallel: true }));
    const one = call('weather', { city: 'Oslo', days: 3 });
    expect(matches(one)).toBe(true);
    expect(matches(`${one}\n${call('clock', {})}\n${call('weather', { city: 'Bonn' })}`)).toBe(true);
    for (const wrong of [
      '',
      'Hello',
      `${one}\n`,
      `${one} and more`,
      call('weather', {}),
      call('weather', { city: 'Oslo', days: 8 }),
      call('clock', { city: 'Oslo' }),
      call('calendar', {}),
    ])
      expect({ wrong, taken: matches(wrong) }).toEqual({ wrong, taken: false });
  });

  test('takes exactly one call when calls are not to be parallel', async () => {
    const matches = await compileGrammar(toolCallGrammar({ tools, parallel: false }));
    expect(matches(call('clock', {}))).toBe(true);
    expect(matches(`${call('clock', {})}\n${call('clock', {})}`)).toBe(false);
  });

  test('takes only the named tool when it is the only one given', async () => {
    const matches = await compileGrammar(toolCallGrammar({ tools: [clock], parallel: false }));
    expect(matches(call('clock', {}))).toBe(true);
    expect(matches(call('weather', { city: 'Oslo' }))).toBe(false);
  });

  test('does not let a model call without end', async () => {
    const matches = await compileGrammar(toolCallGrammar({ tools: [clock], parallel: true }));
    const calls = (count: number): string =>
      Array.from({ length: count }, () => call('clock', {})).join('\n');
    expect([matches(calls(128)), matches(calls(129))]).toEqual([true, false]);
  });

  test('writes calls that the parser of answers finds again', () => {
    const sampler = new GrammarSampler(toolCallGrammar({ tools, parallel: true }));
    const random = randomFrom(11);
    for (let round = 0; round < 50; round++) {
      const text = sampler.sample(random, 6 + (round % 8));
      const parser = new ToolCallParser({ format: hermes, tools, newId: () => 'id', isHidden: () => false });
      const pieces = [...parser.push(text), ...parser.flush()];
      expect(pieces.length).toBeGreaterThan(0);
      for (const piece of pieces) expect(piece).toMatchObject({ kind: 'call', call: { id: 'id' } });
    }
  });

  test('takes names and keeps rules of tools apart, whatever they are called', async () => {
    const parameters = (value: unknown): Record<string, unknown> => ({
      type: 'object',
      properties: { value },
      required: ['value'],
    });
    const odd = [
      { name: 'a"b', parameters: parameters({ type: 'integer' }) },
      { name: 'a-b', parameters: parameters({ type: 'boolean' }) },
      { name: 'a b', parameters: parameters({ $ref: '#/$defs/x' }) },
    ];
    const withDefinitions = odd.map((tool) => ({
      ...tool,
      parameters: { ...tool.parameters, $defs: { x: { type: 'null' } } },
    }));
    const matches = await compileGrammar(toolCallGrammar({ tools: withDefinitions, parallel: false }));
    expect(matches(call('a\\"b', { value: 1 }))).toBe(true);
    expect(matches(call('a-b', { value: true }))).toBe(true);
    expect(matches(call('a b', { value: null }))).toBe(true);
    expect(matches(call('a-b', { value: 1 }))).toBe(false);
  });

  test('is written as the template family has it', async () => {
    const llama3 = await compileGrammar(toolCallGrammar({ tools, parallel: true, syntax: llama3Syntax }));
    expect(llama3('{"name": "weather", "parameters": {"city": "Oslo"}}')).toBe(true);
    expect(llama3('{"name": "weather", "arguments": {"city": "Oslo"}}')).toBe(false);
    const mistral = await compileGrammar(toolCallGrammar({ tools, parallel: true, syntax: mistralSyntax }));
    const calls = '{"name": "weather", "arguments": {"city": "Oslo"}}, {"name": "clock", "arguments": {}}';
    expect(mistral(`[TOOL_CALLS] [${calls}]`)).toBe(true);
    expect(mistral(`[TOOL_CALLS] [${calls}`)).toBe(false);
  });

  test('names the tool whose parameters cannot be enforced, and the place in them', () => {
    const wrong = { name: 'search', parameters: { type: 'object', properties: { q: { not: {} } } } };
    expect(() => toolCallGrammar({ tools: [clock, wrong], parallel: true })).toThrow(
      /tool "search": .* at #\/properties\/q\/not: /,
    );
  });
});

test('arguments as in Python are divided by commas, whichever are left out', async () => {
  const parameters = {
    type: 'object',
    properties: {
      a: { type: 'integer' },
      b: { type: 'boolean' },
      c: { type: 'integer' },
      d: { type: 'integer' },
    },
  };
  const takes = async (required: readonly string[]): Promise<(args: string) => boolean> => {
    const tools = [{ name: 'f', parameters: { ...parameters, required } }];
    const matches = await compileGrammar(toolCallGrammar({ tools, parallel: false, syntax: lfm2Syntax }));
    return (args) => matches(`<|tool_call_start|>[f(${args})]<|tool_call_end|>`);
  };
  const free = await takes([]);
  for (const args of ['', 'a=1', 'b=true', 'a=1, d=2', 'b=true, c=1', 'a=1, b=false, c=2, d=3'])
    expect({ args, taken: free(args) }).toEqual({ args, taken: true });
  for (const args of [', a=1', 'a=1,', 'a=1 b=true', 'b=1', 'd=1, a=2', 'a=1, a=2'])
    expect({ args, taken: free(args) }).toEqual({ args, taken: false });
  const bound = await takes(['b', 'c']);
  for (const args of ['b=true, c=1', 'a=1, b=true, c=1', 'b=true, c=1, d=2'])
    expect({ args, taken: bound(args) }).toEqual({ args, taken: true });
  for (const args of ['', 'a=1, c=1', 'b=true', 'c=1', 'b=true, d=1'])
    expect({ args, taken: bound(args) }).toEqual({ args, taken: false });
});
