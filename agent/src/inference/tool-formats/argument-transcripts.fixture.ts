import { call, text, type Transcript } from './tool-calls.fixture.ts';

const paris = call('get_weather', { city: 'Paris' });
const now = call('now', {});

/** Answers of families that write each argument by itself: between tags, or as in Python. */
export const argumentTranscripts: Readonly<Record<string, readonly Transcript[]>> = {
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
  hunyuan: [
    [
      'text and two',
      'Ok<tool_calls:opensource>\n<tool_call:opensource>get_weather<tool_sep:opensource>\n<arg_key:opensource>city</arg_key:opensource>\n<arg_value:opensource>Paris</arg_value:opensource>\n<arg_key:opensource>days</arg_key:opensource>\n<arg_value:opensource>3</arg_value:opensource>\n</tool_call:opensource>\n<tool_call:opensource>now<tool_sep:opensource>\n</tool_call:opensource>\n</tool_calls:opensource>',
      [text('Ok'), call('get_weather', { city: 'Paris', days: 3 }), now],
    ],
    [
      'a missing end',
      '<tool_calls:opensource><tool_call:opensource>now<tool_sep:opensource></tool_call',
      [now],
    ],
    ['another tag', '<tool_call:opensource>x <tool_', [text('<tool_call:opensource>x <tool_')]],
  ],
  minicpm: [
    [
      'text and two',
      'Ok.\n<function name="get_weather"><param name="city">Paris</param><param name="days">3</param></function>\n<function name="now"></function>',
      [text('Ok.'), call('get_weather', { city: 'Paris', days: 3 }), now],
    ],
    [
      'tags in a text',
      '<function name="get_weather"><param name="city"><![CDATA[a </param> & <b>\n]]></param></function>',
      [call('get_weather', { city: 'a </param> & <b>\n' })],
    ],
    ['a missing end', '<function name="now">', [now]],
    ['another tag', '<function name="now" x>', [text('<function name="now" x>')]],
  ],
  'minimax-m3': [
    [
      'text and two',
      'Ok.\n]<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name="get_weather">]<]minimax[>[<city>a > "b" 😀]<]minimax[>[</city>]<]minimax[>[<days>3]<]minimax[>[</days>]<]minimax[>[</invoke>\n]<]minimax[>[<invoke name="now">]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>',
      [text('Ok.'), call('get_weather', { city: 'a > "b" 😀', days: 3 }), now],
    ],
    [
      'values in values',
      ']<]minimax[>[<tool_call>]<]minimax[>[<invoke name="get_weather">]<]minimax[>[<city>75]<]minimax[>[</city>]<]minimax[>[<places>]<]minimax[>[<item>]<]minimax[>[<x>1.5]<]minimax[>[</x>]<]minimax[>[<name>]<]minimax[>[</name>]<]minimax[>[</item>]<]minimax[>[<item>{"x": 2}]<]minimax[>[</item>]<]minimax[>[</places>]<]minimax[>[</invoke>',
      [call('get_weather', { city: '75', places: [{ x: 1.5, name: '' }, { x: 2 }] })],
    ],
    [
      'values that look like others',
      ']<]minimax[>[<invoke name="order">]<]minimax[>[<one>]<]minimax[>[<item>a]<]minimax[>[</item>]<]minimax[>[</one>]<]minimax[>[<all>]<]minimax[>[</all>]<]minimax[>[<none>]<]minimax[>[</none>]<]minimax[>[<maybe>]<]minimax[>[</maybe>]<]minimax[>[<free>]<]minimax[>[<item>1]<]minimax[>[</item>]<]minimax[>[</free>]<]minimax[>[</invoke>',
      [call('order', { one: { item: 'a' }, all: [], none: {}, maybe: '', free: [1] })],
    ],
    ['no call', 'a ]<]minimax[>[<b>', [text('a ]<]minimax[>[<b>')]],
    ['a missing tag', ']<]minimax[>[<invoke name="now">x', [text(']<]minimax[>[<invoke name="now">x')]],
  ],
  gcml: [
    [
      'values whose kind is said, and two',
      'Ok.\n\n<｜GCML｜tool_calls>\n<｜GCML｜invoke name="get_weather">\n<｜GCML｜parameter name="city" string="true">Paris</｜GCML｜parameter>\n<｜GCML｜parameter name="days" string="false">2</｜GCML｜parameter>\n</｜GCML｜invoke>\n<｜GCML｜invoke name="now">\n</｜GCML｜invoke>\n</｜GCML｜tool_calls>',
      [text('Ok.'), call('get_weather', { city: 'Paris', days: 2 }), now],
    ],
  ],
  'kimi-k3': [
    [
      'text and two',
      '<|open|>response<|sep|>Ok.<|close|>response<|sep|><|open|>tools<|sep|><|open|>call tool="get_weather" index="1"<|sep|><|open|>argument key="city" type="string"<|sep|>a "b" <c> 😀<|close|>argument<|sep|><|open|>argument key="days" type="number"<|sep|>3<|close|>argument<|sep|><|close|>call<|sep|><|open|>call tool="now" index="2"<|sep|><|close|>call<|sep|><|close|>tools<|sep|><|close|>message<|sep|>',
      [text('Ok.'), call('get_weather', { city: 'a "b" <c> 😀', days: 3 }), now],
    ],
    [
      'arguments in JSON',
      '<|open|>call tool="get_weather" index="1"<|sep|><|open|>json type="object"<|sep|>{"city": "Paris"}<|close|>json<|sep|><|close|>call<|sep|>',
      [paris],
    ],
    [
      'a name with a quote and a text that nobody asked for',
      '<|open|>call tool="now" index="1"<|sep|><|open|>argument key="a&quot;&amp;" type="string"<|sep|>3<|close|>argument<|sep|>',
      [call('now', { 'a"&': '3' })],
    ],
    [
      'values of the kind that they have',
      '<|open|>call tool="get_weather" index="1"<|sep|><|open|>argument key="city" type="null"<|sep|>null<|close|>argument<|sep|><|open|>argument key="days" type="number"<|sep|>three<|close|>argument<|sep|><|close|>call<|sep|><|open|>call tool="get_weather" index="2"<|sep|><|open|>argument key="city" type="number"<|sep|>7<|close|>argument<|sep|><|close|>call<|sep|>',
      [call('get_weather', { city: null, days: 'three' }), call('get_weather', { city: 7 })],
    ],
    ['another tag', 'a <|open|>b<|sep|>', [text('a <|open|>b<|sep|>')]],
    [
      'broken JSON',
      '<|open|>call tool="now" index="1"<|sep|><|open|>json type="object"<|sep|>{<|close|>json<|sep|>',
      [
        text(
          '<|open|>call tool="now" index="1"<|sep|><|open|>json type="object"<|sep|>{<|close|>json<|sep|>',
        ),
      ],
    ],
  ],
  gemma4: [
    [
      'text and two',
      'Ok.<|tool_call>call:get_weather{city:<|"|>Paris<|"|>}<tool_call|><|tool_call>call:now{}<tool_call|>',
      [text('Ok.'), paris, now],
    ],
    [
      'values of all kinds',
      '<|tool_call>call:get_weather{city:<|"|>a}]"{\\ 😀 <b><|"|>, days:-3,unit:null,ok:true,places:[{x:1.5, <|"|>y<|"|>:[false,{}]},{"z": "t"}]}<tool_call|>',
      [
        call('get_weather', {
          city: 'a}]"{\\ 😀 <b>',
          days: -3,
          unit: null,
          ok: true,
          places: [{ x: 1.5, y: [false, {}] }, { z: 't' }],
        }),
      ],
    ],
    ['a missing end', '<|tool_call>call:now{}', [now]],
    ['a text without marks', 'a <|tool_call>call:now{a:b}', [text('a <|tool_call>call:now{a:b}')]],
    ['a text without end', '<|tool_call>call:now{a:<|"|>b}', [text('<|tool_call>call:now{a:<|"|>b}')]],
  ],
  'function-gemma': [
    [
      'text and two',
      'Ok.<start_function_call>call:get_weather{city:<escape>Paris<escape>,days:2}<end_function_call><start_function_call>call:now{}<end_function_call>',
      [text('Ok.'), call('get_weather', { city: 'Paris', days: 2 }), now],
    ],
  ],
  olmo: [
    [
      'text and two',
      'Ok.\n<function_calls>\nget_weather(city="a\\n)(", days=2)\nnow()\n</function_calls>',
      [text('Ok.'), call('get_weather', { city: 'a\n)(', days: 2 }), now],
    ],
    ['a missing end', '<function_calls>now()', [now]],
    ['no call', '<function_calls>\nnow', [text('<function_calls>\nnow')]],
  ],
  'tool-code': [
    [
      'text around two',
      "Ok.\n```tool_code\nget_weather(city='Paris')\nprint(now())\n```\nWait",
      [text('Ok.'), paris, now, text('\nWait')],
    ],
    ['a list', '```tool_code\n[get_weather(city="Paris"), now()]\n```', [paris, now]],
    ['a missing end', '```tool_code\nnow()\n', [now]],
    ['other code', '```tool_code\nx = 1\n```', [text('```tool_code\nx = 1\n```')]],
    ['a broken call', '```tool_code\nget_weather(city=', [text('```tool_code\nget_weather(city=')]],
  ],
};
