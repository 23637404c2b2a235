import type { Message } from '../../../agent/src/raft/core/message.ts';
import type { NodeId, Snapshot } from '../../../agent/src/raft/core/types.ts';
import { Bag } from './bag.ts';
import type { MakeCore } from './core.ts';
import type { NodeSettings } from './format.ts';
import { Invariants } from './invariants.ts';
import { ScenarioNode } from './node.ts';
import { seededRandom } from './random.ts';

/** More exchanges than this without coming to rest are a broken core. */
const exchangeLimit = 10_000;

/** All nodes, the bag between them, and who can reach whom. */
export class World {
  readonly bag = new Bag();
  readonly invariants = new Invariants();
  readonly #nodes = new Map<NodeId, ScenarioNode>();
  readonly #makeCore: MakeCore;
  #groups: readonly (readonly NodeId[])[] | undefined;

  constructor(makeCore: MakeCore) {
    this.#makeCore = makeCore;
  }

  get nodes(): readonly ScenarioNode[] {
    return [...this.#nodes.values()];
  }

  get upNodes(): readonly ScenarioNode[] {
    return this.nodes.filter(({ up }) => up);
  }

  /** @throws Error when there is none */
  node(id: NodeId): ScenarioNode {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }

  addNode(settings: NodeSettings, snapshot: Snapshot | undefined): void {
    const id = this.#nodes.size + 1;
    const node: ScenarioNode = new ScenarioNode({
      id,
      settings,
      snapshot,
      makeCore: this.#makeCore,
      // The same numbers in every run; expectations hold for any.
      random: seededRandom(id),
      send: (message) => this.send(node, message),
      changed: (changed) => this.invariants.checkNode(changed, this.nodes),
    });
    this.#nodes.set(id, node);
  }

  /** Loses what is not durable. */
  crash(node: ScenarioNode): void {
    node.crash();
    this.invariants.crashed(node);
  }

  /** @returns false when it has not been down */
  restart(node: ScenarioNode): boolean {
    if (node.up) return false;
    node.restart();
    return true;
  }

  /** Puts a message into the bag. */
  send(sender: ScenarioNode, message: Message): void {
    this.invariants.checkSent(message, sender);
    this.bag.add(sender.id, message);
  }

  /** Messages between different groups are lost; a node in no group is alone. Undefined: all reach all. */
  partition(groups: readonly (readonly NodeId[])[] | undefined): void {
    this.#groups = groups;
  }

  /** Hands over what is in the bag for these nodes. @returns whether there was anything */
  deliver(to: readonly NodeId[], type?: string): boolean {
    // For nodes that are still to come it stays in the bag.
    const taken = this.bag.take(
      to.filter((id) => this.#nodes.has(id)),
      type,
    );
    for (const { sender, message } of taken) {
      const receiver = this.node(message.to);
      if (receiver.up && this.#reaches(sender, message.to)) receiver.act((core) => core.step(message));
    }
    return taken.length > 0;
  }

  /** Drains and delivers until nothing changes. */
  stabilize(nodes: readonly ScenarioNode[]): void {
    const ids = nodes.map(({ id }) => id);
    for (let exchanges = 0; ; exchanges += 1) {
      if (exchanges > exchangeLimit) throw new Error(`no rest after ${exchangeLimit} exchanges`);
      const drained = nodes.filter((node) => node.up && node.drain()).length > 0;
      const delivered = this.deliver(ids);
      if (!drained && !delivered) return;
    }
  }

  /** Stabilizes, lets the leaders send two rounds of heartbeats, and stabilizes. */
  settle(nodes: readonly ScenarioNode[]): void {
    this.stabilize(nodes);
    for (const node of nodes) {
      if (!node.up || node.core.status().role !== 'leader') continue;
      for (let ticks = 0; ticks < 2 * node.settings.heartbeatTicks; ticks += 1)
        node.act((core) => core.tick());
    }
    this.stabilize(nodes);
  }

  #reaches(from: NodeId, to: NodeId): boolean {
    if (this.#groups === undefined || from === to) return true;
    return this.#groups.some((group) => group.includes(from) && group.includes(to));
  }
}
