import type { Message } from '../../../agent/src/raft/core/message.ts';
import type { ConfState, Entry, Index, NodeId, Term } from '../../../agent/src/raft/core/types.ts';
import type { MemoryLog } from '../memory-log.ts';
import type { ScenarioNode } from './node.ts';

/** Something that must hold in every run does not. */
class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

const violated = (rule: string): never => {
  throw new InvariantError(rule);
};

/** What a node was seen to be, or after a crash what it must still know. */
interface Known {
  readonly term: Term;
  readonly vote: NodeId;
  readonly commit: Index;
  readonly applied: Index;
  readonly leads: boolean;
  readonly config: ConfState | undefined;
}

const durable = ({ log, applied }: ScenarioNode): Known => ({
  ...log.hardState,
  applied,
  leads: false,
  config: undefined,
});

/** An entry that was seen in some log. Where the same (index, term) stands again, all before must be the same too. */
interface Seen {
  readonly entry: Entry;
  readonly previousTerm: Term | undefined;
}

const sameContent = (one: Entry, other: Entry): boolean =>
  one === other ||
  (one.type === other.type &&
    one.data.length === other.data.length &&
    one.data.every((byte, at) => byte === other.data[at]));

const holds = (log: MemoryLog, index: Index, term: Term): boolean =>
  index < log.firstIndex() - 1 || log.term(index) === term;

/** Whether a majority of each half of the voters agrees. */
const isQuorum = (
  { voters, outgoing }: ConfState,
  all: readonly ScenarioNode[],
  agrees: (node: ScenarioNode) => boolean,
): boolean =>
  [voters, outgoing].every((half) => {
    const agreeing = all.filter((node) => half.includes(node.id) && agrees(node)).length;
    return half.length === 0 || 2 * agreeing > half.length;
  });

/**
 * What must hold whatever a scenario does. Nodes are looked at after every call of their core, messages when they are
 * sent, whole logs after every step. It judges by what it saw itself: the core is not asked whether it did right.
 */
export class Invariants {
  readonly #known = new Map<NodeId, Known>();
  readonly #leaders = new Map<Term, NodeId>();
  readonly #entries = new Map<string, Seen>();
  /** Committed entries: their term, and the lowest term in which one was seen to be committed. */
  readonly #committed = new Map<Index, { readonly term: Term; readonly since: Term }>();
  readonly #sentVotes = new Map<string, NodeId>();
  /** Of each term, what its leader's log holds, as far as it has told. */
  readonly #leaderLogs = new Map<Term, Map<Index, Term>>();

  /** A node is measured by what it had stored from now on. */
  crashed(node: ScenarioNode): void {
    this.#known.set(node.id, durable(node));
  }

  /** After a call of its core. */
  checkNode(node: ScenarioNode, all: readonly ScenarioNode[]): void {
    const before = this.#known.get(node.id) ?? durable(node);
    const { id, role, term, vote, commit, applied, lastIndex, config } = node.core.status();
    for (const [what, was, is] of [
      ['term', before.term, term],
      ['commit', before.commit, commit],
      ['applied', before.applied, applied],
    ] as const) {
      if (is < was) violated(`${what} of node ${id} falls from ${was} to ${is}`);
    }
    if (applied > commit) violated(`node ${id} has applied ${applied}, beyond commit ${commit}`);
    if (commit > lastIndex) violated(`commit ${commit} of node ${id} is beyond its last index ${lastIndex}`);
    if (term === before.term && before.vote !== 0 && vote !== before.vote)
      violated(`the vote of node ${id} in term ${term} changes from ${before.vote} to ${vote}`);
    this.#checkSentVote(id, term, vote);
    const leads = role === 'leader';
    this.#known.set(id, { term, vote, commit, applied, leads, config });
    if (!leads) return;
    this.#checkOnlyLeader(id, term);
    const configs = before.config === undefined ? [config] : [config, before.config];
    if (!before.leads || term !== before.term) this.#checkElected(id, term, configs, all);
    else if (commit > before.commit) this.#checkCommitted(node, commit, configs, all);
  }

  /** When a message is sent, against what its sender has on disk. */
  checkSent(message: Message, { id, log }: ScenarioNode): void {
    const { type, to, term, index, reject } = message;
    if (type === 'append') this.#learnLeaderLog(message);
    if (reject || to === id) return;
    const stored = log.hardState;
    if (type === 'voteResp') {
      this.#checkSentVote(id, term, to);
      this.#sentVotes.set(`${id}/${term}`, to);
      if (stored.term < term || (stored.term === term && stored.vote !== to))
        violated(`node ${id} sends its vote for ${to} in term ${term} before it is durable`);
    }
    if (type !== 'appendResp' || index === 0) return;
    if (stored.term < term)
      violated(`node ${id} acknowledges ${index} in term ${term} before that term is durable`);
    // In a later term it may have lost the entry again, which the leader of that term answers for.
    if (stored.term > term) return;
    const told = this.#leaderLogs.get(term)?.get(index);
    if (log.lastIndex() < index || (told !== undefined && !holds(log, index, told)))
      violated(`node ${id} acknowledges entry ${index} in term ${term} before it is durable`);
  }

  /** After a step. */
  checkLogs(nodes: readonly ScenarioNode[]): void {
    for (const node of nodes) this.#checkLog(node);
    for (const node of nodes) this.#checkComplete(node);
  }

  #checkSentVote(id: NodeId, term: Term, vote: NodeId): void {
    const sent = this.#sentVotes.get(`${id}/${term}`);
    if (vote !== 0 && sent !== undefined && sent !== vote)
      violated(`node ${id} votes for ${vote} in term ${term} and has sent its vote to ${sent}`);
  }

  #checkOnlyLeader(id: NodeId, term: Term): void {
    const other = this.#leaders.get(term) ?? id;
    if (other !== id) violated(`nodes ${other} and ${id} both lead in term ${term}`);
    this.#leaders.set(term, id);
  }

  /** A vote counts when its loss is no longer possible. */
  #checkElected(id: NodeId, term: Term, configs: readonly ConfState[], all: readonly ScenarioNode[]): void {
    const voted = ({ log: { hardState } }: ScenarioNode): boolean =>
      hardState.term > term || (hardState.term === term && hardState.vote === id);
    if (!configs.some((config) => isQuorum(config, all, voted)))
      violated(`node ${id} leads in term ${term} without durable votes of a quorum`);
  }

  #checkCommitted(
    node: ScenarioNode,
    commit: Index,
    configs: readonly ConfState[],
    all: readonly ScenarioNode[],
  ): void {
    const entry = node.entries().find(({ index }) => index === commit);
    if (entry === undefined) return;
    if (!configs.some((config) => isQuorum(config, all, ({ log }) => holds(log, commit, entry.term))))
      violated(`node ${node.id} commits entry ${commit} before it is durable on a quorum`);
  }

  #learnLeaderLog({ term, index, logTerm, entries }: Message): void {
    const log = this.#leaderLogs.get(term) ?? new Map<Index, Term>();
    this.#leaderLogs.set(term, log);
    log.set(index, logTerm);
    for (const entry of entries) log.set(entry.index, entry.term);
  }

  #checkLog(node: ScenarioNode): void {
    if (node.core.entries === undefined && node.core.hasReady()) return;
    const { id, term, commit } = node.core.status();
    let previousTerm: Term | undefined;
    for (const entry of node.entries()) {
      this.#checkMatching(entry, previousTerm, id);
      previousTerm = entry.term;
      if (entry.index > commit) continue;
      const known = this.#committed.get(entry.index);
      if (known !== undefined && known.term !== entry.term)
        violated(
          `committed entry ${entry.index} of term ${known.term} is one of term ${entry.term} on node ${id}`,
        );
      this.#committed.set(entry.index, { term: entry.term, since: Math.min(known?.since ?? term, term) });
    }
  }

  #checkMatching(entry: Entry, previousTerm: Term | undefined, id: NodeId): void {
    const key = `${entry.index}/${entry.term}`;
    const seen = this.#entries.get(key);
    if (seen !== undefined && !sameContent(seen.entry, entry))
      violated(`entry ${entry.index} of term ${entry.term} on node ${id} has other content than elsewhere`);
    if (seen?.previousTerm !== undefined && previousTerm !== undefined && seen.previousTerm !== previousTerm)
      violated(
        `logs agree on entry ${entry.index} of term ${entry.term} and not on the one before, on node ${id}`,
      );
    this.#entries.set(key, { entry, previousTerm: seen?.previousTerm ?? previousTerm });
  }

  #checkComplete(node: ScenarioNode): void {
    const { id, role, term, firstIndex, lastIndex } = node.core.status();
    if (role !== 'leader') return;
    const terms = new Map(node.entries().map((entry) => [entry.index, entry.term]));
    for (const [index, committed] of this.#committed) {
      if (committed.since >= term || index < firstIndex) continue;
      if (index > lastIndex || terms.get(index) !== committed.term)
        violated(
          `node ${id} leads in term ${term} without entry ${index}, committed in term ${committed.since}`,
        );
    }
  }
}
