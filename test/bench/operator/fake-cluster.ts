import { ApiError, internalPaths, toWireError, version } from '@ollamamax/api';
import type { AgentStatus, DesiredState } from '@ollamamax/api';
import type { MemberCall } from '../../../operator/src/agents/agent-client.ts';
import { GroupModel } from '../../../operator/src/cluster/group-model.fixture.ts';

export interface Reply {
  readonly status: number;
  readonly body: string;
}

const ok = (value: unknown): Reply => ({ status: 200, body: JSON.stringify(value) });

/** Which call a path is, of those that change the members. */
const callKinds = ['bootstrap', 'leave', 'remove', 'transfer'] as const;

/** The agents of one cluster among themselves: they agree at once, and what they are to serve is there at once. */
export class FakeCluster {
  readonly name: string;
  readonly group = new GroupModel();
  /** What was asked about the members, and of whom. */
  readonly calls: MemberCall[] = [];
  /** Who was given the desired state. */
  readonly given: string[] = [];
  #state: DesiredState | undefined;

  constructor(name: string) {
    this.name = name;
  }

  start(agent: string): void {
    this.group.start(agent);
    this.group.settle();
  }

  /** @param withVolume its volume goes with it */
  end(agent: string, withVolume: boolean): void {
    this.group.stop(agent);
    if (withVolume) this.group.lose(agent);
    this.group.settle();
  }

  answer(agent: string, method: string, url: string, body: string): Reply {
    try {
      const kind = callKinds.find((one) => internalPaths[one] === url);
      if (url === internalPaths.status) return ok(this.#statusOf(agent));
      if (method === 'PUT' && url === internalPaths.desiredState) return this.#take(agent, body);
      if (method === 'POST' && kind !== undefined) {
        const call = { kind, at: agent, ...(JSON.parse(body) as object) } as MemberCall;
        this.calls.push(call);
        this.group.ask(call);
        this.group.settle();
        return ok(this.group.statusOf(agent));
      }
      return { status: 404, body: '' };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { status: error.status, body: JSON.stringify(toWireError(error)) };
    }
  }

  #take(agent: string, body: string): Reply {
    const { group } = this;
    if (group.agents.get(agent)?.state !== 'member') throw new ApiError('not_a_member');
    if (group.leader === undefined) throw new ApiError('no_leader');
    this.given.push(agent);
    this.#state = JSON.parse(body) as DesiredState;
    return ok(this.#state);
  }

  #statusOf(id: string): AgentStatus {
    const consensus = this.group.statusOf(id);
    const state = consensus.state === 'member' ? this.#state : undefined;
    return {
      id,
      cluster: this.name,
      version,
      bootId: id,
      startedAt: '2026-01-01T00:00:00.000Z',
      phase: 'ready',
      apiUrl: `http://${id}`,
      catalogRevision: state?.revision ?? 0,
      consensus,
      load: {
        inFlight: 0,
        queued: 0,
        openStreams: 0,
        requestsPerSecond: 0,
        tokensPerSecond: 0,
        requestsTotal: 0,
        errorsTotal: 0,
        tokensTotal: 0,
      },
      resources: { cpuCores: 2, memoryTotalBytes: 4e9, memoryAvailableBytes: 3e9, residentBytes: 2e8 },
      models: (state?.models ?? []).map(({ name }) => ({
        name,
        state: 'ready',
        digest: '0'.repeat(64),
        sizeBytes: 1e9,
        completedBytes: 1e9,
      })),
    };
  }
}
