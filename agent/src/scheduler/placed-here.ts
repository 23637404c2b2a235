import { canonicalModelName, type DesiredState, type ModelSpec } from '@ollamamax/api';
import { placeModels } from '../catalog/placement.ts';
import type { Peer } from '../p2p/peers.ts';

/** The models that this agent is to have, out of those that are served. */
export const placedHere = (
  selfId: string,
  state: DesiredState,
  peers: readonly Pick<Peer, 'id' | 'status'>[],
): readonly ModelSpec[] => {
  // One that has left the group goes soon: others take its copies before it does.
  const others = peers.filter(({ status }) => status?.consensus?.state !== 'left');
  const placement = placeModels(state, [selfId, ...others.map(({ id }) => id)]);
  return state.models.filter(
    (model) => placement.get(canonicalModelName(model.name))?.includes(selfId) === true,
  );
};
