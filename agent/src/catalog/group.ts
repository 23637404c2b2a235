import {
  ApiError,
  isApiError,
  type Admission,
  type AdmissionRequest,
  type CatalogBackup,
  type ConsensusStatus,
} from '@ollamamax/api';
import { sleep, type Logger } from '@ollamamax/common';
import type { NodeId } from '../raft/core/types.ts';
import { membersIn } from './catalog-machine.ts';
import { backupOf, commandsFor } from './backup.ts';
import { checkBackup } from './backup-check.ts';
import { requireFeatureLevel } from './feature-level.ts';
import type { HostedMember } from './hosted-member.ts';
import { agree, catchUp, within } from './proposals.ts';
import { removalProblem } from './removal.ts';
import { levelOfDesired, ownModelsLevel, type CatalogState } from './state/catalog-state.ts';

/** What other agents say of their part in the group, and how to ask them. */
export interface GroupPeers {
  list(): readonly {
    readonly id: string;
    readonly online: boolean;
    readonly status: { readonly consensus?: ConsensusStatus; readonly featureLevel?: number } | undefined;
  }[];
  admit(peerId: string, request: AdmissionRequest, signal: AbortSignal): Promise<Admission>;
  /** Has an agent that is there leave by itself, so that it does not come back at once. */
  leave(peerId: string, signal: AbortSignal): Promise<void>;
  /** @param address internal address of an agent that need not be known */
  admitAt(address: string, request: AdmissionRequest, signal: AbortSignal): Promise<Admission>;
}

export interface GroupOptions {
  /** Id of this agent. */
  readonly agent: string;
  readonly member: HostedMember;
  readonly peers: GroupPeers;
  readonly log: Logger;
  readonly now: () => Date;
  readonly status: () => ConsensusStatus;
  /** Ends all waiting. */
  readonly signal: AbortSignal;
}

const removalMs = 20_000;
/** The other agent waits for its removal as this one would. */
const leaveMs = removalMs + 5000;
const leftAlone: ReadonlySet<string> = new Set(['agent_unreachable', 'forbidden', 'cancelled']);
const transferMs = 5000;
const snapshotMs = 30_000;
const pollMs = 100;

/** What a member does with its group for others: takes members in and out, hands over, saves and brings back. */
export class Group {
  readonly #options: GroupOptions;

  constructor(options: GroupOptions) {
    this.#options = options;
  }

  async admit(request: AdmissionRequest): Promise<Admission> {
    const { member } = this.#options;
    await catchUp(() => member.running());
    const { clusterId = '' } = member.identity ?? {};
    if (request.clusterId !== undefined && request.clusterId !== clusterId)
      throw new ApiError(
        'other_cluster',
        `The volume of agent ${request.agent} belongs to group ${request.clusterId}; this is group ${clusterId}.`,
      );
    const { agent, incarnation, address } = request;
    const known = Object.values(member.state.members).find((other) => other.agent === agent);
    if (request.memberId !== undefined && known?.incarnation !== incarnation)
      throw known === undefined
        ? new ApiError(
            'member_removed',
            `Member ${request.memberId}, agent ${agent}, was removed from the group.`,
          )
        : new ApiError(
            'member_replaced',
            `Member ${request.memberId} is an older volume of agent ${agent}, which is member ${known.id} now.`,
          );
    if (known?.incarnation !== incarnation || known.address !== address)
      await agree(() => member.running(), { op: 'admitMember', agent, incarnation, address });
    const members = Object.values(member.state.members);
    const own = members.find((other) => other.agent === agent && other.incarnation === incarnation);
    // Another one of the same name was faster.
    if (own === undefined) throw new ApiError('outcome_unknown');
    return { clusterId, memberId: own.id, members };
  }

  /** @throws ApiError node_not_found, unsafe_change, no_leader, not_a_member, deadline_exceeded */
  async remove(agent: string): Promise<void> {
    const { member, peers, signal } = this.#options;
    await catchUp(() => member.running());
    const there = peers.list().find(({ id, online }) => online && id === agent)?.status?.consensus;
    if (there?.state === 'member' && there.clusterId === member.identity?.clusterId) {
      try {
        await peers.leave(agent, AbortSignal.any([signal, AbortSignal.timeout(leaveMs)]));
        return;
      } catch (error) {
        // It went away just now, or is of a version that takes this from the operator only.
        if (!isApiError(error) || !leftAlone.has(error.code)) throw error;
      }
    }
    const gone = this.#idsOf(agent);
    if (gone.length === 0)
      throw new ApiError('node_not_found', `The group has no member of agent "${agent}".`);
    await this.takeOut(gone);
  }

  async transfer(agent: string): Promise<void> {
    const { member } = this.#options;
    await catchUp(() => member.running());
    const { voters = [] } = member.config ?? {};
    const to = this.#idsOf(agent).find((id) => voters.includes(id));
    if (to === undefined) throw new ApiError('node_not_found', `No agent "${agent}" has a vote.`);
    await this.#lead(to, agent);
    await member.refresh();
  }

  async #lead(to: NodeId, agent: string): Promise<void> {
    const { member } = this.#options;
    const ends = performance.now() + transferMs;
    member.thread?.transferLeader(to);
    while (member.role.lead !== to) {
      if (performance.now() > ends)
        throw new ApiError(
          'deadline_exceeded',
          `Agent ${agent} did not take over within ${transferMs / 1000} s.`,
        );
      await sleep(pollMs);
    }
  }

  /** Has another voter lead before this one stops: nobody has to notice first that it is gone. */
  async handOver(): Promise<void> {
    const { member } = this.#options;
    const own = member.identity?.memberId;
    const heir = this.#options
      .status()
      .members?.filter(({ memberId, voting, alive }) => voting && alive && memberId !== own)
      .sort((a, b) => b.matchIndex - a.matchIndex)[0];
    if (heir === undefined) return;
    await this.#lead(heir.memberId, heir.agent);
  }

  async snapshot(): Promise<number> {
    const index = await within(this.#options.member.running().snapshot(), snapshotMs);
    if (index === undefined) throw new ApiError('deadline_exceeded', 'The snapshot could not be written.');
    return index;
  }

  async backup(): Promise<CatalogBackup> {
    const { member, now } = this.#options;
    const index = await catchUp(() => member.running());
    return backupOf(member.state, member.identity?.clusterId ?? '', index, now().toISOString());
  }

  async restore(backup: CatalogBackup): Promise<CatalogState> {
    const { member, log } = this.#options;
    // All or nothing: what is wrong in it is found before anything is changed.
    checkBackup(backup);
    await catchUp(() => member.running());
    const operations = commandsFor(backup, member.state);
    const levels = operations.map((operation) =>
      operation.op === 'putOwnModel'
        ? ownModelsLevel
        : operation.op === 'setDesired'
          ? levelOfDesired(operation.state)
          : 1,
    );
    await this.requireLevel(Math.max(1, ...levels));
    for (const operation of operations) await agree(() => member.running(), operation);
    log.info('A backup was taken over.', { takenAt: backup.takenAt, from: backup.clusterId });
    return member.state;
  }

  /** @throws ApiError agents_outdated, not_a_member, no_leader */
  async requireLevel(level: number): Promise<void> {
    const { agent, member, peers } = this.#options;
    await requireFeatureLevel(level, {
      agent,
      state: () => member.state,
      peers,
      agree: (operation) => agree(() => member.running(), operation),
    });
  }

  /** Newest word of who leads, also when that is another one. */
  #leaderStatus(): ConsensusStatus | undefined {
    const own = this.#options.status();
    if (own.members !== undefined) return own;
    return this.#options.peers
      .list()
      .flatMap(({ online, status }) => (online && status?.consensus !== undefined ? [status.consensus] : []))
      .filter(({ members, clusterId }) => members !== undefined && clusterId === own.clusterId)
      .sort((a, b) => (b.term ?? 0) - (a.term ?? 0))[0];
  }

  /** Done once they are in no configuration any more. @throws ApiError unsafe_change, no_leader, deadline_exceeded */
  async takeOut(ids: readonly NodeId[]): Promise<void> {
    const { member, signal } = this.#options;
    const own = member.identity?.memberId ?? 0;
    const isOut = (): boolean => this.#isOut(ids) || (ids.includes(own) && this.#othersSayOut(own));
    const problem = removalProblem(this.#leaderStatus()?.members, ids);
    if (problem !== undefined) throw new ApiError('unsafe_change', problem);
    for (const id of ids) await agree(() => member.running(), { op: 'removeMember', id });
    const ends = performance.now() + removalMs;
    while (!isOut()) {
      await member.refresh();
      if (isOut()) return;
      if (performance.now() > ends) {
        const { blocked } = this.#leaderStatus() ?? {};
        if (blocked !== undefined) throw new ApiError('unsafe_change', `The leader waits: ${blocked}.`);
        throw new ApiError('deadline_exceeded', `The member was not taken out within ${removalMs / 1000} s.`);
      }
      await sleep(pollMs, signal);
    }
  }

  /** Members of that agent that are in the catalogue or still in the configuration. */
  #idsOf(agent: string): NodeId[] {
    const { members, leaving } = this.#options.member.state;
    return Object.values({ ...members, ...leaving }).flatMap((one) => (one.agent === agent ? [one.id] : []));
  }

  #isOut(ids: readonly NodeId[]): boolean {
    const { config } = this.#options.member;
    return config !== undefined && !membersIn(config).some((id) => ids.includes(id));
  }

  /** One that was taken out may never hear of it from the leader. */
  #othersSayOut(id: NodeId): boolean {
    const { peers, member } = this.#options;
    return peers.list().some(({ online, status }) => {
      const { consensus } = status ?? {};
      if (!online || consensus?.members === undefined || consensus.clusterId !== member.identity?.clusterId)
        return false;
      return !consensus.members.some(({ memberId }) => memberId === id);
    });
  }
}
