import { describe, expect, test } from '@jest/globals';
import { functionary } from '../tool-formats/functionary.ts';
import { hermes } from '../tool-formats/hermes.ts';
import { kimiK3 } from '../tool-formats/kimi-k3.ts';
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
