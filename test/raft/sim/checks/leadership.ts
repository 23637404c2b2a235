import type { Message } from '../../../../agent/src/raft/core/message.ts';
import type { Status } from '../../../../agent/src/raft/core/status.ts';
import type { ConfState, NodeId, Term } from '../../../../agent/src/raft/core/types.ts';
import { Violation } from '../failure.ts';
import type { Plan } from '../swarm.ts';
import type { Tally } from '../world/tally.ts';

interface Watched {
  /** Ticks of its own clock. */
  ticks: number;
  status: Status | undefined;
  /** Tick at which it began to lead, or at which it was given another chance. */
  ledSince: number;
  /** Tick at which it began to hand over to whom it does now. */
  handsOverSince: number;
  /** When it last heard whom of its term, as a leader. */
  readonly heard: Map<NodeId, number>;
  /** When it last heard the leader of its term. */
  heardLeader: number;
  /** Of all that came but questions that it need not hear while there is a leader. */
  highestTerm: Term;
  /** Term of the election that it held because its leader wanted to hand over. */
  transferTerm: Term;
  /** When it had last heard its leader before who asked for its vote first in which term. */
  readonly requests: Map<string, number>;
}

const overlaps = (one: readonly NodeId[], other: readonly NodeId[]): boolean =>
  one.some((id) => other.includes(id));

/** Of an election timeout: after that a leader must have noticed that it hears no quorum. */
const leaseTimeouts = 3;

/**
 * Rules that no state is wrong without, but under which a cluster serves nobody: a leader that hears no quorum steps
 * down, nobody deposes a leader that is heard, and who is no member leads nobody.
 */
export class Leadership {
  readonly #plan: Plan;
  readonly #tally: Tally;
  readonly #members = new Map<NodeId, Watched>();

  constructor(plan: Plan, tally: Tally) {
    this.#plan = plan;
    this.#tally = tally;
  }

  #watched(id: NodeId): Watched {
    let watched = this.#members.get(id);
    if (watched === undefined) {
      watched = {
        ticks: 0,
        status: undefined,
        ledSince: 0,
        handsOverSince: 0,
        heard: new Map(),
        heardLeader: -Infinity,
        highestTerm: 0,
        transferTerm: 0,
        requests: new Map(),
      };
      this.#members.set(id, watched);
    }
    return watched;
  }

  /** A process begins. */
  started(id: NodeId): void {
    this.#members.delete(id);
  }

  /** After a pause ticks come together and count as few. */
  resumed(id: NodeId): void {
    const watched = this.#watched(id);
    watched.ledSince = watched.ticks;
    watched.handsOverSince = watched.ticks;
    watched.heardLeader = -Infinity;
    watched.requests.clear();
  }

  ticked(id: NodeId): void {
    const watched = this.#watched(id);
    watched.ticks += 1;
    const { status, ledSince, handsOverSince, ticks, heard } = watched;
    const { checkQuorum, electionTicks } = this.#plan.raft;
    const patience = leaseTimeouts * electionTicks;
    if (status?.role !== 'leader') return;
    // Meanwhile it takes no proposals.
    if (status.transferee !== 0 && ticks - handsOverSince > patience)
      throw new Violation(
        'leadership',
        `member ${id} has been handing over to ${status.transferee} for ${patience} ticks`,
      );
    if (!checkQuorum || ticks - ledSince <= patience) return;
    const isHeard = (voter: NodeId): boolean =>
      voter === id || (heard.get(voter) ?? ledSince) > ticks - patience;
    for (const half of [status.config.voters, status.config.outgoing]) {
      if (half.length > 0 && 2 * half.filter(isHeard).length <= half.length)
        throw new Violation(
          'leadership',
          `member ${id} leads in term ${status.term} and has heard no quorum for ${patience} ticks`,
        );
    }
  }

  received({ type, from, to, term, context, reject }: Message): void {
    const watched = this.#watched(to);
    const { status, ticks } = watched;
    // On behalf of a transfer a question is word of its term: it is heard whatever leader there is.
    const asks =
      (type === 'vote' && context !== 1) || type === 'preVote' || (type === 'preVoteResp' && !reject);
    if (!asks) watched.highestTerm = Math.max(watched.highestTerm, term);
    const request = `${from}/${term}`;
    if (type === 'vote' && !watched.requests.has(request)) watched.requests.set(request, watched.heardLeader);
    if ((type === 'appendResp' || type === 'heartbeatResp') && term === status?.term)
      watched.heard.set(from, ticks);
    if ((type === 'append' || type === 'heartbeat') && term === status?.term) watched.heardLeader = ticks;
  }

  sent(sender: NodeId, { type, term, context }: Message): void {
    if (type === 'vote' && context === 1) this.#watched(sender).transferTerm = term;
  }

  /**
   * With a leader that it hears nobody votes for another, unless the leader itself has asked for that, or word of a later
   * term came before the question: then that leader is none any more.
   */
  #checkVote(before: Status, { id, term, vote }: Status, watched: Watched): void {
    const { checkQuorum, electionTicks } = this.#plan.raft;
    // A full inbox drops what would have been heard.
    if (!checkQuorum || this.#plan.limits.maxInbox < 100) return;
    if (term <= before.term || vote === 0 || vote === id || before.lead === 0 || before.lead === id) return;
    const { ticks, requests, highestTerm } = watched;
    const request = `${vote}/${term}`;
    const heardBefore = requests.get(request) ?? -Infinity;
    const isFresh = ticks - heardBefore < Math.floor(electionTicks / 2);
    if (isFresh && highestTerm <= before.term)
      throw new Violation(
        'leadership',
        `member ${id} votes for ${vote} in term ${term}, and has just heard leader ${before.lead} of term ${before.term}`,
      );
  }

  observed(status: Status): void {
    const { id, role, term, config } = status;
    const watched = this.#watched(id);
    const before = watched.status;
    const leads = role === 'leader';
    const begins = leads && (before?.role !== 'leader' || before.term !== term);
    watched.status = status;
    if (before !== undefined) this.#checkVote(before, status, watched);
    if (before?.config !== config) this.#checkConfig(status);
    if (before !== undefined && before.config !== config) this.#tallyConfig(before.config, config);
    if (before?.transferee !== status.transferee) watched.handsOverSince = watched.ticks;
    // Whoever is new has a chance first, and so has the target of a transfer.
    if (before?.config !== config || before.transferee !== status.transferee)
      watched.ledSince = watched.ticks;
    if (begins) {
      if (watched.transferTerm === term) this.#tally.add('transfers completed');
      watched.ledSince = watched.ticks;
      watched.heard.clear();
      if (before !== undefined && !isVoter(before.config, id) && !isVoter(config, id))
        throw new Violation('leadership', `member ${id} has no vote and leads in term ${term}`);
    }
    if (leads && this.#plan.raft.stepDownOnRemoval && !isVoter(config, id))
      throw new Violation(
        'leadership',
        `member ${id} leads on in term ${term} after it was removed or demoted`,
      );
  }

  #tallyConfig(before: ConfState, { voters, outgoing, learners, learnersNext }: ConfState): void {
    this.#tally.add('changes applied');
    if (outgoing.length > 0 && before.outgoing.length === 0) this.#tally.add('joint configurations');
    if (before.learners.some((id) => voters.includes(id))) this.#tally.add('learners promoted');
    if (before.voters.some((id) => learners.includes(id) || learnersNext.includes(id)))
      this.#tally.add('voters demoted');
  }

  #checkConfig({ id, config }: Status): void {
    const { voters, outgoing, learners, learnersNext, autoLeave } = config;
    const isWrong =
      overlaps(learners, voters) ||
      overlaps(learners, outgoing) ||
      overlaps(learnersNext, voters) ||
      learnersNext.some((next) => !outgoing.includes(next)) ||
      (outgoing.length === 0 && autoLeave);
    if (isWrong)
      throw new Violation('members', `member ${id} has members that cannot be: ${JSON.stringify(config)}`);
  }
}

const isVoter = ({ voters, outgoing }: ConfState, id: NodeId): boolean =>
  voters.includes(id) || outgoing.includes(id);
