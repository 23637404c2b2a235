import type { ChatMessage } from '@ollamamax/api';
import { TemplateRefusal } from './chat-template.ts';
import {
  callsAsText,
  foldEverySystem,
  foldLaterSystem,
  mergeTurns,
  splitCalls,
  type ConversationChange,
} from './conversation-changes.ts';

type Render = (messages: readonly ChatMessage[]) => Promise<string>;

/** None or one of each row, in this order. */
const changes: readonly (readonly ConversationChange[])[] = [
  [callsAsText],
  [foldLaterSystem, foldEverySystem],
  [mergeTurns],
  [splitCalls],
];

/**
 * What a template makes of a conversation. Only where it refuses one, messages are put as it may take them, with as few
 * changes as possible; where it leaves out all calls of a message but the first, they are told one by one.
 * @param hasTools whether the template knows tools
 * @throws RunnerFailure template_failed, with what the template says of the conversation as it is
 */
export const renderAccepted = async (
  messages: readonly ChatMessage[],
  hasTools: boolean,
  render: Render,
): Promise<string> => {
  try {
    const rendered = await render(messages);
    const split = hasTools ? splitCalls(messages) : messages;
    return split === messages || !(await losesCalls(render)) ? rendered : await render(split);
  } catch (error) {
    if (!(error instanceof TemplateRefusal)) throw error;
    for (const other of alternatives(messages, hasTools)) {
      try {
        return await render(other);
      } catch (again) {
        if (!(again instanceof TemplateRefusal)) throw again;
      }
    }
    throw error;
  }
};

/** The conversation with changes that make a difference, those with the fewest first. */
const alternatives = (
  messages: readonly ChatMessage[],
  hasTools: boolean,
): readonly (readonly ChatMessage[])[] => {
  let all: readonly { readonly count: number; readonly messages: readonly ChatMessage[] }[] = [
    { count: 0, messages },
  ];
  for (const row of changes.filter(([first]) => !hasTools || first !== callsAsText))
    all = all.flatMap((one) => [
      one,
      ...row
        .map((change) => ({ count: one.count + 1, messages: change(one.messages) }))
        .filter((other) => other.messages !== one.messages),
    ]);
  return all
    .filter(({ count }) => count > 0)
    .toSorted((a, b) => a.count - b.count)
    .map((one) => one.messages);
};

const probe: readonly ChatMessage[] = [
  { role: 'user', content: '?' },
  {
    role: 'assistant',
    content: '',
    toolCalls: [
      { id: 'call00001', name: 'first_probe', arguments: {} },
      { id: 'call00002', name: 'second_probe', arguments: {} },
    ],
  },
  // Results have no names, which some templates show instead of those of calls.
  { role: 'tool', content: '!', toolCallId: 'call00001' },
  { role: 'tool', content: '!', toolCallId: 'call00002' },
];

/** Whether of several calls in one message only the first is told. */
const losesCalls = async (render: Render): Promise<boolean> => {
  try {
    const rendered = await render(probe);
    return rendered.includes('first_probe') && !rendered.includes('second_probe');
  } catch (error) {
    if (error instanceof TemplateRefusal) return false;
    throw error;
  }
};
