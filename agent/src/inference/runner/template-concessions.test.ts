import { describe, expect, test } from '@jest/globals';
import type { ChatMessage } from '@ollamamax/api';
import { answerFormOf } from './answer-form.ts';
import { TemplateRefusal } from './chat-template.ts';
import { RunnerFailure } from './failure.ts';
import { renderAccepted } from './template-concessions.ts';
import { parseTemplate, RaisedByTemplate, renderTemplate } from './template-interpreter.ts';
import { templateMessages } from './template-messages.ts';

const user = (content: string): ChatMessage => ({ role: 'user', content });
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content });
const system = (content: string): ChatMessage => ({ role: 'system', content });
const calls = (...ids: string[]): ChatMessage => ({
  role: 'assistant',
  content: '',
  toolCalls: ids.map((id) => ({ id, name: 'f', arguments: { of: id } })),
});
const result = (id: string): ChatMessage => ({ role: 'tool', content: `r${id}`, toolCallId: id });

/** What a template makes of a conversation, and how often it was asked. */
const rendered = async (template: string, messages: readonly ChatMessage[]) => {
  const program = parseTemplate(template);
  const form = answerFormOf(template);
  let times = 0;
  const text = await renderAccepted(messages, form.tools !== undefined, async (told) => {
    times += 1;
    try {
      return renderTemplate(program, { messages: templateMessages(told, template, form) });
    } catch (error) {
      if (error instanceof RaisedByTemplate) throw new TemplateRefusal(error.message);
      throw new RunnerFailure('template_failed', String(error));
    }
  });
  return { text, times };
};

const each =
  '{% for m in messages %}[{{ m.role }} {{ m.content }}{% for c in m.tool_calls %}{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}]{% endfor %}{# <tool_call> #}';
const refusing = (condition: string): string =>
  `{% for m in messages %}{% if ${condition} %}{{ raise_exception("no") }}{% endif %}{% endfor %}`;
const strict = `{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception("in turns") }}{% endif %}[{{ m.role }} {{ m.content }}]{% endfor %}`;

describe('a conversation that a template refuses', () => {
  test.each<[string, string, readonly ChatMessage[], string]>([
    [
      'has its system message in that of the user',
      refusing("m.role == 'system'") + each,
      [system('S'), user('Q')],
      '[user S\n\nQ]',
    ],
    [
      'has a later system message in that of the user',
      refusing("m.role == 'system' and not loop.first") + each,
      [system('S'), user('Q'), assistant('A'), system('T'), user('R')],
      '[system S][user Q][assistant A][user T\n\nR]',
    ],
    [
      'has a system message instead of that of the user',
      refusing("m.role == 'system'") + each,
      [user('Q'), assistant('A'), system('S')],
      '[user Q][assistant A][user S]',
    ],
    [
      'has messages of a role in one',
      strict,
      [user('Q'), user('R'), assistant('A'), assistant('B'), user('S')],
      '[user Q\n\nR][assistant A\n\nB][user S]',
    ],
    ['has both', strict, [system('S'), user('Q'), user('R')], '[user S\n\nQ\n\nR]'],
    [
      'has calls and results as text where there are no tools',
      strict,
      [user('Q'), calls('1', '2'), result('1'), result('2')],
      '[user Q][assistant {"name":"f","arguments":{"of":"1"}}\n{"name":"f","arguments":{"of":"2"}}][user r1\n\nr2]',
    ],
    [
      'has calls one by one, with their results',
      refusing('m.tool_calls and m.tool_calls | length > 1') + each,
      [user('Q'), calls('1', '2'), result('2'), result('1')],
      '[user Q][assistant f{"of": "1"}][tool r1][assistant f{"of": "2"}][tool r2]',
    ],
    [
      'has calls one by one where the template leaves out others',
      each.replace('in m.tool_calls', 'in (m.tool_calls or [])[:1]'),
      [user('Q'), calls('1', '2'), result('1'), result('2')],
      '[user Q][assistant f{"of": "1"}][tool r1][assistant f{"of": "2"}][tool r2]',
    ],
    [
      'has calls one by one where the template leaves out others and takes no system message',
      refusing("m.role == 'system'") + each.replace('in m.tool_calls', 'in (m.tool_calls or [])[:1]'),
      [system('S'), user('Q'), calls('1', '2'), result('1'), result('2')],
      '[user S\n\nQ][assistant f{"of": "1"}][tool r1][assistant f{"of": "2"}][tool r2]',
    ],
  ])('%s', async (_what, template, messages, wanted) => {
    expect((await rendered(template, messages)).text).toBe(wanted);
  });

  test('is refused in the words for the conversation as it was when nothing helps', async () => {
    const template = '{{ raise_exception("not " + messages[0].content) }}';
    await expect(rendered(template, [system('S'), user('Q')])).rejects.toThrow('not S');
  });

  test('has images where they were in the text', async () => {
    const image = { data: 'x', at: 1 };
    const told: (readonly ChatMessage[])[] = [];
    await renderAccepted([user('Q'), { ...user('RS'), images: [image] }], false, (messages) => {
      told.push(messages);
      return messages.length > 1 ? Promise.reject(new TemplateRefusal('no')) : Promise.resolve('');
    });
    expect(told.at(-1)).toEqual([{ role: 'user', content: 'Q\n\nRS', images: [{ data: 'x', at: 4 }] }]);
  });
});

describe('a conversation that a template takes', () => {
  test('stays as it is', async () => {
    const messages = [
      system('S'),
      user('Q'),
      user('R'),
      calls('1', '2'),
      result('1'),
      result('2'),
      system('T'),
    ];
    const { text } = await rendered(each, messages);
    expect(text).toBe(
      '[system S][user Q][user R][assistant f{"of": "1"}f{"of": "2"}][tool r1][tool r2][system T]',
    );
    expect((await rendered(each, [user('Q'), user('R')])).times).toBe(1);
  });

  test.each([
    ['refuses', 'raise_exception("no")'],
    ['fails at', 'nothing()'],
  ])('stays as it is where the template leaves out calls and %s others instead', async (_what, failing) => {
    const template = `{% if messages | length > 4 %}{{ ${failing} }}{% endif %}${each.replace('in m.tool_calls', 'in (m.tool_calls or [])[:1]')}`;
    const { text } = await rendered(template, [user('Q'), calls('1', '2'), result('1'), result('2')]);
    expect(text).toBe('[user Q][assistant f{"of": "1"}][tool r1][tool r2]');
  });

  test('stays as it is where the template fails at others', async () => {
    const template = `{% if messages[0].content == '?' %}{{ nothing() }}{% endif %}${each}`;
    const { text } = await rendered(template, [user('Q'), calls('1', '2'), result('1'), result('2')]);
    expect(text).toBe('[user Q][assistant f{"of": "1"}f{"of": "2"}][tool r1][tool r2]');
  });

  test('is not tried again where the template is wrong', async () => {
    await expect(rendered('{{ nothing() }}', [system('S'), user('Q'), user('R')])).rejects.toThrow(
      'not a function',
    );
  });

  test('is not tried again where time was over', async () => {
    let times = 0;
    const late = renderAccepted([system('S'), user('Q')], false, () => {
      times += 1;
      return Promise.reject(new RunnerFailure('template_failed', 'too late'));
    });
    await expect(late).rejects.toThrow('too late');
    expect(times).toBe(1);
  });
});
