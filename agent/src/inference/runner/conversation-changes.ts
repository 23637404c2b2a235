import type { ChatMessage } from '@ollamamax/api';

/** A conversation as a template may take it that refuses it as it is; the same list where nothing changes. */
export type ConversationChange = (messages: readonly ChatMessage[]) => readonly ChatMessage[];

const gap = '\n\n';

/** One message of two, with images where they were in the text. */
const joined = (first: ChatMessage, second: ChatMessage): ChatMessage => {
  const before = first.content === '' || second.content === '' ? first.content : first.content + gap;
  const images = [
    ...(first.images ?? []),
    ...(second.images ?? []).map((image) => ({ ...image, at: image.at + before.length })),
  ];
  const thinking = [first.thinking, second.thinking].filter((text) => text !== undefined);
  return {
    ...first,
    ...second,
    content: before + second.content,
    ...(images.length === 0 ? {} : { images }),
    ...(thinking.length === 0 ? {} : { thinking: thinking.join(gap) }),
  };
};

/** Messages of the same role in a row become one; calls keep theirs, so that results are behind them. */
export const mergeTurns: ConversationChange = (messages) => {
  const merged: ChatMessage[] = [];
  for (const message of messages) {
    const last = merged.at(-1);
    const isSame = last?.role === message.role && message.role !== 'tool' && last.toolCalls === undefined;
    if (isSame) merged.splice(-1, 1, joined(last, message));
    else merged.push(message);
  }
  return merged.length === messages.length ? messages : merged;
};

/** System messages go into the user message that follows, or become one. */
const foldSystem = (messages: readonly ChatMessage[], first: number): readonly ChatMessage[] => {
  if (!messages.slice(first).some(({ role }) => role === 'system')) return messages;
  const folded = messages.slice(0, first);
  let told: ChatMessage | undefined;
  for (const message of messages.slice(first)) {
    if (message.role === 'system') {
      const asUser: ChatMessage = { ...message, role: 'user' };
      told = told === undefined ? asUser : joined(told, asUser);
    } else if (message.role === 'user' && told !== undefined) {
      folded.push(joined(told, message));
      told = undefined;
    } else folded.push(message);
  }
  return told === undefined ? folded : [...folded, told];
};

/** For templates that take a system message at the beginning only. */
export const foldLaterSystem: ConversationChange = (messages) => {
  const first = messages.findIndex(({ role }) => role !== 'system');
  return foldSystem(messages, Math.max(first, 0));
};

/** For templates that know no such role. */
export const foldEverySystem: ConversationChange = (messages) =>
  messages[0]?.role === 'system' ? foldSystem(messages, 0) : messages;

/** Several calls in one message become as many messages with a call, each with its results behind it. */
export const splitCalls: ConversationChange = (messages) => {
  const split: ChatMessage[] = [];
  for (let at = 0; at < messages.length;) {
    const message = messages[at];
    if (message === undefined) break;
    at += 1;
    const { toolCalls = [] } = message;
    if (toolCalls.length < 2) {
      split.push(message);
      continue;
    }
    const end = messages.findIndex(({ role }, index) => index >= at && role !== 'tool');
    const results = messages.slice(at, end < 0 ? undefined : end);
    at += results.length;
    const ownerOf = ({ toolCallId }: ChatMessage, index: number): number => {
      const named = toolCalls.findIndex(({ id }) => id !== undefined && id === toolCallId);
      return named < 0 ? Math.min(index, toolCalls.length - 1) : named;
    };
    for (const [index, call] of toolCalls.entries())
      split.push(
        index === 0
          ? { ...message, toolCalls: [call] }
          : { role: 'assistant', content: '', toolCalls: [call] },
        ...results.filter((result, place) => ownerOf(result, place) === index),
      );
  }
  return split.length === messages.length ? messages : split;
};

/** Calls and results as text, for templates without tools. */
export const callsAsText: ConversationChange = (messages) =>
  messages.some(({ role, toolCalls }) => role === 'tool' || toolCalls !== undefined)
    ? messages.map(({ toolCalls, toolName: _name, toolCallId: _id, ...message }) => {
        const calls = (toolCalls ?? []).map(({ name, arguments: args }) =>
          JSON.stringify({ name, arguments: args }),
        );
        const content = [message.content, ...calls].filter((text) => text !== '').join('\n');
        return { ...message, role: message.role === 'tool' ? 'user' : message.role, content };
      })
    : messages;
