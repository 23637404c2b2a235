import type { CatalogOperation, ModelSpec } from '@ollamamax/api';
import { CatalogMachine } from '../catalog-machine.ts';
import { encodeCommand } from './encode-command.ts';

/** A model that any version reads. */
export const plain: ModelSpec = { name: 'plain', source: { file: '/m.gguf' } };

export const desired = (revision: number, ...models: ModelSpec[]) => ({ revision, models, settings: {} });

/** A catalogue of the lowest feature level, its commands one after the other. */
export const newCatalog = () => {
  const machine = new CatalogMachine();
  let index = 0;
  const run = (operation: CatalogOperation): unknown =>
    machine.apply((index += 1), encodeCommand({ format: 1, operation }));
  return {
    machine,
    run,
    declare: (revision: number, ...models: ModelSpec[]): unknown =>
      run({ op: 'setDesired', origin: 'pushed', state: desired(revision, ...models) }),
  };
};
