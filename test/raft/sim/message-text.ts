import type { Message } from '../../../agent/src/raft/core/message.ts';

/** A message in a few characters, for the column log. */
export const describeMessage = ({
  type,
  from,
  to,
  term,
  index,
  commit,
  entries,
  reject,
}: Message): string => {
  const count = entries.length > 0 ? ` +${entries.length}` : '';
  return `${from}>${to} ${type}${reject ? ' no' : ''} t${term} i${index}${count} c${commit}`;
};
