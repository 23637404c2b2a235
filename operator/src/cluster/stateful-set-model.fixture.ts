import { podOf } from './cluster.fixture.ts';
import { templateHashAnnotation } from './desired/stateful-set.ts';
import { isReady, ordinalOf, type Pod, type StatefulSet } from './objects.ts';
import type { Guard } from './roll-guard.ts';
import { decideRollout, type Rollout } from './rollout.ts';

interface Agent {
  revision: string;
  ready: boolean;
}

interface World {
  readonly replicas: number;
  readonly revision: string;
  /** Whether an agent of that revision becomes ready. */
  readonly works?: (revision: string, ordinal: number) => boolean;
  /** Who has a ready copy of which model at first, by ordinal. */
  readonly holders?: Readonly<Record<string, readonly number[]>>;
}

/**
 * The StatefulSet controller in small, after pkg/controller/statefulset: with pods managed in parallel, RollingUpdate
 * and a partition. The operator acts between any two of its steps.
 */
export class StatefulSetModel {
  replicas: number;
  revision: string;
  works: (revision: string, ordinal: number) => boolean;
  readonly agents = new Map<number, Agent>();
  readonly holders: Map<string, Set<number>>;
  /** Whether an agent can be spared, by its name. */
  guard: (agent: string) => Guard = () => ({ kind: 'go' });
  /** Names of agents that the operator has not heard. */
  unheard: readonly string[] = [];
  partition = 0;
  /** Revision of pods below the partition that are made anew. */
  current: string;
  generation = 1;
  observed = 1;
  decision: Rollout = { kind: 'settled', partition: 0 };
  #applied: string;

  constructor({ replicas, revision, works = () => true, holders = {} }: World) {
    this.replicas = replicas;
    this.revision = revision;
    this.works = works;
    this.current = revision;
    this.#applied = revision;
    this.holders = new Map(Object.entries(holders).map(([model, list]) => [model, new Set(list)]));
    for (let ordinal = 0; ordinal < replicas; ordinal += 1)
      this.agents.set(ordinal, { revision, ready: works(revision, ordinal) });
  }

  get statefulSet(): StatefulSet {
    return {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: {
        name: 'demo',
        uid: 'uid-set',
        generation: this.generation,
        annotations: { [templateHashAnnotation]: this.#applied },
      },
      spec: { replicas: this.replicas, updateStrategy: { rollingUpdate: { partition: this.partition } } },
      status: { observedGeneration: this.observed, updateRevision: this.#applied },
    };
  }

  get pods(): readonly Pod[] {
    return [...this.agents].map(([ordinal, { ready, revision }]) => podOf(ordinal, { ready, revision }));
  }

  /** Ordinals of agents that serve. */
  get serving(): readonly number[] {
    return this.pods.filter(isReady).map((pod) => ordinalOf(pod)!);
  }

  revisions(): readonly string[] {
    return Array.from(
      { length: this.replicas },
      (_unused, ordinal) => this.agents.get(ordinal)?.revision ?? '',
    );
  }

  /** Models that somebody serves now. */
  served(): readonly string[] {
    return [...this.holders]
      .filter(([, list]) => [...list].some((ordinal) => this.agents.get(ordinal)?.ready === true))
      .map(([model]) => model);
  }

  /** One that does not get ready by waiting. */
  isBroken(name: string): boolean {
    const ordinal = Number(name.slice('demo-'.length));
    const agent = this.agents.get(ordinal);
    return agent !== undefined && !agent.ready && !this.works(agent.revision, ordinal);
  }

  /** A pass of the operator. */
  operate(): Rollout {
    const decision = decideRollout({
      statefulSet: this.statefulSet,
      templateHash: this.revision,
      replicas: this.replicas,
      pods: this.pods,
      broken: new Set(
        [...this.agents.keys()].map((ordinal) => `demo-${ordinal}`).filter((name) => this.isBroken(name)),
      ),
      unheard: this.unheard,
      guard: this.guard,
      wouldLose: (agent) =>
        [...this.holders]
          .filter(([, list]) => {
            const ready = [...list].filter((ordinal) => this.agents.get(ordinal)?.ready === true);
            return ready.length === 1 && agent === `demo-${ready[0]}`;
          })
          .map(([model]) => model),
    });
    this.decision = decision;
    if (decision.partition !== this.partition || this.revision !== this.#applied) {
      this.generation += 1;
      this.partition = decision.partition;
      this.#applied = this.revision;
    }
    return decision;
  }

  scale(replicas: number): void {
    this.replicas = replicas;
    this.generation += 1;
  }

  /** One step of the controller. @returns whether it did anything */
  control(): boolean {
    if (this.observed !== this.generation) {
      this.observed = this.generation;
      return true;
    }
    for (const ordinal of this.agents.keys())
      if (ordinal >= this.replicas) {
        this.agents.delete(ordinal);
        for (const list of this.holders.values()) list.delete(ordinal);
        return true;
      }
    for (let ordinal = 0; ordinal < this.replicas; ordinal += 1)
      if (!this.agents.has(ordinal)) {
        const revision = ordinal < this.partition ? this.current : this.#applied;
        this.agents.set(ordinal, { revision, ready: false });
        return true;
      }
    const all = [...this.agents];
    if (all.every(([, { revision, ready }]) => ready && revision === this.#applied))
      this.current = this.#applied;
    for (let ordinal = this.replicas - 1; ordinal >= this.partition; ordinal -= 1) {
      const agent = this.agents.get(ordinal)!;
      if (agent.revision !== this.#applied) {
        this.agents.delete(ordinal);
        return true;
      }
      if (!agent.ready) return false;
    }
    return false;
  }

  /** An agent that works becomes ready. @returns whether one did */
  start(): boolean {
    for (const [ordinal, agent] of this.agents)
      if (!agent.ready && this.works(agent.revision, ordinal)) {
        agent.ready = true;
        return true;
      }
    return false;
  }

  /**
   * Operator, controller and kubelet by turns, until nothing happens any more.
   * @param check called after every single step
   */
  run(check: () => void = () => undefined): void {
    for (let round = 0; round < 500; round += 1) {
      const before = JSON.stringify([this.generation, this.decision]);
      this.operate();
      check();
      let moved = JSON.stringify([this.generation, this.decision]) !== before;
      // The controller may get far before the operator looks again, or not.
      for (let step = 0; step < (round % 3) + 1; step += 1) {
        moved = this.control() || moved;
        check();
      }
      if (round % 2 === 0) {
        moved = this.start() || moved;
        check();
      } else moved = moved || [...this.agents].some(([o, a]) => !a.ready && this.works(a.revision, o));
      if (!moved) return;
    }
    throw new Error('it never ends');
  }
}
