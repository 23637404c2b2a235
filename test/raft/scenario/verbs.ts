import type { ConfigChange } from '../../../agent/src/raft/core/config-change/change.ts';
import type { NodeId, Snapshot } from '../../../agent/src/raft/core/types.ts';
import type { Core } from './core.ts';
import { mergeSettings, type NodeSettings, type Verb } from './format.ts';
import type { ScenarioNode } from './node.ts';
import type { World } from './world.ts';

export type StepResult = 'accepted' | 'refused';

type Fields<Name extends Verb['do']> = Extract<Verb, { do: Name }>;

type Handlers = {
  readonly [Name in Verb['do']]: (
    world: World,
    step: Fields<Name>,
    defaults: Partial<NodeSettings>,
  ) => StepResult;
};

/** Something that nobody can refuse. */
const done =
  <Step>(act: (world: World, step: Step, defaults: Partial<NodeSettings>) => void) =>
  (world: World, step: Step, defaults: Partial<NodeSettings>): StepResult => {
    act(world, step, defaults);
    return 'accepted';
  };

/** Something to ask of one node. One that is down does nothing, and counts as having refused. */
const ask =
  <Step extends { readonly node: NodeId }>(
    act: (node: ScenarioNode, step: Step, world: World) => StepResult,
  ) =>
  (world: World, step: Step): StepResult => {
    const node = world.node(step.node);
    return node.up ? act(node, step, world) : 'refused';
  };

/** Something for one node to do. */
const at = <Step extends { readonly node: NodeId }>(
  act: (node: ScenarioNode, step: Step, world: World) => void,
) =>
  ask((node: ScenarioNode, step: Step, world) => {
    act(node, step, world);
    return 'accepted';
  });

const call = <Step extends { readonly node: NodeId }>(act: (core: Core, step: Step) => void) =>
  at((node: ScenarioNode, step: Step) => node.act((core) => act(core, step)));

const result = ({ accepted }: { readonly accepted: boolean }): StepResult =>
  accepted ? 'accepted' : 'refused';

const listed = (world: World, ids: readonly NodeId[] | undefined): readonly ScenarioNode[] =>
  ids === undefined ? world.nodes : ids.map((id) => world.node(id));

const snapshotOf = ({ voters = [], learners = [], snapshot }: Fields<'addNodes'>): Snapshot | undefined => {
  if (snapshot === undefined) return undefined;
  const ascending = (ids: readonly NodeId[]): NodeId[] => [...ids].sort((a, b) => a - b);
  return {
    index: snapshot.index,
    term: snapshot.term,
    config: {
      voters: ascending(voters),
      outgoing: [],
      learners: ascending(learners),
      learnersNext: [],
      autoLeave: false,
    },
    data: new TextEncoder().encode(snapshot.data),
  };
};

/** Without changes it leaves a joint configuration, whatever the transition says. */
const changeOf = ({ ops, transition }: Fields<'changeConfig'>): ConfigChange => ({
  transition: ops.length === 0 ? 'auto' : transition,
  changes: ops,
  context: new Uint8Array(),
});

const handlers: Handlers = {
  addNodes: done((world, step, defaults) => {
    const settings = mergeSettings(defaults, step.config as Partial<NodeSettings> | undefined);
    for (let added = 0; added < step.count; added += 1) world.addNode(settings, snapshotOf(step));
  }),
  campaign: call((core) => core.campaign()),
  tick: at((node, { count }) => {
    for (let ticks = 0; ticks < count; ticks += 1) node.act((core) => core.tick());
  }),
  setElectionTimeout: call((core, { ticks }) => core.setElectionTimeout(ticks)),
  propose: ask((node, { data }) =>
    result(node.act((core) => core.propose([new TextEncoder().encode(data)]))),
  ),
  changeConfig: ask((node, step) => result(node.act((core) => core.proposeConfigChange(changeOf(step))))),
  transferLeader: (world, { from, to }) =>
    at((node) => node.act((core) => core.transferLeader(to)))(world, { node: from }),
  forgetLeader: call((core) => core.forgetLeader()),
  readIndex: call((core, { token }) => core.readIndex(token)),
  reportUnreachable: call((core, { peer }) => core.reportUnreachable(peer)),
  reportSnapshot: call((core, { peer, ok }) => core.reportSnapshot(peer, ok)),
  sendSnapshot: at((node, { to }, world) => world.send(node, node.snapshotFor(to))),
  compact: at((node, { index }) => node.log.compact(index)),
  drain: done((world, { node, nodes }) => {
    for (const each of listed(world, nodes ?? [node ?? 0])) if (each.up) each.drain();
  }),
  step1: at((node) => node.round()),
  deliver: done((world, { to, drop, type }) => {
    world.bag.take(drop, type);
    world.deliver(to, type);
  }),
  duplicate: done((world, { to }) => world.bag.duplicate(to)),
  reorder: done((world, { to, seed }) => world.bag.reorder(to, seed ?? 1)),
  partition: done((world, { groups }) => world.partition(groups)),
  heal: done((world) => world.partition(undefined)),
  crash: at((node, _step, world) => world.crash(node)),
  restart: (world, { node }) => (world.restart(world.node(node)) ? 'accepted' : 'refused'),
  stabilize: done((world, { nodes }) => world.stabilize(listed(world, nodes))),
  settle: done((world, { nodes }) => world.settle(listed(world, nodes))),
  completeAppend: at((node) => node.completeAppend()),
  completeApply: at((node) => node.completeApply()),
};

/** Does what a step says. @throws Error when it cannot be done, or the core stops */
export const perform = (world: World, step: Verb, defaults: Partial<NodeSettings>): StepResult => {
  const handler = handlers[step.do] as (
    world: World,
    step: Verb,
    defaults: Partial<NodeSettings>,
  ) => StepResult;
  return handler(world, step, defaults);
};
