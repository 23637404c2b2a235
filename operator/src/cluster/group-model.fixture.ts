import { ApiError, votersFor, type ConsensusMember, type ConsensusStatus } from '@ollamamax/api';
import type { MemberCall } from '../agents/agent-client.ts';

interface Member {
  readonly agent: string;
  readonly id: number;
  voting: boolean;
  /** It was asked to go, or its volume has been replaced. */
  leaving: boolean;
}

interface Agent {
  up: boolean;
  state: 'none' | 'member' | 'left';
  /** Which member its disk is that of. */
  id: number | undefined;
}

const majority = (count: number): number => Math.floor(count / 2) + 1;

/**
 * Agents that agree, in small: who is a member, who leads, and what the leader does by itself, one step at a time.
 * Nothing of logs and messages: whoever is up hears of everything at once.
 */
export class GroupModel {
  clusterId: string | undefined;
  term = 0;
  members: Member[] = [];
  readonly agents = new Map<string, Agent>();
  #leader: string | undefined;
  #lastId = 0;

  #agent(name: string): Agent {
    const known = this.agents.get(name) ?? { up: false, state: 'none', id: undefined };
    this.agents.set(name, known);
    return known;
  }

  #isAlive = ({ agent, id }: Member): boolean => {
    const known = this.agents.get(agent);
    return known?.up === true && known.id === id && known.state === 'member';
  };

  get voters(): readonly Member[] {
    return this.members.filter(({ voting }) => voting);
  }

  get aliveVoters(): readonly Member[] {
    return this.voters.filter(this.#isAlive);
  }

  #canDecide(voters: readonly Member[]): boolean {
    return voters.filter(this.#isAlive).length >= majority(voters.length);
  }

  /** The agents can agree on something, or could as soon as one leads. */
  hasQuorum(): boolean {
    return this.voters.length > 0 && this.#canDecide(this.voters);
  }

  get leader(): string | undefined {
    const member = this.voters.find(({ agent }) => agent === this.#leader);
    return member !== undefined && this.#isAlive(member) && this.hasQuorum() ? this.#leader : undefined;
  }

  /** Its process starts, with the disk that it had. */
  start(name: string): void {
    const agent = this.#agent(name);
    if (agent.up) return;
    agent.up = true;
    if (!this.members.some(({ id }) => id === agent.id)) {
      agent.state = 'none';
      agent.id = undefined;
    }
  }

  stop(name: string): void {
    this.#agent(name).up = false;
  }

  /** Its disk is another one from now on. */
  lose(name: string): void {
    this.agents.set(name, { up: false, state: 'none', id: undefined });
  }

  /** What the leader, or the agents without one, would do next. */
  #next(): (() => void) | undefined {
    if (!this.hasQuorum()) return undefined;
    const { leader } = this;
    if (leader === undefined)
      return () => {
        this.term += 1;
        this.#leader = this.voters.find(this.#isAlive)?.agent;
      };
    const newcomer = [...this.agents].find(([, { up, state }]) => up && state === 'none');
    if (newcomer !== undefined)
      return () => {
        const [agent, known] = newcomer;
        for (const member of this.members) if (member.agent === agent) member.leaving = true;
        this.#lastId += 1;
        this.members.push({ agent, id: this.#lastId, voting: false, leaving: false });
        Object.assign(known, { state: 'member', id: this.#lastId });
      };
    const drop = (gone: Member): void => {
      this.members = this.members.filter((member) => member !== gone);
      const known = this.agents.get(gone.agent);
      if (known?.id === gone.id && known.up) Object.assign(known, { state: 'left', id: undefined });
    };
    const learner = this.members.find(({ voting, leaving }) => leaving && !voting);
    if (learner !== undefined) return () => drop(learner);
    const target = votersFor(this.members.filter(({ leaving }) => !leaving).length);
    const candidate = this.members.find(
      (member) => !member.voting && !member.leaving && this.#isAlive(member),
    );
    const { voters } = this;
    const replace = (gone: Member, change: () => void): (() => void) | undefined => {
      const heir = candidate !== undefined && voters.length <= target ? candidate : undefined;
      const rest = voters.filter((voter) => voter !== gone);
      const after = heir === undefined ? rest : [...rest, heir];
      if (after.length === 0 || !this.#canDecide(after)) return undefined;
      return () => {
        if (heir !== undefined) heir.voting = true;
        change();
      };
    };
    const leavers = voters
      .filter(({ leaving }) => leaving)
      .sort(
        (a, b) =>
          Number(a.agent === leader) - Number(b.agent === leader) ||
          Number(this.#isAlive(a)) - Number(this.#isAlive(b)),
      );
    const [leaver] = leavers;
    if (leaver !== undefined && (leaver.agent !== leader || !this.#isAlive(leaver)))
      return replace(leaver, () => drop(leaver));
    if (leaver !== undefined) {
      const heir = voters.find((voter) => voter !== leaver && !voter.leaving && this.#isAlive(voter));
      if (heir !== undefined) return () => this.#lead(heir.agent);
      return candidate === undefined ? undefined : () => (candidate.voting = true);
    }
    if (voters.length < target && candidate !== undefined) return () => (candidate.voting = true);
    if (voters.length > target) {
      const [spare] = voters
        .filter(({ agent }) => agent !== leader)
        .sort((a, b) => Number(this.#isAlive(a)) - Number(this.#isAlive(b)) || b.id - a.id);
      if (spare !== undefined) return replace(spare, () => (spare.voting = false));
    }
    const dead = voters.find((voter) => !this.#isAlive(voter));
    return dead === undefined || candidate === undefined
      ? undefined
      : replace(dead, () => (dead.voting = false));
  }

  #lead(agent: string): void {
    this.term += 1;
    this.#leader = agent;
  }

  /** One step that the agents do by themselves. @returns whether there was one */
  step(): boolean {
    const next = this.#next();
    next?.();
    return next !== undefined;
  }

  settle(): void {
    for (let count = 0; count < 200; count += 1) if (!this.step()) return;
    throw new Error('the agents never come to an end');
  }

  /** What an agent does that is asked. @throws ApiError */
  ask(call: MemberCall): void {
    const at = this.#agent(call.at);
    if (!at.up) throw new ApiError('agent_unreachable');
    if (call.kind === 'bootstrap') {
      if (at.state === 'member' && this.clusterId === call.clusterId) return;
      if (at.state === 'member') throw new ApiError('already_member');
      // Of an earlier group there is nobody any more: else this would be another one beside it.
      this.clusterId = call.clusterId;
      this.#lastId += 1;
      Object.assign(at, { state: 'member', id: this.#lastId });
      this.members = [{ agent: call.at, id: this.#lastId, voting: true, leaving: false }];
      this.#lead(call.at);
      return;
    }
    if (call.kind === 'leave' && at.state === 'left') return;
    if (at.state !== 'member') throw new ApiError('not_a_member');
    if (this.leader === undefined) throw new ApiError('no_leader');
    const agent = call.kind === 'leave' ? call.at : call.agent;
    if (call.kind === 'transfer') {
      const heir = this.voters.find((voter) => voter.agent === agent);
      if (heir === undefined || !this.#isAlive(heir)) throw new ApiError('unsafe_change');
      this.#lead(agent);
      return;
    }
    const own = this.members.filter((member) => member.agent === agent);
    if (call.kind === 'remove' && own.some(this.#isAlive)) throw new ApiError('unsafe_change');
    for (const member of own) member.leaving = true;
  }

  statusOf(name: string): ConsensusStatus {
    const agent = this.#agent(name);
    const none = { voters: [], learners: [] };
    if (agent.state !== 'member') return { state: agent.state, ...none };
    const own = this.members.find(({ id }) => id === agent.id);
    const names = (voting: boolean): string[] => [
      ...new Set(this.members.filter((member) => member.voting === voting).map((member) => member.agent)),
    ];
    const { leader } = this;
    const leads = leader === name;
    return {
      state: 'member',
      ...(this.clusterId === undefined ? {} : { clusterId: this.clusterId }),
      ...(agent.id === undefined ? {} : { memberId: agent.id }),
      role: leads ? 'leader' : own?.voting === true ? 'follower' : 'learner',
      ...(leader === undefined ? {} : { leader }),
      term: this.term,
      lastIndex: 10,
      voters: names(true),
      learners: names(false),
      ...(leads
        ? {
            changing: this.members.some(({ leaving }) => leaving) || this.#next() !== undefined,
            members: this.members.map((member): ConsensusMember => ({
              agent: member.agent,
              memberId: member.id,
              address: `${member.agent}:7000`,
              voting: member.voting,
              alive: this.#isAlive(member),
              matchIndex: 10,
            })),
          }
        : {}),
    };
  }
}
