import { apiVersion } from '@ollamamax/api';

/** Something that a user applies. */
export interface Document {
  readonly apiVersion: string;
  readonly kind: 'OllamaCluster' | 'OllamaModel';
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

/** An OllamaCluster. */
export const cluster = (name: string, spec: unknown, metadata: Fields = {}): Document => ({
  apiVersion,
  kind: 'OllamaCluster',
  metadata: { name, ...metadata },
  spec,
});

/** An OllamaModel of a cluster `demo`, from a file, unless `spec` says otherwise. */
export const model = (name: string, spec: Fields = {}, metadata: Fields = {}): Document => ({
  apiVersion,
  kind: 'OllamaModel',
  metadata: { name, ...metadata },
  spec: { clusterRef: { name: 'demo' }, source: { file: { path: '/models/tiny.gguf' } }, ...spec },
});
