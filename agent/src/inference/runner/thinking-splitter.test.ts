import { describe, expect, test } from '@jest/globals';
import { thinkingFormatOf } from './thinking-formats.ts';
import { ThinkingSplitter } from './thinking-splitter.ts';

/** Pieces of every length from one letter up. */
const inPieces = (text: string, size: number): string[] =>
  Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
    text.slice(index * size, (index + 1) * size),
  );

const split = (
  text: string,
  size: number,
  isOpen: boolean,
  format: { open: string; close: string } = { open: '<think>', close: '</think>' },
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
    ['reasoning', '<reasoning>', '<reasoning>a</reasoning>b'],
  ])('are those of the template: %s', (name, template, answer) => {
    const format = thinkingFormatOf(template)!;
    expect(format.name).toBe(name);
    for (let size = 1; size <= answer.length; size += 1)
      expect(split(answer, size, false, format)).toEqual({ thinking: 'a', content: 'b' });
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
