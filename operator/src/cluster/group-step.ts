import type { AgentReport } from '../agents/report.ts';
import { majorityOf, type GroupView } from './group-view.ts';

export interface GroupInput {
  readonly group: GroupView;
  /** Agents that are asked for, in their order. */
  readonly wanted: readonly string[];
  /** Agents whose pods have an address, those that are to go included. */
  readonly present: readonly string[];
  readonly reports: ReadonlyMap<string, AgentReport>;
}

/** What is to be done so that there is a group of agents that agree. */
export type GroupStep =
  | { readonly kind: 'none' }
  /** An id is to be drawn and written down: for the first group, or after all have lost their volumes. */
  | { readonly kind: 'draw'; readonly why: 'first' | 'lost' }
  /** The agents belong to a group that the status does not know. */
  | { readonly kind: 'adopt'; readonly clusterId: string }
  | { readonly kind: 'bootstrap'; readonly at: string; readonly clusterId: string }
  | { readonly kind: 'wait'; readonly why: string };

/** So long an agent is waited for that does not answer, before others are believed without it. */
const patienceMs = 30_000;

const list = (names: readonly string[]): string => (names.length === 0 ? 'nobody' : names.join(', '));

/** Agents that have not said yet what they are, and may still do so. */
const undecided = ({ present, reports, group }: GroupInput): readonly string[] =>
  present.filter((name) => {
    if (group.answers.has(name) || group.silentOnes.includes(name)) return false;
    return (reports.get(name)?.silentMs ?? 0) < patienceMs;
  });

/** The group that most of its members speak of; the same whatever the order in which they answer. */
const foreignGroup = ({ group }: GroupInput): string | undefined => {
  const counts = new Map<string, number>();
  for (const { consensus } of group.answers.values()) {
    const { clusterId, leader, state } = consensus;
    if (state !== 'member' || clusterId === undefined) continue;
    // In place of a group that is known only one that works.
    if (group.begun && leader === undefined) continue;
    counts.set(clusterId, (counts.get(clusterId) ?? 0) + 1);
  }
  const [first] = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return first?.[0];
};

/**
 * A group begins once, at the first agent, when nobody is a member of one; the others join by themselves. Its id is
 * written down before anybody is told of it: whatever is interrupted, the same id is given again. One that has begun is
 * never replaced while anybody who may be a member is silent.
 */
export const decideGroup = (input: GroupInput): GroupStep => {
  const { group, wanted, present } = input;
  const { recorded, answers } = group;
  if (group.members.length > 0 || answers.size === 0) return { kind: 'none' };
  const waitFor = undecided(input);
  const isMember = [...answers.values()].some(({ consensus }) => consensus.state === 'member');
  if (isMember) {
    if (waitFor.length > 0) return { kind: 'wait', why: `${list(waitFor)} have not answered yet` };
    const clusterId = foreignGroup(input);
    return clusterId === undefined
      ? { kind: 'wait', why: 'the agents that answer belong to another group, in which nobody leads' }
      : { kind: 'adopt', clusterId };
  }
  const isEmpty = (name: string): boolean => {
    const answer = answers.get(name);
    return answer?.consensus.state === 'none' && answer.isRecent;
  };
  const empty = wanted.filter(isEmpty);
  if (group.begun) {
    const rest = [...new Set([...wanted, ...present])].filter((name) => !isEmpty(name));
    return rest.length === 0
      ? { kind: 'draw', why: 'lost' }
      : {
          kind: 'wait',
          why: `no agent that answers is a member; without a volume of the group: ${list(empty)}; to be waited for: ${list(rest)}`,
        };
  }
  const [first = ''] = wanted;
  const needed = majorityOf(wanted.length);
  if (!empty.includes(first) || empty.length < needed)
    return {
      kind: 'wait',
      why: `the agents begin when ${needed} of ${wanted.length}, ${first} among them, have answered; so far ${list(empty)}`,
    };
  if (recorded === undefined) return { kind: 'draw', why: 'first' };
  return { kind: 'bootstrap', at: first, clusterId: recorded.clusterId };
};
