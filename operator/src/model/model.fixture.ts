import { apiVersion, type OllamaModel, type OllamaModelStatus } from '@ollamamax/api';
import { deepFreeze, stored } from '../cluster/cluster.fixture.ts';

export interface ModelFields {
  readonly created?: string;
  readonly generation?: number;
  readonly deletionTimestamp?: string;
  readonly status?: OllamaModelStatus;
}

/** A model of the cluster `demo` from a file, unless said otherwise; nobody may change it. */
export const modelOf = (name: string, spec: object = {}, fields: ModelFields = {}): OllamaModel => {
  const { created = '2026-01-01T00:00:00Z', generation = 1, status, ...more } = fields;
  return deepFreeze({
    ...(stored('model', {
      apiVersion,
      kind: 'OllamaModel',
      metadata: {
        name,
        namespace: 'team',
        uid: `uid-${name}`,
        resourceVersion: '1',
        generation,
        creationTimestamp: created,
        ...more,
      },
      spec: { clusterRef: { name: 'demo' }, source: { file: { path: `/models/${name}.gguf` } }, ...spec },
    }) as OllamaModel),
    ...(status === undefined ? {} : { status }),
  });
};
