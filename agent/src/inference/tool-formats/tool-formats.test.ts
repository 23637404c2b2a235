import { describe, expect, test } from '@jest/globals';
import { compileGrammar } from '../grammar/grammar-engine.fixture.ts';
import { toolCallGrammar } from '../grammar/tool-call-grammar.ts';
import { ToolCallParser } from '../runner/tool-call-parser.ts';
import { argumentTranscripts } from './argument-transcripts.fixture.ts';
import { jsonTranscripts } from './json-transcripts.fixture.ts';
import { call, readPieces, text, tools, writtenCall } from './tool-calls.fixture.ts';
import { toolFormatOf, toolFormats } from './tool-formats.ts';
import type { ToolFormat } from './tool-format.ts';

const formatOf = (name: string): ToolFormat => toolFormats.find((format) => format.name === name)!;

const now = call('now', {});
const oddNames = ['$filter', 'user.name', 'größe', 'page[size]', 'first name', '@type', 'a&quot;b'];
const cases = { ...jsonTranscripts, ...argumentTranscripts };

describe.each(toolFormats.map((format) => format.name))('calls as %s has them', (name) => {
  const format = formatOf(name);

  test.each(cases[name]!)('%s, wherever they are cut', (_what, written, wanted) => {
    expect(readPieces(format, [written])).toEqual(wanted);
    expect(readPieces(format, written.split(''))).toEqual(wanted);
    for (let at = 1; at < written.length; at += 1)
      expect(readPieces(format, [written.slice(0, at), written.slice(at)])).toEqual(wanted);
  });

  test('are what the grammar takes', async () => {
    const matches = await compileGrammar(toolCallGrammar({ tools, parallel: true, syntax: format.syntax }));
    const { open, close, separator } = format.syntax;
    const one = (tool: string, args: Record<string, unknown>): string =>
      writtenCall(format.syntax, tool, args);
    const args = { city: 'Bad <Ems> 😀', days: 2, unit: 'celsius', places: [{ x: 1.5 }] };
    const several = [one('get_weather', args), one('now', {})];
    const all = separator === undefined ? several.slice(0, 1) : [several.join(separator)];
    const answer = `${open}${all.join('')}${close}`;
    expect(matches(answer)).toBe(true);
    expect(readPieces(format, [answer])).toEqual([call('get_weather', args), now].slice(0, all.length === 1 && separator === undefined ? 1 : 2)); // prettier-ignore
    for (const wrong of [
      one('get_weather', { days: 2 }),
      one('get_weather', { city: 'x', days: 9 }),
      one('other', {}),
    ])
      expect(matches(`${open}${wrong}${close}`)).toBe(false);
  });

  test('are read with any names of arguments that the grammar writes', async () => {
    const properties = Object.fromEntries(oddNames.map((key) => [key, { type: 'integer' }]));
    const odd = { name: 'now', parameters: { type: 'object', properties, required: oddNames } };
    const { syntax } = format;
    const matches = await compileGrammar(toolCallGrammar({ tools: [odd], parallel: false, syntax }));
    const args = Object.fromEntries(oddNames.map((key, at) => [key, at]));
    const answer = syntax.open + writtenCall(syntax, 'now', args) + syntax.close;
    expect(matches(answer)).toBe(true);
    expect(readPieces(format, [answer])).toEqual([call('now', args)]);
  });

  test('are told from text as soon as possible', () => {
    const parser = new ToolCallParser({ format, tools, newId: () => 'id', isHidden: () => false });
    const told = parser.push('Hello').map((piece) => (piece.kind === 'text' ? piece.text : ''));
    expect(told.join('')).toBe('Hello');
    const opening = format.openings[0]!;
    expect(parser.push(` there ${opening.slice(0, -1)}`)).toEqual([text(' there')]);
    expect(parser.push('~')).toEqual([text(` ${opening.slice(0, -1)}~`)]);
  });
});

describe('marks that are control tokens', () => {
  test('are never seen, even around what is no call', () => {
    const format = formatOf('deepseek');
    const marks = new Set([...format.openings, ...format.marks]);
    const written = 'a<｜tool▁calls▁begin｜>b<｜tool▁sep｜>c<｜tool▁call▁begin｜>x<｜tool▁sep｜>y\n{"';
    for (const pieces of [[written], written.split('')])
      expect(readPieces(format, pieces, (mark) => marks.has(mark))).toEqual([text('abcxy\n{"')]);
  });

  test.each([
    ['gigachat', 'a<|message_sep|>\n\nfunction call<|role_sep|>\nb', 'a\n\nfunction call\nb'],
    ['gigachat', 'a<|message_sep|>\n\n', 'a'],
    ['kimi-k3', '<|open|>response<|sep|>a<|close|>response<|sep|><|close|>message<|sep|>', 'a'],
    ['gemma4', 'a<|tool_call>b<|"|>c<tool_call|>', 'abc'],
    ['minimax-m3', 'a]<]minimax[>[<b>', 'a<b>'],
  ])('of %s are not seen in %j', (name, written, wanted) => {
    const format = formatOf(name);
    const marks = new Set([...format.openings, ...format.marks]);
    for (const pieces of [[written], written.split('')])
      expect(readPieces(format, pieces, (mark) => marks.has(mark))).toEqual([text(wanted)]);
  });
});

describe('a name of a tool in an answer', () => {
  const read = (written: string): unknown =>
    new ToolCallParser({
      format: formatOf('functionary'),
      tools,
      newId: () => 'id',
      isHidden: () => false,
    }).push(written);

  test('is a call as soon as its arguments are there', () => {
    expect(read('now\n{}')).toEqual([now]);
    expect(read('now\n{')).toEqual([]);
  });
});

describe('the family of a template', () => {
  test.each([
    ["{{ '<tool_call>' }}{{ '<function=' + name + '>' }}{{ '<parameter=' }}", 'qwen-coder'],
    ["{{ '\\n<tool_call>' + tc.name }}<arg_key>{{ k }}</arg_key>", 'glm'],
    ['{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call> <tool_call>', 'hermes'],
    ["{{ '[TOOL_CALLS] [' }}", 'mistral'],
    ["{{ '[TOOL_CALLS]' + name + '[ARGS]' }}", 'mistral-named'],
    [
      "{{'<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>' + type + '<｜tool▁sep｜>' + '\\n' + '```json'}}",
      'deepseek',
    ],
    ["{{'<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>' + name + '<｜tool▁sep｜>'}}", 'deepseek-named'],
    ['<|start_header_id|>{{ \'{"name": "\' }}{{ \'"parameters": \' }}', 'llama3'],
    ["<|start|>assistant<|channel|>{{ 'analysis' }}<|message|>", 'harmony'],
    ["{{ '<minimax:tool_call>' }}{{ '<invoke name=\"' + name + '\">' }}", 'minimax'],
    ["{%- set dsml_token = '｜DSML｜' -%}{{ '<' + dsml_token + 'function_calls>' }}", 'dsml'],
    ["{%- set dsml_token = '｜DSML｜' -%}{{ '<' + dsml_token + 'tool_calls>' }}", 'dsml-calls'],
    ["{{- 'List of tools: <|tool_list_start|>[' -}}", 'lfm2'],
    ["{%- set ns.system_prompt = ns.system_prompt + 'List of tools: [' -%}", 'lfm2'],
    ["{{ ns ~ '<tool_call>' }} ]<]minimax[>[ {{ ns + '<invoke name=\"' }}", 'minimax-m3'],
    ["{{ '<tool_calls>\n{\"name\": \"' }}{{ '<beginning_of_sentence>' }}", 'minimax-m1'],
    ["{{ '>>>${recipient}\n${content}' }}{{ '>>>all\n' + message['content'] }}", 'functionary'],
    ['role_sep="<|role_sep|>\n", message_sep="<|message_sep|>\n\n"', 'gigachat'],
    ['role_sep="<|role_sep|>", message_sep="<|message_sep|>", function_call="<|function_call|>"', 'gigachat-mark'], // prettier-ignore
    ["{{ '<｜GCML｜tool_calls>' }} <|role_sep|> <|message_sep|>", 'gcml'],
    ["{{- '<|open|>' + tag }}{{ '<|sep|>' }}{{ '<|close|>' }}{{ '<|end_of_msg|>' }}", 'kimi-k3'],
    ["{{- '<|tool_call>call:' + function['name'] + '{' -}}", 'gemma4'],
    ["{{- '<start_function_call>call:' + function['name'] -}}", 'function-gemma'],
    ["{{ '<function name=\"' ~ name ~ '\">' }}{{ '<param name=\"' ~ key }}", 'minicpm'],
    ["{% set HYTK = ':opensource' %}{% set sep = '<tool_sep{}>'.format(HYTK) %}", 'hunyuan'],
    ["{{ '<|tool_call:begin|>' + tool_call.id + '<|tool_call:name|>' }}", 'solar'],
    ["{%- set tool_calls_token = '<|tools_prefix|>' -%}", 'apertus'],
    ["{{ '<|CHATBOT_TOKEN|>' }}{{ '\nAction:\n```json\n[\n' }}", 'command-action'],
    ["{{ '<|CHATBOT_TOKEN|>' }}<|START_TEXT|>{{ '<|START_ACTION|>' }}", 'command-r'],
    ["{{ '<role>ASSISTANT</role>' }}{{ '<tool_call>' + name }}{{ '<arg_key>' + key }}", 'glm'],
    ["{{ '<function_calls>' + calls + '</function_calls>' }}", 'olmo'],
    ["{{ '```tool_code\n' }}", 'tool-code'],
    ['<tool_call><invoke name="x">', undefined],
    ['{{ message.content }}', undefined],
    ['<|start_header_id|>{{ role }}', undefined],
  ])('%s is %s', (template, name) => {
    expect(toolFormatOf(template)?.name).toBe(name);
  });
});
