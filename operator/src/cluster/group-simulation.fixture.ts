import type { OllamaClusterStatus } from '@ollamamax/api';
import type { MemberCall } from '../agents/agent-client.ts';
import type { AgentReport } from '../agents/report.ts';
import { reportOf } from './agents.fixture.ts';
import { GroupModel } from './group-model.fixture.ts';
import { decideGroup } from './group-step.ts';
import { groupView, recordOf } from './group-view.ts';
import { isReady, revisionLabel } from './objects.ts';
import { absentAgents, letGo } from './pass.ts';
import { guardRoll } from './roll-guard.ts';
import { decideScale } from './scale-down.ts';
import { StatefulSetModel } from './stateful-set-model.fixture.ts';

const nameOf = (ordinal: number): string => `demo-${ordinal}`;

export interface WorldOptions {
  readonly replicas: number;
  readonly ephemeral?: boolean;
  readonly works?: (revision: string, ordinal: number) => boolean;
}

/**
 * Operator, StatefulSet controller, kubelets and agents, each of which does one thing at a time, in whatever order. The
 * operator knows only what it was told some time ago. A step takes a second.
 */
export class GroupWorld {
  readonly set: StatefulSetModel;
  readonly group = new GroupModel();
  readonly #ephemeral: boolean;
  wanted: number;
  recorded: OllamaClusterStatus['consensus'];
  ids = 0;
  /** Ids that were written down after the first one. */
  lost = 0;
  blocked: string | undefined;
  /** What an agent is being asked for, and which of its pods. */
  call: MemberCall | undefined;
  #asked: object | undefined;
  now = 0;
  /** When something happened last that nobody could foresee. */
  faultAt = -Infinity;
  #ledAt = 0;
  #calledAt = -Infinity;
  readonly #told = new Map<string, { readonly report: AgentReport; readonly at: number }>();
  readonly #readyAt = new Map<string, number>();
  #pods = new Map<number, { readonly pod: object; readonly ready: boolean }>();

  constructor({ replicas, ephemeral = false, works = () => true }: WorldOptions) {
    this.set = new StatefulSetModel({ replicas, revision: 'v1', works });
    this.wanted = replicas;
    this.#ephemeral = ephemeral;
    this.#follow();
  }

  /** What happens to pods happens to agents. */
  #follow(): void {
    const before = this.#pods;
    this.#pods = new Map([...this.set.agents].map(([ordinal, pod]) => [ordinal, { pod, ready: pod.ready }]));
    for (const [ordinal, { pod }] of before)
      if (this.#pods.get(ordinal)?.pod !== pod) {
        const name = nameOf(ordinal);
        this.group.stop(name);
        this.#told.delete(name);
        if (this.#ephemeral) this.group.lose(name);
      }
    for (const [ordinal, { pod, ready }] of this.#pods) {
      const name = nameOf(ordinal);
      const was = before.get(ordinal);
      if (ready && !(was?.pod === pod && was.ready)) {
        this.group.start(name);
        this.#readyAt.set(name, this.now);
      }
      if (!ready && was?.pod === pod && was.ready) this.group.stop(name);
    }
  }

  /** The operator asks an agent how it is. */
  hear(ordinal: number): void {
    const name = nameOf(ordinal);
    if (!this.set.agents.has(ordinal)) {
      this.#told.delete(name);
      return;
    }
    const before = this.#told.get(name);
    if (this.group.agents.get(name)?.up === true)
      this.#told.set(name, {
        report: reportOf(name, { status: { consensus: this.group.statusOf(name) } }),
        at: this.now,
      });
    else if (before !== undefined)
      this.#told.set(name, { ...before, report: { ...before.report, fresh: false } });
  }

  hearAll(): void {
    for (const ordinal of this.set.agents.keys()) this.hear(ordinal);
  }

  #reports(): ReadonlyMap<string, AgentReport> {
    return new Map(
      [...this.#told].map(([name, { report, at }]) => [
        name,
        { ...report, silentMs: (this.now - at) * 1000 },
      ]),
    );
  }

  /** A pass of the operator, as `bring-about.ts` and `group-keeper.ts` make it. */
  operate(): void {
    const { set } = this;
    const reports = this.#reports();
    const group = groupView(this.recorded, reports, (this.now - this.#calledAt) * 1000);
    if (group.leader !== undefined) this.#ledAt = this.now;
    const { pods, statefulSet } = set;
    const absent = absentAgents({ pods, statefulSet, group });
    const scale = decideScale({
      current: set.replicas,
      wanted: this.wanted,
      servedElsewhere: () => true,
      agentOf: nameOf,
      group,
      reports,
      present: new Set([...set.agents.keys()].map(nameOf)),
      absent,
      letGo: letGo({ pods, statefulSet }),
      settled: set.observed === set.generation,
    });
    this.blocked = scale.blocked;
    if (scale.replicas !== set.replicas) set.scale(scale.replicas);
    const names = (isUpdated: boolean): string[] =>
      pods
        .filter(
          ({ metadata }) =>
            (metadata.labels?.[revisionLabel] === statefulSet.status?.updateRevision) === isUpdated,
        )
        .map(({ metadata }) => metadata.name ?? '');
    set.guard = (agent) =>
      guardRoll({
        group,
        agent,
        replicas: scale.replicas,
        isToGo: Number(agent.slice('demo-'.length)) >= this.wanted,
        updated: names(true),
        broken: new Set(names(false).filter((name) => set.isBroken(name))),
        absent,
        busy:
          scale.call !== undefined ||
          this.call !== undefined ||
          [...set.agents.keys()].some((ordinal) => ordinal >= scale.replicas),
        ephemeral: this.#ephemeral,
        readyMs: new Map(
          pods
            .filter(isReady)
            .map(({ metadata: { name = '' } }) => [name, (this.now - (this.#readyAt.get(name) ?? 0)) * 1000]),
        ),
        leaderlessMs: (this.now - this.#ledAt) * 1000,
      });
    set.unheard = set.serving.map(nameOf).filter((name) => !reports.has(name));
    const rollout = set.operate();
    const step = decideGroup({
      group,
      reports,
      wanted: Array.from({ length: this.wanted }, (_unused, ordinal) => nameOf(ordinal)),
      present: [...set.agents.keys()].map(nameOf),
    });
    if (step.kind === 'draw') {
      this.ids += 1;
      if (step.why === 'lost') this.lost += 1;
      this.recorded = recordOf(group, `group-${this.ids}`);
      return;
    }
    if (step.kind === 'adopt') this.recorded = recordOf(group, step.clusterId);
    else if (this.recorded !== undefined) this.recorded = recordOf(group, this.recorded.clusterId);
    const call =
      step.kind === 'bootstrap'
        ? step
        : (scale.call ?? (rollout.kind === 'blocked' ? rollout.call : undefined));
    if (this.call !== undefined || call === undefined) return;
    this.call = call;
    this.#asked = this.#podOf(call.at);
  }

  #podOf(name: string): object | undefined {
    return this.set.agents.get(Number(name.slice('demo-'.length)));
  }

  /** What was asked for reaches the agent. */
  deliver(): void {
    const { call } = this;
    this.call = undefined;
    if (call !== undefined) this.#calledAt = this.now;
    if (call === undefined || this.#podOf(call.at) !== this.#asked) return;
    try {
      this.group.ask(call);
    } catch {
      // It is asked again, or for something else.
    }
  }

  control(): void {
    this.set.control();
    this.#follow();
  }

  start(): void {
    this.set.start();
    this.#follow();
  }

  /** An agent ends and starts again, without its volume if so said. */
  crash(ordinal: number, withoutVolume: boolean): void {
    const pod = this.set.agents.get(ordinal);
    if (pod === undefined) return;
    this.faultAt = this.now;
    pod.ready = false;
    this.#follow();
    if (withoutVolume) this.group.lose(nameOf(ordinal));
  }

  /** Everybody in turn, until nothing happens any more. @param check after every step */
  calm(check: () => void = () => undefined): void {
    let still = 0;
    for (let round = 0; round < 3000 && still < 30; round += 1) {
      const before = JSON.stringify([
        this.set.generation,
        this.set.revisions(),
        this.group.members,
        this.recorded,
      ]);
      for (const act of [
        () => this.hearAll(),
        () => this.operate(),
        () => this.deliver(),
        () => this.control(),
        () => this.start(),
        () => void this.group.step(),
      ]) {
        act();
        check();
      }
      this.now += 1;
      const after = JSON.stringify([
        this.set.generation,
        this.set.revisions(),
        this.group.members,
        this.recorded,
      ]);
      still = before === after ? still + 1 : 0;
      // A person does what the condition says of one that has left and is not to go.
      const left = [...this.set.agents.keys()].find(
        (ordinal) => ordinal < this.wanted && this.group.agents.get(nameOf(ordinal))?.state === 'left',
      );
      if (still === 20 && left !== undefined) {
        this.crash(left, this.#ephemeral);
        still = 0;
      }
    }
  }
}
