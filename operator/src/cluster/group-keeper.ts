import { randomUUID } from 'node:crypto';
import { agentName, type OllamaCluster, type OllamaClusterStatus } from '@ollamamax/api';
import type { TlsMaterial } from '@ollamamax/common';
import type { MemberCall } from '../agents/agent-client.ts';
import type { MemberCaller } from '../agents/member-caller.ts';
import type { AgentReport } from '../agents/report.ts';
import type { Clock } from '../kube/index.ts';
import { decideGroup, type GroupStep } from './group-step.ts';
import { groupView, recordOf, type GroupView } from './group-view.ts';
import type { Pass } from './pass.ts';

/** What a pass makes of the group of agents that agree. */
export interface GroupPlan {
  readonly step: GroupStep;
  /** What is to be written down. */
  readonly consensus: OllamaClusterStatus['consensus'];
}

/** Agents that can be asked: those with an address that are not on their way out. */
export const addressesOf = ({ pods }: Pick<Pass, 'pods'>) =>
  pods.flatMap(({ metadata, status }) =>
    status?.podIP === undefined || metadata.deletionTimestamp !== undefined
      ? []
      : [{ name: metadata.name ?? '', ip: status.podIP }],
  );

/** Looks after the groups of agents that agree: what is remembered between passes, and what is drawn by chance. */
export class GroupKeeper {
  readonly #clock: Clock;
  readonly #caller: MemberCaller;
  /** Since when no leader is known. */
  readonly #missedAt = new Map<string, number>();

  constructor({ clock, caller }: { readonly clock: Clock; readonly caller: MemberCaller }) {
    this.#clock = clock;
    this.#caller = caller;
  }

  look(
    key: string,
    { status }: OllamaCluster,
    reports: ReadonlyMap<string, AgentReport>,
  ): { readonly group: GroupView; readonly leaderlessMs: number; readonly calling: boolean } {
    const group = groupView(status?.consensus, reports, this.#caller.sinceMs(key));
    const now = this.#clock.monotonic();
    if (group.leader !== undefined) this.#missedAt.delete(key);
    else if (!this.#missedAt.has(key)) this.#missedAt.set(key, now);
    return {
      group,
      leaderlessMs: now - (this.#missedAt.get(key) ?? now),
      calling: this.#caller.busy(key),
    };
  }

  /** @param idle nothing may be changed */
  plan(pass: Pass, idle: boolean): GroupPlan {
    const { cluster, group, reports } = pass;
    const { recorded } = group;
    const as = (step: GroupStep, clusterId: string | undefined): GroupPlan => ({
      step,
      consensus: clusterId === undefined ? undefined : recordOf(group, clusterId),
    });
    const step = decideGroup({
      group,
      reports,
      wanted: Array.from({ length: cluster.spec.replicas }, (_unused, ordinal) =>
        agentName(cluster.metadata.name, ordinal),
      ),
      present: addressesOf(pass).map(({ name }) => name),
    });
    if (idle) return as(step.kind === 'wait' ? step : { kind: 'none' }, recorded?.clusterId);
    if (step.kind === 'draw') return as(step, randomUUID());
    return as(step, step.kind === 'adopt' ? step.clusterId : recorded?.clusterId);
  }

  /** Has a call made, when the agent that is to be asked has an address. */
  ask(pass: Pass, tls: TlsMaterial, call: MemberCall): void {
    const agent = addressesOf(pass).find(({ name }) => name === call.at);
    if (agent !== undefined)
      this.#caller.want(pass.key, { cluster: pass.cluster.metadata.name, tls, agent }, call);
  }

  /** Why a call that is wanted again did not do what it was to do; undefined when it did, or was not made yet. */
  complaint(key: string, call: MemberCall | undefined): string | undefined {
    const failed = this.#caller.failed(key);
    return failed !== undefined && JSON.stringify(failed.call) === JSON.stringify(call)
      ? failed.message.replace(/[.\s]+$/, '')
      : undefined;
  }

  forget(key: string): void {
    this.#missedAt.delete(key);
    this.#caller.forget(key);
  }
}
