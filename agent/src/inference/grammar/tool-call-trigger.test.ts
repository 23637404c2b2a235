import { describe, expect, test } from '@jest/globals';
import { readPieces, tools } from '../tool-formats/tool-calls.fixture.ts';
import type { ToolFormat } from '../tool-formats/tool-format.ts';
import { toolFormats } from '../tool-formats/tool-formats.ts';
import { compileGrammar } from './grammar-engine.fixture.ts';
import { toolCallGrammar } from './tool-call-grammar.ts';
import { GrammarSampler, randomFrom } from './grammar-sampler.fixture.ts';
import { triggeredCallGrammar } from './tool-call-trigger.ts';

const names = tools.map(({ name }) => name);
/** Their calls begin like any text, or like an answer without one. */
const free = ['llama3', 'functionary', 'command-action'];
const triggered = toolFormats.filter(({ name }) => !free.includes(name));

const formatOf = (family: string): ToolFormat => toolFormats.find(({ name }) => name === family)!;

/** How many calls and texts the parser finds in an answer. */
const read = (family: string, answer: string): readonly [calls: number, texts: number] => {
  const kinds = readPieces(formatOf(family), [answer]).map(({ kind }) => kind);
  const count = (wanted: string): number => kinds.filter((kind) => kind === wanted).length;
  return [count('call'), count('text')];
};

describe.each(triggered.map((format) => [format.name, format] as const))(
  'calls of %s that may be made',
  (_name, format) => {
    const { syntax, openings } = format;
    const grammar = triggeredCallGrammar({ names, parallel: true, syntax, openings })!;

    test('are as free as those that must be', async () => {
      const matches = await compileGrammar(grammar);
      const sampler = new GrammarSampler(
        toolCallGrammar({ tools: [{ name: 'now' }], parallel: true, syntax }),
      );
      const random = randomFrom(3);
      for (let round = 0; round < 20; round += 1) {
        const calls = sampler.sample(random, 6);
        expect({ calls, taken: matches(`Let me < look.\n${calls}`) }).toEqual({ calls, taken: true });
        expect(matches(`${calls}\n`)).toBe(true);
        expect(readPieces(format, [calls]).every(({ kind }) => kind === 'call')).toBe(true);
      }
    });

    test('are whole and of a tool there is, once they have begun', async () => {
      const matches = await compileGrammar(grammar);
      const [beforeName] = syntax.call;
      expect(matches('Hello, {"a"} <b>!')).toBe(true);
      expect(matches('')).toBe(true);
      expect(matches(`Hello ${syntax.open}${beforeName}`)).toBe(false);
      expect(matches(`Hello ${syntax.open}${beforeName}other`)).toBe(false);
    });
  },
);

test.each(free)('calls of %s have no such grammar', (family) => {
  const { syntax, openings } = toolFormats.find(({ name }) => name === family)!;
  expect(triggeredCallGrammar({ names, parallel: true, syntax, openings })).toBeUndefined();
});

test('arguments as in Python may be any of its values', async () => {
  const { syntax, openings } = toolFormats.find(({ name }) => name === 'lfm2')!;
  const matches = await compileGrammar(triggeredCallGrammar({ names, parallel: true, syntax, openings })!);
  const written = (args: string): string =>
    `<|tool_call_start|>[get_weather(${args}), now()]<|tool_call_end|>`;
  for (const args of [
    '',
    `city='It\\'s "a"', ok=True, no=None, n=-1.5e3, list=["a", {'k': False}]`,
    '$filter=1, user.name=2, größe=3, page[size]=4, first name=5',
  ]) {
    expect({ args, taken: matches(written(args)) }).toEqual({ args, taken: true });
    expect({ args, read: read('lfm2', written(args)) }).toEqual({ args, read: [2, 0] });
  }
  for (const args of ['"Paris"', 'city=Paris', 'city="a', 'city="a",', 'city="a" days=1'])
    expect({ args, taken: matches(written(args)) }).toEqual({ args, taken: false });
});

test('texts between marks may be any, and values in values of all kinds', async () => {
  const { syntax, openings } = toolFormats.find(({ name }) => name === 'gemma4')!;
  const matches = await compileGrammar(triggeredCallGrammar({ names, parallel: true, syntax, openings })!);
  const written = (args: string): string => `<|tool_call>call:get_weather{${args}}<tool_call|>`;
  for (const args of [
    '',
    'city:<|"|>a "b" }<|"|>,days:-1.5e3,ok:true',
    'a:[{b c:null,<|"|>d<|"|>: {}}, []]',
    '$filter:1,user.name:2,größe:{page[size]: 4}',
  ]) {
    expect({ args, taken: matches(written(args)) }).toEqual({ args, taken: true });
    expect({ args, read: read('gemma4', written(args)) }).toEqual({ args, read: [1, 0] });
  }
  for (const args of ['city', 'city:Paris', 'city:<|"|>a', 'a:1,', 'a:1 b:2', 'a:[1', "a:{'b:1}", 'a"b:1'])
    expect({ args, taken: matches(written(args)) }).toEqual({ args, taken: false });
});

test.each([
  ['kimi-k3', '<|open|>argument key="a" type="object"<|sep|>{}<|close|>argument<|sep|>'],
  ['dsml', '<｜DSML｜parameter name="a" string="false">1</｜DSML｜parameter>\n'],
  ['minimax-m3', ']<]minimax[>[<a>]<]minimax[>[<b>1]<]minimax[>[</b>]<]minimax[>[</a>'],
])('arguments of %s may be in tags of its own', async (family, argument) => {
  const { syntax, openings } = toolFormats.find(({ name }) => name === family)!;
  const matches = await compileGrammar(triggeredCallGrammar({ names, parallel: false, syntax, openings })!);
  const { open, close, call } = syntax;
  const written = (args: string): string => `Hm. ${open}${call[0]}now${call[1]}${args}${call[2]}${close}`;
  expect(matches(written(argument))).toBe(true);
  expect(read(family, written(argument))).toEqual([1, 1]);
  expect(matches(written(argument.slice(0, -3)))).toBe(false);
});
