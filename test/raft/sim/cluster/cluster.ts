import { membersOf } from '../../../../agent/src/raft/core/config-change/changer.ts';
import type { Message } from '../../../../agent/src/raft/core/message.ts';
import type { Status } from '../../../../agent/src/raft/core/status.ts';
import type { ConfState, NodeId } from '../../../../agent/src/raft/core/types.ts';
import { Member } from './member.ts';
import type { Setting } from './setting.ts';

/** All members that there ever were. */
export class Cluster {
  readonly #members = new Map<NodeId, Member>();
  readonly #setting: Setting;

  constructor(setting: Setting) {
    this.#setting = setting;
    for (const id of membersOf(setting.founding)) this.#add(id);
  }

  get all(): readonly Member[] {
    return [...this.#members.values()];
  }

  get up(): readonly Member[] {
    return this.all.filter(({ condition }) => condition === 'up');
  }

  /** All that are not gone for good. */
  get present(): readonly Member[] {
    return this.all.filter(({ isLost }) => !isLost);
  }

  find(id: NodeId): Member | undefined {
    return this.#members.get(id);
  }

  /** A member with an empty disk, under an id that nobody had before. */
  addMember(): Member {
    return this.#add(Math.max(...this.#members.keys()) + 1);
  }

  #add(id: NodeId): Member {
    const member = new Member(id, this.#setting, (other) => this.find(other));
    this.#members.set(id, member);
    return member;
  }

  start(): void {
    for (const member of this.all) member.start();
  }

  arrived(message: Message): void {
    this.find(message.to)?.receive(message);
  }

  lost(from: NodeId, to: NodeId): void {
    this.find(from)?.enter(({ driver }) => driver.reportUnreachable(to));
  }

  /** The leader of the highest term, as far as anybody leads. */
  leader(): { readonly member: Member; readonly status: Status } | undefined {
    let found: { readonly member: Member; readonly status: Status } | undefined;
    for (const member of this.up) {
      const status = member.status();
      if (status?.role === 'leader' && status.term > (found?.status.term ?? 0)) found = { member, status };
    }
    return found;
  }

  /** The members as whoever has applied most knows them. */
  newestConfig(): ConfState {
    let applied = -1;
    let config = this.#setting.founding;
    for (const member of this.up) {
      const status = member.status();
      if (status !== undefined && status.applied > applied) ({ applied, config } = status);
    }
    return config;
  }
}
