import { literal } from './gbnf-text.ts';
import { textUpTo, toLines } from './text-up-to.ts';

export interface ThinkingText {
  /** Before what is thought; empty: the answer begins in it. */
  readonly open: string;
  readonly close: string;
  /** Between thinking and answer; undefined: white space or nothing. */
  readonly between: string | undefined;
  /** Before the answer, whether something was thought or not. */
  readonly before: string;
  /** One of these may come before the answer as well. */
  readonly heads?: readonly string[];
  /** Whether there may be no answer behind what is thought. */
  readonly mayEnd: boolean;
}

/**
 * A grammar of ours for an answer that may come behind what the model thinks; it must where that has begun.
 * @param grammar GBNF whose first rule is `root`, which no rule refers to, with names in small letters
 */
export const behindThinking = (
  grammar: string,
  { open, close, between, before, heads = [], mayEnd }: ThinkingText,
): string => {
  const gap = between === undefined ? '[ \\n]{0,4}' : literal(between);
  const thought = textUpTo({
    mark: close,
    nameOf: (seen) => `THOUGHT-${seen}`,
    behind: [gap, 'BEGIN'],
    mayEnd,
  });
  return [
    `root ::= ${open === '' ? 'THOUGHT-0' : `${literal(open)} THOUGHT-0 | BEGIN`}`,
    `BEGIN ::= ${before === '' ? '' : `${literal(before)} `}${anyOf(heads)}ANSWER`,
    asAnswer(grammar),
    ...toLines(thought),
    '',
  ].join('\n');
};

/** As this, for an answer without thinking. */
export const behindHeads = (grammar: string, heads: readonly string[]): string =>
  [`root ::= ${anyOf(heads)}ANSWER`, asAnswer(grammar), ''].join('\n');

const anyOf = (heads: readonly string[]): string =>
  heads.length === 0 ? '' : `(${heads.map((head) => literal(head)).join(' | ')})? `;

const asAnswer = (grammar: string): string => grammar.trimEnd().replace(/^root ::=/, 'ANSWER ::=');
