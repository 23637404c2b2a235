import type { ChatMessage } from '@ollamamax/api';
import { TemplateRefusal } from './chat-template.ts';
import { RunnerFailure } from './failure.ts';
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
  const accepted = await firstAccepted(messages, hasTools, render);
  const split = hasTools ? splitCalls(accepted.messages) : accepted.messages;
  if (split === accepted.messages || !(await losesCalls(render))) return accepted.text;
  return (await unless(RunnerFailure, render(split))) ?? accepted.text;
};

/** The conversation, or what the template takes instead of it. */
const firstAccepted = async (
  messages: readonly ChatMessage[],
  hasTools: boolean,
  render: Render,
): Promise<{ readonly messages: readonly ChatMessage[]; readonly text: string }> => {
  try {
    return { messages, text: await render(messages) };
  } catch (error) {
    if (!(error instanceof TemplateRefusal)) throw error;
    for (const other of alternatives(messages, hasTools)) {
      const text = await unless(TemplateRefusal, render(other));
      if (text !== undefined) return { messages: other, text };
    }
    throw error;
  }
};

/** @returns undefined for such a failure */
const unless = async (
  failure: typeof RunnerFailure | typeof TemplateRefusal,
  rendering: Promise<string>,
): Promise<string | undefined> => {
  try {
    return await rendering;
  } catch (error) {
    if (error instanceof failure) return undefined;
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
  const rendered = await unless(RunnerFailure, render(probe));
  return rendered?.includes('first_probe') === true && !rendered.includes('second_probe');
};
