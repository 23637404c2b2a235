import type { Cluster } from './cluster/cluster.ts';
import type { Member } from './cluster/member.ts';

const letters = { follower: 'F', preCandidate: 'p', candidate: 'C', leader: 'L' } as const;

/** `L3>2 17/17/19`: leads in term 3 (or follows 2), applied, committed and last index; `=` while it is paused. */
const column = (member: Member): string => {
  const status = member.status();
  if (status === undefined)
    return { down: '-', booting: '^', up: '?', refused: 'x', retired: '.' }[member.condition];
  const { role, term, lead, applied, commit, lastIndex } = status;
  const leads = role === 'leader' || lead === 0 ? '' : `>${lead}`;
  return `${member.isPaused ? '=' : ''}${letters[role]}${term}${leads} ${applied}/${commit}/${lastIndex}`;
};

/** One line: when, what, and how each member stands then. */
export const describeMoment = (micros: number, what: string, cluster: Cluster): string =>
  [
    (micros / 1000).toFixed(2).padStart(10),
    what.padEnd(46),
    ...cluster.all.map((member) => column(member).padEnd(18)),
  ].join(' ');
