import { describe, expect, test } from '@jest/globals';
import { thinkingFormatOf, thinkingVariables, type Think } from './thinking-formats.ts';
import { ThinkingSplitter, type ThinkingMarks } from './thinking-splitter.ts';

/** Pieces of every length from one letter up. */
const inPieces = (text: string, size: number): string[] =>
  Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
    text.slice(index * size, (index + 1) * size),
  );

const split = (
  text: string,
  size: number,
  isOpen: boolean,
  format: ThinkingMarks = { open: '<think>', close: '</think>' },
): { thinking: string; content: string } => {
  const splitter = new ThinkingSplitter(format, isOpen);
  const all = { thinking: '', content: '' };
  for (const { thinking, content } of [
    ...inPieces(text, size).map((piece) => splitter.push(piece)),
    splitter.flush(),
  ]) {
    all.thinking += thinking;
    all.content += content;
  }
  return all;
};

const trimmed = (parts: { thinking: string; content: string }) => ({
  thinking: parts.thinking.trim(),
  content: parts.content.trim(),
});

describe('what a model thinks', () => {
  test.each<[string, string, boolean, string, string]>([
    ['comes before what it says', '<think>\nHm.\n</think>\n\nYes.', false, '\nHm.', 'Yes.'],
    ['may have begun in the prompt', 'Hm.</think>Yes.', true, 'Hm.', 'Yes.'],
    ['may be missing', 'Yes, <think> is a tag.', false, '', 'Yes, <think> is a tag.'],
    ['may be cut off', '<think>Hm, let me', false, 'Hm, let me', ''],
    ['may contain almost its end', '<think>a </thin b</think>c', false, 'a </thin b', 'c'],
    ['may be empty', '<think></think>Yes.', false, '', 'Yes.'],
    ['may end an answer that is cut in its mark', '<thi', false, '', '<thi'],
    ['is only what comes first', '<think>a</think>b<think>c</think>', false, 'a', 'b<think>c</think>'],
  ])('%s, wherever tokens end', (_name, text, isOpen, thinking, content) => {
    for (let size = 1; size <= text.length; size += 1)
      expect(split(text, size, isOpen)).toEqual({ thinking, content });
  });
});

describe('the marks of thinking', () => {
  test.each([
    ['seed', '<seed:think>{{ x }}</seed:think>', '<seed:think>a</seed:think>b'],
    ['magistral', '[THINK]{{ x }}[/THINK]', '[THINK]a[/THINK]b'],
    ['command-r', '<|START_THINKING|>', '<|START_THINKING|>a<|END_THINKING|>b'],
    ['think', "{{ '<think>' }}", '<think>a</think>b'],
    ['think', "{{ content.split('</think>') }}", '<think>a</think>b'],
    ['thinking', '<thinking>', '<thinking>a</thinking>b'],
    ['reasoning', '<reasoning>', '<reasoning>a</reasoning>b'],
    ['gemma4', "{{ '<|channel>thought\n' }}", '<|channel>thought\na\n<channel|>b'],
    [
      'kimi-k3',
      "{{ '<|open|>' + tag + '<|sep|>' }}{{ '<|close|>' + tag }}{{ open_tag('think') }}",
      '<|open|>think<|sep|>a<|close|>think<|sep|><|open|>response<|sep|>b',
    ],
    ['minimax-m3', "{% set begin = '<mm:think>' %}", '<mm:think>a</mm:think>b'],
    ['hunyuan', "{% set t = ':opensource' %}{{ '<think{}>'.format(t) }}", '<think:opensource>a</think:opensource>b'], // prettier-ignore
    ['solar', "{{ '<|begin|>assistant<|think|>' }}", '<|think|>a<|end|><|begin|>assistant<|content|>b'],
    [
      'muse',
      "{{ '<|start|>assistant to=self<|message|>' + thought + '<|eom|>' }}",
      ' to=self<|message|>a<|eom|><|start|>assistant to=user<|message|>b',
    ],
    ['apertus', "{% set inner = '<|inner_prefix|>' %}", '<|inner_prefix|>a<|inner_suffix|>b'],
    [
      'apriel',
      "{{ reasoning + '\n[BEGIN FINAL RESPONSE]\n' }}",
      'Here are my reasoning steps:\na\n[BEGIN FINAL RESPONSE]\nb',
    ],
  ])('are those of the template: %s', (name, template, answer) => {
    const format = thinkingFormatOf(template)!;
    expect(format.name).toBe(name);
    for (let size = 1; size <= answer.length; size += 1)
      expect(trimmed(split(answer, size, false, format))).toEqual({ thinking: 'a', content: 'b' });
  });

  test.each([
    ['minimax-m3', '<mm:think>', '</mm:think>b'],
    ['solar', '<|begin|>assistant<|think|>', '<|content|>b'],
    ['muse', ' to=self<|message|> <|eom|>', ' to=user<|message|>b'],
  ])('before an answer without thinking are not shown: %s', (_name, template, answer) => {
    const format = thinkingFormatOf(template)!;
    for (let size = 1; size <= answer.length; size += 1)
      expect(split(answer, size, false, format)).toEqual({ thinking: '', content: 'b' });
  });

  test('that are all there is are not shown either', () => {
    const format = thinkingFormatOf('<|begin|>assistant<|think|>')!;
    expect(split('<|begin|>assistant', 1, false, format)).toEqual({ thinking: '', content: '' });
  });

  test('come again where the family has them do so', () => {
    const format = thinkingFormatOf('<|channel>thought')!;
    const answer = '<|channel>thought\na<channel|>b <|chan<|channel>thought\nc<channel|>d';
    for (let size = 1; size <= answer.length; size += 1)
      expect(split(answer, size, false, format)).toEqual({ thinking: '\na\nc', content: 'b <|chand' });
  });

  test.each<[string, string, Think, object]>([
    ['most', '<think>', 'low', { enable_thinking: true, thinking: true, reasoning_effort: 'low' }],
    ['most', '<think>', false, { enable_thinking: false, thinking: false }],
    ['command-r', '<|START_THINKING|>', false, { reasoning: false }],
    ['kimi-k3', "<|open|><|close|><|sep|>'think'", 'medium', { thinking_effort: 'high' }],
    ['kimi-k3', "<|open|><|close|><|sep|>'think'", 'low', { thinking_effort: 'low' }],
    ['minimax-m3', '<mm:think>', true, { thinking_mode: 'enabled' }],
    ['minimax-m3', '<mm:think>', false, { thinking_mode: 'disabled' }],
    ['hunyuan', ':opensource<think{}>', undefined, { reasoning_effort: 'high' }],
    ['hunyuan', ':opensource<think{}>', 'low', { reasoning_effort: 'low' }],
    ['hunyuan', ':opensource<think{}>', false, { reasoning_effort: 'no_think' }],
    ['solar', '<|begin|>assistant<|think|>', false, { reasoning_effort: 'minimal' }],
  ])('go with what the template is told of how much to think: %s', (_name, template, think, wanted) => {
    expect(thinkingVariables(thinkingFormatOf(template)!, think)).toMatchObject(wanted);
  });

  test('are none in a template without', () => {
    expect(thinkingFormatOf('{{ message.content }}')).toBeUndefined();
  });

  test('may be left out where something else shows that thinking is over', () => {
    const splitter = new ThinkingSplitter({ open: '<think>', close: '</think>' }, true);
    expect(splitter.push('Hm. </thi')).toEqual({ thinking: 'Hm.', content: '' });
    expect(splitter.endThinking()).toEqual({ thinking: ' </thi', content: '' });
    expect(splitter.push('Yes.')).toEqual({ thinking: '', content: 'Yes.' });
  });
});
