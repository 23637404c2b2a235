import { randomUUID } from 'node:crypto';
import {
  ApiError,
  isApiError,
  type Admission,
  type AdmissionRequest,
  type CatalogBackup,
  type ConsensusStatus,
} from '@ollamamax/api';
import { sleep, type Component, type Logger } from '@ollamamax/common';
import { nobody } from '../raft/core/types.ts';
import { newIncarnation } from '../raft/node/identity-file.ts';
import type { MemberReport } from '../raft/node/member.ts';
import type { Peer as RaftPeer } from '../raft/transport/transport.ts';
import type { Consensus } from './catalog.ts';
import { consensusStatus } from './consensus-status.ts';
import { Group, type GroupPeers } from './group.ts';
import type { HostedMember } from './hosted-member.ts';
import { peerOf } from './peer-of.ts';
import { agree, catchUp } from './proposals.ts';
import type { CatalogState } from './state/catalog-state.ts';

export interface MembershipOptions {
  readonly member: HostedMember;
  readonly agent: string;
  readonly peers: GroupPeers;
  readonly log: Logger;
  readonly now: () => Date;
}

/** Between two looks at whether this agent is where it should be. */
const lookMs = 1000;
/** So long without a leader a member asks others whether it is still one. */
const orphanedMs = 10_000;
const askMs = 5000;

/** Codes that say for sure that the group does not want this volume. */
const refusals = new Set(['other_cluster', 'member_replaced']);

/** Brings this agent into the group, keeps it there, and takes it out; and answers others that want the same. */
export class Membership implements Consensus, Component {
  readonly name = 'membership';
  readonly #options: MembershipOptions;
  readonly #stopped = new AbortController();
  /** Drawn once: an answer that was lost is asked for again as the same one. */
  #incarnation = newIncarnation();
  #hasLeft = false;
  #refusal: ApiError | undefined;
  #looking: Promise<unknown> = Promise.resolve();
  /** What changes this agent's own part follow one another. */
  #turn: Promise<unknown> = Promise.resolve();
  #ledAt = performance.now();
  #heard = '';
  readonly #group: Group;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#group = new Group({ ...options, status: () => this.status(), signal: this.#stopped.signal });
  }

  start(): Promise<void> {
    this.#looking = this.#lookAgain();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    await this.#group.handOver().catch((error: unknown) => {
      this.#options.log.debug('Nobody took over in time.', { error });
    });
    this.#stopped.abort(new ApiError('agent_draining'));
    await this.#looking;
    await this.#turn;
  }

  status(): ConsensusStatus {
    const { member } = this.#options;
    const { identity, address, role, report, config, failure, state: catalog } = member;
    const problem = failure ?? this.#refusal;
    return consensusStatus({
      state: this.#stateNow(),
      identity,
      address,
      role,
      report,
      config,
      catalog,
      problem: problem === undefined ? undefined : { code: problem.code, message: problem.message },
    });
  }

  /** What its thread has counted; undefined while there is no member. At most half a second old. */
  figures(): MemberReport | undefined {
    return this.#options.member.report;
  }

  bootstrap(clusterId: string = randomUUID()): Promise<ConsensusStatus> {
    return this.#alone(async () => {
      const { member, log } = this.#options;
      const { identity } = member;
      if (identity !== undefined) {
        if (identity.clusterId === clusterId) return this.status();
        throw new ApiError(
          'already_member',
          `This agent is member ${identity.memberId} of group ${identity.clusterId}.`,
        );
      }
      await member.begin({ clusterId, memberId: 1, incarnation: this.#incarnation }, []);
      this.#cameIn();
      log.info('Began a new group of agents.', { clusterId });
      await this.#announce();
      return this.status();
    });
  }

  admit(request: AdmissionRequest): Promise<Admission> {
    return this.#group.admit(request);
  }

  join(address?: string): Promise<ConsensusStatus> {
    return this.#alone(async () => {
      if (this.#options.member.identity !== undefined)
        throw new ApiError('already_member', `This agent belongs to group ${this.status().clusterId ?? ''}.`);
      if (address === undefined) {
        const target = this.#memberPeer();
        if (target === undefined)
          throw new ApiError('agent_unreachable', 'No agent that is known here belongs to a group.');
        await this.#enter((request, signal) => this.#options.peers.admit(target, request, signal));
      } else await this.#enter((request, signal) => this.#options.peers.admitAt(address, request, signal));
      return this.status();
    });
  }

  async remove(agent: string): Promise<ConsensusStatus> {
    if (agent === this.#options.agent) return this.leave();
    await this.#group.remove(agent);
    return this.status();
  }

  async transfer(agent: string): Promise<ConsensusStatus> {
    await this.#group.transfer(agent);
    return this.status();
  }

  snapshot(): Promise<number> {
    return this.#group.snapshot();
  }

  backup(): Promise<CatalogBackup> {
    return this.#group.backup();
  }

  /**
   * Has the group use what came with a feature level; nothing when it does.
   * @throws ApiError agents_outdated when a member does not know it; not_a_member, no_leader
   */
  requireLevel(level: number): Promise<void> {
    return this.#group.requireLevel(level);
  }

  restore(backup: CatalogBackup): Promise<CatalogState> {
    return this.#group.restore(backup);
  }

  leave(): Promise<ConsensusStatus> {
    return this.#alone(async () => {
      const { member, log, agent } = this.#options;
      const { identity } = member;
      if (identity === undefined) {
        this.#hasLeft = true;
        return this.status();
      }
      await catchUp(() => member.running());
      if (Object.keys(member.state.members).length <= 1)
        throw new ApiError('unsafe_change', `Agent ${agent} is the only member of its group.`);
      const { memberId } = identity;
      await this.#group.takeOut([memberId]);
      this.#hasLeft = true;
      this.#incarnation = newIncarnation();
      await member.discard();
      log.info('Left the group of agents.', { member: memberId });
      return this.status();
    });
  }

  #stateNow(): ConsensusStatus['state'] {
    const { identity, failure } = this.#options.member;
    if (failure !== undefined) return 'failed';
    if (this.#refusal !== undefined) return 'refused';
    if (identity !== undefined) return 'member';
    return this.#hasLeft ? 'left' : 'none';
  }

  /** One after the other: which of them comes first decides what the next one finds. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #cameIn(): void {
    this.#hasLeft = false;
    this.#refusal = undefined;
    this.#ledAt = performance.now();
  }

  async #lookAgain(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await this.#alone(() => this.#look()).catch((error: unknown) => {
        if (!this.#stopped.signal.aborted)
          this.#options.log.debug('The membership could not be settled.', { error });
      });
      await sleep(lookMs * (0.9 + Math.random() * 0.2), this.#stopped.signal).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const { member } = this.#options;
    if (member.failure !== undefined) return;
    if (member.identity === undefined) {
      const target = this.#hasLeft ? undefined : this.#memberPeer();
      if (target !== undefined)
        await this.#enter((request, signal) => this.#options.peers.admit(target, request, signal));
      return;
    }
    this.#followMoves();
    if (member.role.lead !== nobody) {
      this.#ledAt = performance.now();
      this.#strayed();
      await this.#announce();
      return;
    }
    // One that was stopped before its log told of anybody knows nobody whom it could hear.
    const knowsNobody = Object.keys(member.state.members).length === 0;
    if (knowsNobody || performance.now() - this.#ledAt >= orphanedMs) await this.#askWhetherStillIn();
  }

  /** Led, but by others than the agents around: its volume belongs elsewhere, and nobody would ever tell it. */
  #strayed(): void {
    const { peers, member, log } = this.#options;
    const own = member.identity?.clusterId;
    const groups = new Map<string, string[]>();
    for (const { id, online, status } of peers.list()) {
      const { clusterId, leader } = status?.consensus ?? {};
      if (online && clusterId !== undefined && leader !== undefined)
        groups.set(clusterId, [...(groups.get(clusterId) ?? []), id]);
    }
    const ownSize = 1 + (groups.get(own ?? '')?.length ?? 0);
    const other = [...groups].find(([clusterId, ids]) => clusterId !== own && ids.length >= ownSize);
    if (other === undefined) {
      this.#refusal = undefined;
      return;
    }
    const [clusterId, ids] = other;
    const error = new ApiError(
      'other_cluster',
      `The volume of this agent belongs to group ${own ?? ''}, and ${ids.join(', ')} to group ${clusterId}.`,
    );
    if (this.#refusal?.code !== error.code) log.error('This volume belongs elsewhere.', { error });
    this.#refusal = error;
  }

  /** Writes into the catalogue where this member is now. */
  async #announce(): Promise<void> {
    const { member, agent } = this.#options;
    const { identity, state } = member;
    const address = member.address ?? `${agent}:0`;
    if (identity === undefined) return;
    const { memberId, incarnation } = identity;
    const known = Object.hasOwn(state.members, memberId) ? state.members[memberId] : undefined;
    const isFirst = memberId === 1 && Object.keys(state.members).length === 0;
    if (known === undefined ? !isFirst : known.address === address) return;
    await agree(() => member.running(), { op: 'admitMember', agent, incarnation, address });
  }

  /**
   * Where agents have moved, the log may be of no use to tell it: whoever hears the leader and cannot answer it learns of
   * no new entry. What they say of themselves counts.
   */
  #followMoves(): void {
    const { member, peers } = this.#options;
    const heard = peers.list().flatMap(({ id, online, status }) => {
      if (!online) return [];
      const { clusterId, memberId, incarnation, address } = status?.consensus ?? {};
      if (clusterId === undefined || clusterId !== member.identity?.clusterId) return [];
      if (memberId === undefined || incarnation === undefined || address === undefined) return [];
      return [peerOf({ id: memberId, agent: id, incarnation, address })];
    });
    this.#tellThread(heard);
  }

  #tellThread(heard: readonly RaftPeer[]): void {
    const text = JSON.stringify(heard);
    if (heard.length === 0 || text === this.#heard) return;
    this.#heard = text;
    this.#options.member.thread?.setPeers(heard);
  }

  /** An agent that belongs to a group, one that knows who leads before others. */
  #memberPeer(): string | undefined {
    const { identity } = this.#options.member;
    const members = this.#options.peers.list().flatMap(({ id, online, status }) => {
      const { consensus } = status ?? {};
      return online && consensus?.state === 'member' ? [{ id, consensus }] : [];
    });
    const rank = ({ leader, clusterId }: ConsensusStatus): number =>
      (leader === undefined ? 0 : 1) + (clusterId === identity?.clusterId ? 2 : 0);
    return members.sort((a, b) => rank(b.consensus) - rank(a.consensus))[0]?.id;
  }

  async #enter(ask: (request: AdmissionRequest, signal: AbortSignal) => Promise<Admission>): Promise<void> {
    const { member, agent, log } = this.#options;
    const { address } = member;
    if (address === undefined)
      throw new ApiError('not_implemented', 'This agent has no internalTls, so it can have no peers.');
    const request = { agent, incarnation: this.#incarnation, address };
    const { clusterId, memberId, members } = await ask(request, this.#patience());
    await member.begin(
      { clusterId, memberId, incarnation: this.#incarnation },
      members.filter(({ id }) => id !== memberId).map(peerOf),
    );
    this.#cameIn();
    log.info('Joined the group of agents.', { clusterId, member: memberId });
  }

  /** A member that nobody leads may have been taken out meanwhile. */
  async #askWhetherStillIn(): Promise<void> {
    const { member, agent, log, peers } = this.#options;
    const { identity, address } = member;
    const target = this.#memberPeer();
    if (target === undefined || identity === undefined || address === undefined) return;
    const { clusterId, memberId, incarnation } = identity;
    try {
      const request = { agent, incarnation, address, clusterId, memberId };
      const { members } = await peers.admit(target, request, this.#patience());
      this.#tellThread(members.map(peerOf));
      this.#refusal = undefined;
    } catch (error) {
      if (!isApiError(error)) throw error;
      if (error.code === 'member_removed') {
        log.warn('This member was removed from its group; it joins again as a new one.', { error });
        this.#incarnation = newIncarnation();
        await member.discard();
      } else if (refusals.has(error.code)) {
        if (this.#refusal?.code !== error.code) log.error('The group refuses this volume.', { error });
        this.#refusal = error;
      } else throw error;
    }
  }

  #patience(): AbortSignal {
    return AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(askMs)]);
  }
}
