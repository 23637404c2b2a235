import { describe, expect, jest, test } from '@jest/globals';
import { functionGemma } from '../tool-formats/gemma.ts';
import { functionary } from '../tool-formats/functionary.ts';
import { hermes } from '../tool-formats/hermes.ts';
import { kimiK3 } from '../tool-formats/kimi-k3.ts';
import { lfm2 } from '../tool-formats/lfm2.ts';
import { apriel, minimaxM1 } from '../tool-formats/marked-json.ts';
import { solar } from '../tool-formats/solar.ts';
import type { ToolFormat } from '../tool-formats/tool-format.ts';
import { ToolCallParser, type ToolPiece } from './tool-call-parser.ts';

const parserWith = (newId: () => string): ToolCallParser =>
  new ToolCallParser({ format: hermes, tools: [{ name: 'f' }], newId, isHidden: () => false });

const feed = (pieces: readonly string[]): ToolPiece[] => {
  let next = 0;
  const parser = parserWith(() => `id-${++next}`);
  const all = [...pieces.flatMap((piece) => parser.push(piece)), ...parser.flush()];
  return all.reduce<ToolPiece[]>((joined, piece) => {
    const last = joined.at(-1);
    if (piece.kind !== 'text' || last?.kind !== 'text') return [...joined, piece];
    return [...joined.slice(0, -1), { kind: 'text', text: last.text + piece.text }];
  }, []);
};

const weather = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>';
const call = (id: string, name: string, args: Record<string, unknown>): ToolPiece => ({
  kind: 'call',
  call: { id, name, arguments: args },
});
const text = (value: string): ToolPiece => ({ kind: 'text', text: value });

describe('ToolCallParser', () => {
  test.each<[string, string, ToolPiece[]]>([
    ['a call', weather, [call('id-1', 'get_weather', { city: 'Paris' })]],
    [
      'text before a call',
      `Let me look.\n\n${weather}`,
      [text('Let me look.'), call('id-1', 'get_weather', { city: 'Paris' })],
    ],
    [
      'two calls and white space',
      `${weather}\n${weather}\n`,
      [call('id-1', 'get_weather', { city: 'Paris' }), call('id-2', 'get_weather', { city: 'Paris' })],
    ],
    [
      'text after a call',
      `${weather}\nDone <b`,
      [call('id-1', 'get_weather', { city: 'Paris' }), text('\nDone <b')],
    ],
    ['broken JSON', '<tool_call>{"name": }</tool_call> ok', [text('<tool_call>{"name": }</tool_call> ok')]],
    [
      'no name',
      '<tool_call>{"arguments": {}}</tool_call>',
      [text('<tool_call>{"arguments": {}}</tool_call>')],
    ],
    [
      'list as arguments',
      '<tool_call>{"name":"f","arguments":[1]}</tool_call>',
      [text('<tool_call>{"name":"f","arguments":[1]}</tool_call>')],
    ],
    [
      'arguments as text',
      '<tool_call>{"name":"f","arguments":"{\\"a\\":1}"}</tool_call>',
      [call('id-1', 'f', { a: 1 })],
    ],
    [
      'the closing mark within a text',
      '<tool_call>{"name":"f","arguments":{"a":"x \\"</tool_call>"}}</tool_call>',
      [call('id-1', 'f', { a: 'x "</tool_call>' })],
    ],
    ['no arguments', '<tool_call>{"name":"now"}</tool_call>', [call('id-1', 'now', {})]],
    ['missing end', '<tool_call>\n{"name": "f", "arguments": {}}', [call('id-1', 'f', {})]],
    ['cut off', '<tool_call>\n{"name": "f", "argu', [text('<tool_call>\n{"name": "f", "argu')]],
    ['only text', 'a < b and <tool', [text('a < b and <tool')]],
    ['trailing space', 'hello \n', [text('hello \n')]],
  ])('%s, however it is split', (_name, input, wanted) => {
    for (let size = 1; size <= input.length; size++) {
      const pieces = Array.from({ length: Math.ceil(input.length / size) }, (_, i) =>
        input.slice(i * size, (i + 1) * size),
      );
      expect(feed(pieces)).toEqual(wanted);
    }
  });

  test('tells no white space between a call and what is not to be seen', () => {
    const parser = new ToolCallParser({
      format: apriel,
      tools: [{ name: 'f' }],
      newId: () => 'id',
      isHidden: () => false,
    });
    const answer = '<tool_calls>[{"name": "f"}]</tool_calls>\n[END FINAL RESPONSE]\n';
    expect([...parser.push(answer), ...parser.flush()]).toEqual([call('id', 'f', {})]);
  });

  test('passes text on before the stream ends', () => {
    const parser = parserWith(() => 'id');
    expect(parser.push('Hello')).toEqual([text('Hello')]);
    expect(parser.push(' world<tool')).toEqual([text(' world')]);
  });

  test('takes a call that has no end for text before it fills the memory', () => {
    const parser = parserWith(() => 'id');
    const pieces = parser.push(`<tool_call>{"name":"${'x'.repeat(2 ** 20)}`);
    expect(pieces[0]).toEqual(text('<tool_call>'));
    expect([...pieces, ...parser.flush()].every(({ kind }) => kind === 'text')).toBe(true);
  });

  test('reads a long call that comes letter by letter in a time that grows with its length', () => {
    const parser = parserWith(() => 'id');
    const long = 'y'.repeat(60_000);
    const pieces = Array.from(`<tool_call>{"name":"f","arguments":{"a":"${long}"}}</tool_call>`).flatMap(
      (letter) => parser.push(letter),
    );
    expect(pieces).toEqual([call('id', 'f', { a: long })]);
  });

  test('keeps the order of argument keys', () => {
    const [piece] = feed(['<tool_call>{"name":"f","arguments":{"z":1,"a":2,"m":3}}</tool_call>']);
    expect(piece?.kind === 'call' && Object.keys(piece.call.arguments)).toEqual(['z', 'a', 'm']);
  });
});

describe('what is not to be seen in an answer without tools', () => {
  const seen = (format: ToolFormat, pieces: readonly string[], marks: readonly string[]): string => {
    const isHidden = (mark: string): boolean => marks.includes(mark);
    const parser = new ToolCallParser({ format, tools: [], newId: () => 'id', isHidden });
    return [...pieces.flatMap((piece) => parser.push(piece)), ...parser.flush()]
      .map((piece) => (piece.kind === 'text' ? piece.text : '[call]'))
      .join('');
  };
  const k3 = ['<|open|>', '<|close|>', '<|sep|>'];

  test.each<[string, ToolFormat, readonly string[], string, string]>([
    ['to whom Functionary speaks', functionary, [], 'all\nYes, all\nof it.', 'Yes, all\nof it.'],
    ['but not what only begins so', functionary, [], 'alligators', 'alligators'],
    ['nor what is cut there', functionary, [], 'al', 'al'],
    ['nor what comes later', functionary, [], 'all\nall\n', 'all\n'],
    ['tags of Kimi K3', kimiK3, k3, '<|open|>response<|sep|>Yes.<|close|>response<|sep|><|close|>message<|sep|>', 'Yes.'], // prettier-ignore
    ['a mark of its own in Kimi K3', kimiK3, k3, 'a<|open|>resp<|sep|>b<|close|>', 'arespb'],
    ['where another message begins', solar, ['<|end|>', '<|begin|>', '<|content|>'], 'a<|end|><|begin|>assistant<|content|>b<|begin|>assistant', 'ab'], // prettier-ignore
  ])('%s', (_what, format, marks, answer, wanted) => {
    for (let size = 1; size <= answer.length; size += 1) {
      const pieces = Array.from({ length: Math.ceil(answer.length / size) }, (_, i) =>
        answer.slice(i * size, (i + 1) * size),
      );
      expect(seen(format, pieces, marks)).toBe(wanted);
    }
  });
});

describe('a long call that comes in many pieces', () => {
  const readings = (
    format: ToolFormat,
    written: string,
  ): { readonly pieces: ToolPiece[]; readonly ms: number } => {
    const parser = new ToolCallParser({
      format,
      tools: [{ name: 'f' }],
      newId: () => 'id',
      isHidden: () => false,
    });
    const began = performance.now();
    const pieces = [
      ...(written.match(/.{1,4}/gs) ?? []).flatMap((piece) => parser.push(piece)),
      ...parser.flush(),
    ];
    return { pieces, ms: performance.now() - began };
  };
  const written = 'y\\n'.repeat(30_000);
  const long = 'y\n'.repeat(30_000);

  test.each<[string, ToolFormat, string]>([
    ['in Python', lfm2, `<|tool_call_start|>[f(a="${written}", b=1)]<|tool_call_end|>`],
    ['in quotes', functionGemma, `<start_function_call>call:f{a:"${written}",b:1}<end_function_call>`],
  ])('is read in a time that grows with its length: a text %s', (_what, format, answer) => {
    const { pieces, ms } = readings(format, answer);
    expect(pieces).toEqual([call('id', 'f', { a: long, b: 1 })]);
    expect(ms).toBeLessThan(5000);
  });

  test('is read in a time that grows with its length: objects behind each other', () => {
    const parse = jest.spyOn(JSON, 'parse');
    const one = `{"name":"f","arguments":{"a":"${'x'.repeat(1000)}"}}\n`;
    const { pieces } = readings(minimaxM1, `<tool_calls>\n${one.repeat(3)}</tool_calls>`);
    const times = parse.mock.calls.length;
    parse.mockRestore();
    expect([pieces.length, times]).toEqual([3, 3]);
  });

  test.each<[ToolFormat, string]>([
    [lfm2, '<|tool_call_start|>['],
    [lfm2, '<|tool_call_start|>[f('],
    [lfm2, '<|tool_call_start|>[f(a='],
    [functionGemma, '<start_function_call>call:'],
    [functionGemma, '<start_function_call>call:f{'],
  ])('is none with a name that is too long (%#)', (format, before) => {
    const parser = new ToolCallParser({
      format,
      tools: [{ name: 'f' }],
      newId: () => 'id',
      isHidden: () => false,
    });
    expect(parser.push(before + 'x'.repeat(250))).toEqual([]);
    expect(parser.push('x'.repeat(10)).map(({ kind }) => kind)).toContain('text');
  });
});
