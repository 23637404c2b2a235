import { describe, expect, test } from '@jest/globals';
import { ChannelSplitter } from './channel-splitter.ts';

const split = (pieces: readonly string[], hasTools: boolean): { thinking: string; content: string } => {
  const splitter = new ChannelSplitter(hasTools);
  const all = { thinking: '', content: '' };
  for (const { thinking, content } of [...pieces.map((piece) => splitter.push(piece)), splitter.flush()]) {
    all.thinking += thinking;
    all.content += content;
  }
  return all;
};

const final = '<|start|>assistant<|channel|>final<|message|>';

describe('channels of an answer', () => {
  test.each([
    [
      'thinking and an answer',
      `<|channel|>analysis<|message|>Hm <b.<|end|>${final}Yes.<|return|>`,
      'Hm <b.',
      'Yes.',
    ],
    ['an answer alone', '<|channel|>final<|message|>Yes.', '', 'Yes.'],
    ['thinking that is cut off', '<|channel|>analysis<|message|>Hm', 'Hm', ''],
    ['a header that is cut off', '<|channel|>analysis<|message|>Hm<|end|><|start|>assis', 'Hm', ''],
    ['text without channels', 'today <| is', '', 'today <| is'],
    [
      'what it says before it goes on',
      `<|channel|>commentary<|message|>I look.<|end|>${final}So.`,
      '',
      'I look.\n\nSo.',
    ],
    [
      'a header without an end before it',
      `<|channel|>analysis<|message|>Hm<|channel|>final<|message|>So.`,
      'Hm',
      'So.',
    ],
    [
      'a call',
      '<|channel|>analysis<|message|>Hm<|end|><|start|>assistant<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}<|call|>',
      'Hm',
      '<|channel|>commentary to=functions.now<|message|>{}<|call|>',
    ],
    [
      'a call that names the tool first',
      ' to=functions.now<|channel|>commentary<|message|>{"a":1}',
      '',
      '<|channel|>commentary to=functions.now<|message|>{"a":1}',
    ],
  ])('%s, wherever they are cut', (_name, text, thinking, content) => {
    expect(split(text.split(''), true)).toEqual({ thinking, content });
    for (let at = 0; at <= text.length; at += 1)
      expect(split([text.slice(0, at), text.slice(at)], true)).toEqual({ thinking, content });
  });

  test('a call that nobody waits for is what it says, without marks', () => {
    expect(split(['<|channel|>commentary to=functions.now<|message|>{}<|call|>'], false)).toEqual({
      thinking: '',
      content: '{}',
    });
  });

  test('text is shown as it comes', () => {
    const splitter = new ChannelSplitter(false);
    expect(splitter.push(`${final}Yes, `)).toEqual({ thinking: '', content: 'Yes, ' });
    expect(splitter.push('it is<|en')).toEqual({ thinking: '', content: 'it is' });
    expect(splitter.phase).toBe('content');
  });
});
