import type { CatalogOperation, DesiredState } from '@ollamamax/api';
import { canonicalModelName } from '@ollamamax/api/model-name';
import { done, own, refused, without, type Applied } from './applied.ts';
import { catalogLimits, ownModelsLevel, type CatalogState } from './catalog-state.ts';

/** Whether the desired state names this model. @param name canonical */
export const isDeclared = ({ models }: DesiredState, name: string): boolean =>
  models.some((spec) => canonicalModelName(spec.name) === name);

export const declaredMessage = (name: string): string =>
  `The model ${name} is declared by the operator or "ollamamax up" and cannot be changed here.`;

export const putOwnModel = (
  state: CatalogState,
  { name, model, evenIfDeclared }: Extract<CatalogOperation, { op: 'putOwnModel' }>,
): Applied => {
  // Members of an older version keep no such models: they must be known to be gone before there is one.
  if (state.featureLevel < ownModelsLevel)
    return refused(state, 'agents_outdated', `The cluster has feature level ${state.featureLevel} still.`);
  if (evenIfDeclared !== true && isDeclared(state.desired, name))
    return refused(state, 'model_declared', declaredMessage(name));
  const isNew = own(state.ownModels, name) === undefined;
  if (isNew && Object.keys(state.ownModels).length >= catalogLimits.ownModels)
    return refused(
      state,
      'invalid_request',
      `The cluster has ${catalogLimits.ownModels} models beside the declared ones, which is the most; delete one first.`,
    );
  return done({ ...state, ownModels: { ...state.ownModels, [name]: model } }, 'ownModels');
};

export const removeOwnModel = (
  state: CatalogState,
  { name }: Extract<CatalogOperation, { op: 'removeOwnModel' }>,
): Applied => {
  if (own(state.ownModels, name) === undefined) return done(state);
  return done({ ...state, ownModels: without(state.ownModels, name) }, 'ownModels');
};
