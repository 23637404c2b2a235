import { call, text, type Transcript } from './tool-calls.fixture.ts';

const paris = call('get_weather', { city: 'Paris' });
const now = call('now', {});
/** Braces, marks and letters beyond the first plane within strings. */
const odd = { city: 'a}]"{\\ 😀 <b> é', days: 3 };
const oddJson = JSON.stringify(odd);

/** Answers of families whose arguments are JSON. */
export const jsonTranscripts: Readonly<Record<string, readonly Transcript[]>> = {
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
  'tool-call-mark': [
    ['an object', '<|tool_call|>{"name": "now", "arguments": {}}<|/tool_call|>', [now]],
    [
      'a list and text',
      'a\n<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Paris"}}, {"name": "now"}] b',
      [text('a'), paris, now, text(' b')],
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
  functionary: [
    ['one', 'now\n{}', [now]],
    [
      'text and two',
      'all\nLet me look.>>>get_weather\n{"city": "Paris"}>>>now\n{}',
      [text('Let me look.'), paris, now],
    ],
    ['odd letters', `get_weather\n${oddJson}`, [call('get_weather', odd)]],
    ['an answer', 'all\nnobody >>> said "all\n"', [text('nobody >>> said "all\n"')]],
    ['text behind', 'now\n{}>>>all\nDone.', [now, text('Done.')]],
    ['another name', 'later\n{}', [text('later\n{}')]],
    ['broken JSON', 'now\n{"a": ', [text('now\n{"a": ')]],
  ],
  gigachat: [
    ['one', '<|message_sep|>\n\nfunction call<|role_sep|>\n{"name": "now", "arguments": {}}', [now]],
    [
      'text before and the end of the message',
      'I look.<|message_sep|>\n\nfunction call<|role_sep|>\n{"name": "get_weather", "arguments": {"city": "Paris"}}<|message_sep|>\n\n',
      [text('I look.'), paris],
    ],
    ['odd letters', `<|message_sep|>\n\nfunction call<|role_sep|>\n{"name": "get_weather", "arguments": ${oddJson}}`, [call('get_weather', odd)]], // prettier-ignore
    ['an answer', 'Hello.<|message_sep|>\n\n', [text('Hello.')]],
    ['a function', 'A function call', [text('A function call')]],
    [
      'no JSON',
      'a<|message_sep|>\n\nfunction call<|role_sep|>\nnow',
      [text('a<|message_sep|>\n\nfunction call<|role_sep|>\nnow')],
    ],
  ],
  'gigachat-mark': [
    ['one', '<|function_call|>{"name": "now", "arguments": {}}', [now]],
    [
      'text before and the end of the message',
      'I look.<|function_call|>{"name": "get_weather", "arguments": {"city": "Paris"}}<|message_sep|>\n\n',
      [text('I look.'), paris],
    ],
    ['no JSON', 'a <|function_call|> b', [text('a <|function_call|> b')]],
  ],
  solar: [
    [
      'text and two',
      'Ok<|tool_calls|><|tool_call:begin|>1a<|tool_call:name|>get_weather<|tool_call:args|>{"city": "Paris"}<|tool_call:end|><|tool_call:begin|>2b<|tool_call:name|>now<|tool_call:args|>{}<|tool_call:end|><|calls|>',
      [text('Ok'), paris, now],
    ],
    ['a missing end', '<|tool_calls|><|tool_call:begin|>1<|tool_call:name|>now<|tool_call:args|>{}', [now]],
    ['no call', '<|tool_calls|>now', [text('<|tool_calls|>now')]],
  ],
  apertus: [
    ['one', '<|tools_prefix|>[{"now": {}}]<|tools_suffix|>', [now]],
    [
      'text around two',
      'Ok.<|tools_prefix|>[{"get_weather": {"city": "Paris"}}, {"now": {}}]<|tools_suffix|> Wait',
      [text('Ok.'), paris, now, text(' Wait')],
    ],
    ['odd letters', `<|tools_prefix|>[{"get_weather": ${oddJson}}]`, [call('get_weather', odd)]],
    ['two names', '<|tools_prefix|>[{"now": {}, "x": {}}]', [text('<|tools_prefix|>[{"now": {}, "x": {}}]')]],
    ['no arguments', '<|tools_prefix|>[{"now": 1}]', [text('<|tools_prefix|>[{"now": 1}]')]],
  ],
  'command-action': [
    [
      'text and two',
      'I will look.\nAction:\n```json\n[\n    {\n        "tool_name": "get_weather",\n        "parameters": {"city": "Paris"}\n    },\n    {"tool_name": "now", "parameters": {}}\n]```\n',
      [text('I will look.'), paris, now],
    ],
    ['no space', 'Action: ```json\n[{"tool_name": "now", "parameters": {}}]\n```', [now]],
    [
      'an answer without a call',
      'Action:\n```json\n[{"tool_name": "directly-answer", "parameters": {}}]\n```\nYes.',
      [text('\nYes.')],
    ],
    ['no tool', 'Action: ```json\n[{"tool_name": "directly_answer", "parameters": {}}]```', []],
    ['a word', 'Action: none.', [text('Action: none.')]],
    ['a missing end', 'Action:```json\n[{"tool_name": "now"}]', [now]],
    ['broken JSON', 'Action:\n```json\n[{"tool_name"', [text('Action:\n```json\n[{"tool_name"')]],
  ],
  'minimax-m1': [
    [
      'text and two',
      'Ok.\n<tool_calls>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n{"name": "now", "arguments": {}}\n</tool_calls>',
      [text('Ok.'), paris, now],
    ],
    ['a missing end', '<tool_calls>\n{"name": "now"}', [now]],
    ['no JSON', '<tool_calls>\nnow', [text('<tool_calls>\nnow')]],
  ],
};
