import { describe, expect, test } from '@jest/globals';
import type { ChatMessage } from '@ollamamax/api';
import { answerFormOf } from './answer-form.ts';
import { templateMessages } from './template-messages.ts';

const conversation: readonly ChatMessage[] = [
  { role: 'user', content: 'When?' },
  {
    role: 'assistant',
    content: '',
    thinking: 'Hm.',
    toolCalls: [{ id: 'call_0123456789abcdef', name: 'now', arguments: { zone: 'UTC' } }],
  },
  { role: 'tool', content: '12:00', toolName: 'now', toolCallId: 'call_0123456789abcdef' },
];

const rendered = (template: string): readonly unknown[] =>
  templateMessages(conversation, template, answerFormOf(template));

describe('messages for a template', () => {
  test('have arguments as an object and ids as they are', () => {
    expect(rendered("{{ '<tool_call>' }}{{ tool_call.arguments | tojson }}")).toEqual([
      { role: 'user', content: 'When?' },
      {
        role: 'assistant',
        content: '',
        reasoning_content: 'Hm.',
        tool_calls: [
          {
            id: 'call_0123456789abcdef',
            type: 'function',
            function: { name: 'now', arguments: { zone: 'UTC' } },
          },
        ],
      },
      { role: 'tool', content: '12:00', name: 'now', tool_call_id: 'call_0123456789abcdef' },
    ]);
  });

  test('have ids of nine letters where the family insists, the same for call and result', () => {
    const [, asked, told] = rendered('[TOOL_CALLS]{{ tool_call.function | tojson }}') as [
      unknown,
      { tool_calls: { id: string }[] },
      { tool_call_id: string },
    ];
    expect(asked.tool_calls[0]?.id).toMatch(/^[A-Za-z0-9]{9}$/);
    expect(told.tool_call_id).toBe(asked.tool_calls[0]?.id);
  });

  test('have arguments as text and no content where the template puts them behind text', () => {
    const template =
      "{% if message['content'] is none %}<｜tool▁calls▁begin｜>{{ tool['function']['arguments'] }}{% endif %}";
    expect(rendered(template)[1]).toMatchObject({
      content: null,
      tool_calls: [{ function: { name: 'now', arguments: '{"zone":"UTC"}' } }],
    });
  });

  test('have thinking by the name that templates with channels know', () => {
    expect(rendered('<|channel|>analysis<|message|>{{ m.thinking }}')[1]).toMatchObject({ thinking: 'Hm.' });
    expect(rendered('{{ message.reasoning + end }}')[1]).toMatchObject({ reasoning: 'Hm.' });
  });
});
