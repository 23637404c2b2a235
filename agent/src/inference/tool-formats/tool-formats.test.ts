import { describe, expect, test } from '@jest/globals';
import { compileGrammar } from '../grammar/grammar-engine.fixture.ts';
import { toolCallGrammar } from '../grammar/tool-call-grammar.ts';
import { ToolCallParser, type ToolPiece } from '../runner/tool-call-parser.ts';
import { call, readPieces, text, tools } from './tool-calls.fixture.ts';
import { toolFormatOf, toolFormats } from './tool-formats.ts';
import type { ToolFormat } from './tool-format.ts';

const formatOf = (name: string): ToolFormat => toolFormats.find((format) => format.name === name)!;

const paris = call('get_weather', { city: 'Paris' });
const now = call('now', {});
/** Braces, marks and letters beyond the first plane within strings. */
const odd = { city: 'a}]"{\\ 😀 <b> é', days: 3 };
const oddJson = JSON.stringify(odd);

type Case = readonly [what: string, written: string, wanted: readonly ToolPiece[]];

const cases: Record<string, readonly Case[]> = {
  hermes: [
    ['one', '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>', [now]],
    [
      'text and two',
      'Let me look.\n\n<tool_call>{"name":"get_weather","arguments":{"city":"Paris"}}</tool_call>\n<tool_call>{"name":"now"}</tool_call>\n',
      [text('Let me look.'), paris, now],
    ],
    ['odd letters', `<tool_call>{"name":"get_weather","arguments":${oddJson}}</tool_call>`, [call('get_weather', odd)]], // prettier-ignore
    ['text behind', '<tool_call>{"name":"now"}</tool_call>\nDone <b', [now, text('\nDone <b')]],
    [
      'broken JSON',
      'x <tool_call>{"name": }</tool_call> ok',
      [text('x <tool_call>{"name": }</tool_call> ok')],
    ],
    ['no JSON', 'a <tool_call> is a tag', [text('a <tool_call> is a tag')]],
    [
      'a broken one and a good one',
      '<tool_call>{<tool_call>{"name":"now"}</tool_call>',
      [text('<tool_call>{'), now],
    ],
    ['a missing end', '<tool_call>{"name":"now"}', [now]],
    ['almost a mark', 'a <tool_cal l> <', [text('a <tool_cal l> <')]],
  ],
  'qwen-coder': [
    [
      'one',
      '<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>',
      [paris],
    ],
    [
      'values of all kinds, and two',
      'Sure.\n<tool_call>\n<function=get_weather>\n<parameter=city>\n{"a": 1} <b>\nsecond 😀\n</parameter>\n<parameter=days>\n3\n</parameter>\n<parameter=unit>\ncelsius\n</parameter>\n<parameter=places>\n[{"x": 1}]\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=now>\n</function>\n</tool_call>',
      [
        text('Sure.'),
        call('get_weather', {
          city: '{"a": 1} <b>\nsecond 😀',
          days: 3,
          unit: 'celsius',
          places: [{ x: 1 }],
        }),
        now,
      ],
    ],
    ['no outer tag', '<function=now></function>', [now]],
    ['a text that is a number', '<function=get_weather><parameter=city>\n75\n</parameter></function>', [call('get_weather', { city: '75' })]], // prettier-ignore
    ['a missing end', '<tool_call>\n<function=now>\n</function>', [now]],
    ['another tag', '<tool_call>\n<b>now</b>', [text('<tool_call>\n<b>now</b>')]],
  ],
  seed: [
    [
      'one',
      '<seed:tool_call>\n<function=get_weather>\n<parameter=city>Paris</parameter>\n</function>\n</seed:tool_call>',
      [paris],
    ],
  ],
  glm: [
    [
      'one and another',
      '\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>\n<tool_call>now\n</tool_call>',
      [call('get_weather', { city: 'Paris', days: 3 }), now],
    ],
    ['odd letters', '<tool_call>get_weather<arg_key>city</arg_key><arg_value>a</b> 😀 "}</arg_value></tool_call>', [call('get_weather', { city: 'a</b> 😀 "}' })]], // prettier-ignore
    ['no name', '<tool_call><b></tool_call>', [text('<tool_call><b></tool_call>')]],
  ],
  llama3: [
    ['one', '{"name": "get_weather", "parameters": {"city": "Paris"}}', [paris]],
    ['behind its mark', '<|python_tag|>{"name": "now", "parameters": {}}', [now]],
    [
      'two',
      '{"name": "now", "parameters": {}}; {"name": "get_weather", "parameters": {"city": "Paris"}}',
      [now, paris],
    ],
    [
      'odd letters',
      `\n{"type":"function","name":"get_weather","parameters":${oddJson}}`,
      [call('get_weather', odd)],
    ],
    ['an answer in JSON', '{"city": "Paris"}', [text('{"city": "Paris"}')]],
    [
      'another name',
      '\n{"name": "Anna", "parameters": {}} x',
      [text('\n{"name": "Anna", "parameters": {}} x')],
    ],
    ['JSON in text', 'So: {"name": "now"}', [text('So: {"name": "now"}')]],
    ['broken JSON', '{"name": "now", "param', [text('{"name": "now", "param')]],
  ],
  mistral: [
    ['one', '[TOOL_CALLS][{"name": "now", "arguments": {}}]', [now]],
    [
      'text and two',
      'Hm.[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Paris"}, "id": "a1b2c3d4e"}, {"name": "now", "arguments": {}}]',
      [text('Hm.'), paris, now],
    ],
    [
      'odd letters',
      `[TOOL_CALLS][{"name":"get_weather","arguments":${oddJson}}]`,
      [call('get_weather', odd)],
    ],
    ['no list', '[TOOL_CALLS] [1] end', [text('[TOOL_CALLS] [1] end')]],
    ['cut off', '[TOOL_CALLS][{"name": "now"', [text('[TOOL_CALLS][{"name": "now"')]],
  ],
  'mistral-named': [
    ['one', '[TOOL_CALLS]now[ARGS]{}', [now]],
    [
      'text and two',
      'Hm.\n[TOOL_CALLS]get_weather[CALL_ID]a1b2c3d4e[ARGS]{"city": "Paris"}[TOOL_CALLS]now[ARGS]{}',
      [text('Hm.'), paris, now],
    ],
    ['no marks between', `[TOOL_CALLS]get_weather${oddJson}`, [call('get_weather', odd)]],
  ],
  deepseek: [
    [
      'text and two',
      'Sure.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{"city": "Paris"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>now\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
      [text('Sure.'), paris, now],
    ],
    [
      'odd letters and no end',
      `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n\`\`\`json\n${oddJson}`,
      [call('get_weather', odd)],
    ],
  ],
  'deepseek-named': [
    [
      'two',
      '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{"city":"Paris"}<｜tool▁call▁end｜><｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
      [paris, now],
    ],
  ],
  kimi: [
    [
      'text and two',
      'Ok <|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{"city":"Paris"}<|tool_call_end|><|tool_call_begin|>functions.now:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>',
      [text('Ok'), paris, now],
    ],
  ],
  'command-r': [
    [
      'two',
      '<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "get_weather", "parameters": {"city": "Paris"}},\n    {"tool_call_id": "1", "tool_name": "now", "parameters": {}}\n]<|END_ACTION|>',
      [paris, now],
    ],
    ['an answer', '<|START_RESPONSE|>Hello there!<|END_RESPONSE|>', [text('Hello there!')]],
  ],
  lfm2: [
    [
      'text around two',
      'I look.<|tool_call_start|>[get_weather(city="Paris"), now()]<|tool_call_end|>Wait',
      [text('I look.'), paris, now, text('Wait')],
    ],
    [
      'values of all kinds',
      `<|tool_call_start|>[get_weather( city = 'It\\'s "a" \\u00e9 \\x41\\n', days=-3, unit=None, ok=True, places=[{'x': 1.5, "y": (False, [])},],)]<|tool_call_end|>`,
      [
        call('get_weather', {
          city: 'It\'s "a" é A\n',
          days: -3,
          unit: null,
          ok: true,
          places: [{ x: 1.5, y: [false, []] }],
        }),
      ],
    ],
    ['brackets in a text', '<|tool_call_start|>[get_weather(city="a)], b(")]<|tool_call_end|>', [call('get_weather', { city: 'a)], b(' })]], // prettier-ignore
    ['JSON', '<|tool_call_start|>[{"name": "now", "arguments": {}}]<|tool_call_end|>', [now]],
    ['a missing end', '<|tool_call_start|>[now()]', [now]],
    ['no name of an argument', '<|tool_call_start|>[get_weather("Paris")]<|tool_call_end|>', [text('<|tool_call_start|>[get_weather("Paris")]')]], // prettier-ignore
    ['no value', '<|tool_call_start|>[get_weather(city=Paris)]', [text('<|tool_call_start|>[get_weather(city=Paris)]')]], // prettier-ignore
  ],
  'tool-call-mark': [
    ['an object', '<|tool_call|>{"name": "now", "arguments": {}}<|/tool_call|>', [now]],
    [
      'a list and text',
      'a\n<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Paris"}}, {"name": "now"}] b',
      [text('a'), paris, now, text(' b')],
    ],
  ],
  minimax: [
    [
      'text and two',
      'Sure.\n<minimax:tool_call>\n<invoke name="get_weather">\n<parameter name="city">Paris > "x"</parameter>\n<parameter name="days">2</parameter>\n</invoke>\n<invoke name="now">\n</invoke>\n</minimax:tool_call>',
      [text('Sure.'), call('get_weather', { city: 'Paris > "x"', days: 2 }), now],
    ],
  ],
  dsml: [
    [
      'values whose kind is said, and two',
      '<｜DSML｜function_calls>\n<｜DSML｜invoke name="get_weather">\n<｜DSML｜parameter name="city" string="true">Paris</｜DSML｜parameter>\n<｜DSML｜parameter name="days" string="false">2</｜DSML｜parameter>\n<｜DSML｜parameter name="more" string="true">3</｜DSML｜parameter>\n</｜DSML｜invoke>\n<｜DSML｜invoke name="now">\n</｜DSML｜invoke>\n</｜DSML｜function_calls>',
      [call('get_weather', { city: 'Paris', days: 2, more: '3' }), now],
    ],
  ],
  'dsml-calls': [
    [
      'one',
      '<｜DSML｜tool_calls>\n<｜DSML｜invoke name="now">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>',
      [now],
    ],
  ],
  functools: [
    [
      'two',
      'functools[{"name": "get_weather", "arguments": {"city": "Paris"}}, {"name": "now"}]',
      [paris, now],
    ],
    ['a word', 'Use functools of Python.', [text('Use functools of Python.')]],
  ],
  nemotron: [['one', '<TOOLCALL>[{"name": "now", "arguments": {}}]</TOOLCALL>', [now]]],
  apriel: [['one', 'Ok. <tool_calls>[{"name": "now", "arguments": {}}]</tool_calls>', [text('Ok.'), now]]],
  'function-tag': [
    ['two', '<function=get_weather>{"city": "Paris"}</function><function=now>{}</function>', [paris, now]],
    ['no JSON', '<function=x> y', [text('<function=x> y')]],
  ],
  harmony: [
    ['one', '<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}<|call|>', [now]],
    ['no end', 'I look.<|channel|>commentary to=functions.get_weather<|message|>{"city":"Paris"}', [text('I look.'), paris]], // prettier-ignore
  ],
};

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
    const { open, close, separator, call: written, quotedName, tagged, keywords } = format.syntax;
    const one = (tool: string, args: Record<string, unknown>): string => {
      const values = Object.entries(args).map(([key, value]) =>
        tagged === undefined
          ? ''
          : `${tagged[0]}${key}${tagged[1]}${typeof value === 'string' ? value : JSON.stringify(value)}${tagged[2]}`,
      );
      const asKeywords = Object.entries(args).map(
        ([key, value]) => `${key}${keywords?.[0]}${JSON.stringify(value)}`,
      );
      const plain = keywords === undefined ? JSON.stringify(args) : asKeywords.join(keywords[1]);
      const inside = tagged === undefined ? plain : values.join('');
      return `${written[0]}${quotedName ? JSON.stringify(tool) : tool}${written[1]}${inside}${written[2]}`;
    };
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

  test('are told from text as soon as possible', () => {
    const parser = new ToolCallParser({ format, tools, newId: () => 'id', isHidden: () => false });
    expect(parser.push('Hello')).toEqual([text('Hello')]);
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
    ['<tool_call><invoke name="x">', undefined],
    ['{{ message.content }}', undefined],
    ['<|start_header_id|>{{ role }}', undefined],
  ])('%s is %s', (template, name) => {
    expect(toolFormatOf(template)?.name).toBe(name);
  });
});
