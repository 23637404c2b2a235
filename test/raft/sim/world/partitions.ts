import type { NodeId } from '../../../../agent/src/raft/core/types.ts';
import type { Chance } from './chance.ts';
import type { Partition } from './network.ts';

export type PartitionShape = 'split' | 'isolate' | 'oneWay' | 'chain' | 'bridge';

export const partitionShapes: readonly PartitionShape[] = ['split', 'isolate', 'oneWay', 'chain', 'bridge'];

/** A partition of that shape, its parts drawn by chance. */
export const partitionOf = (shape: PartitionShape, ids: readonly NodeId[], chance: Chance): Partition => {
  const order = chance.shuffled(ids);
  const place = new Map(order.map((id, at) => [id, at]));
  const placeOf = (id: NodeId): number => place.get(id) ?? 0;
  const cut = 1 + chance.below(Math.max(1, order.length - 1));
  switch (shape) {
    case 'split':
      return (from, to) => placeOf(from) < cut !== placeOf(to) < cut;
    case 'isolate':
      return (from, to) => from === order[0] || to === order[0];
    case 'oneWay':
      // The first part is heard and hears nothing, or the other way round.
      return chance.happens(0.5)
        ? (from, to) => placeOf(from) < cut && placeOf(to) >= cut
        : (from, to) => placeOf(from) >= cut && placeOf(to) < cut;
    case 'chain':
      return (from, to) => Math.abs(placeOf(from) - placeOf(to)) > 1;
    case 'bridge':
      // Two parts that only one member can reach.
      return (from, to) =>
        placeOf(from) !== 0 && placeOf(to) !== 0 && placeOf(from) <= cut !== placeOf(to) <= cut;
  }
};
