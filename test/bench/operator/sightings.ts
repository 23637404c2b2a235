import { performance } from 'node:perf_hooks';
import { labels } from '@ollamamax/api';
import { createLogger } from '@ollamamax/common';
import type { KubeObject } from '../../../operator/src/kube/index.ts';
import { resources } from '../../../operator/src/resources.ts';
import { createInformer } from '../../../operator/src/runtime/index.ts';
import type { Informer } from '../../../operator/src/runtime/index.ts';
import { BenchRefused } from '../harness/bench.ts';
import type { Plane } from './plane.ts';

/** What is waited for: by kind and name, how it is to be. */
export type Wanted = ReadonlyMap<string, (object: KubeObject) => boolean>;

interface Wait {
  readonly missing: Map<string, (object: KubeObject) => boolean>;
  readonly seen: (at: number) => void;
}

const kinds = [
  resources.statefulSet,
  resources.service,
  resources.configMap,
  resources.secret,
  resources.serviceAccount,
  resources.networkPolicy,
  resources.disruptionBudget,
];
/** A child that takes so long does not come any more. */
const patienceMs = 60_000;

/** Watches the children of all clusters and tells when they are there. */
export class Sightings {
  readonly #informers: readonly Informer[];
  readonly #waits = new Set<Wait>();

  constructor({ client, namespace }: Plane) {
    const log = createLogger({ level: 'warn', format: 'text', stream: process.stderr });
    this.#informers = kinds.map((resource) =>
      createInformer({ client, resource, log, namespaces: [namespace], labelSelector: labels.cluster }),
    );
    for (const informer of this.#informers)
      informer.onEvent(({ type, object }) => {
        if (type !== 'delete') this.#look(object);
      });
  }

  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.start(signal)));
  }

  /** As it was seen last. */
  find(kind: string, key: string): KubeObject | undefined {
    return this.#informers.find(({ resource }) => resource.kind === kind)?.store.get(key);
  }

  /** All of a kind as they were seen last. */
  list(kind: string): readonly KubeObject[] {
    return this.#informers.find(({ resource }) => resource.kind === kind)?.store.list() ?? [];
  }

  /**
   * When the last of these was seen from now on, as `performance.now()` tells it.
   * @throws BenchRefused when one of them does not come
   */
  all(wanted: Wanted): Promise<number> {
    const missing = new Map(wanted);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waits.delete(wait);
        reject(new BenchRefused(`not there after ${patienceMs / 1000} s: ${[...missing.keys()].join(', ')}`));
      }, patienceMs);
      const wait: Wait = {
        missing,
        seen: (at) => {
          clearTimeout(timer);
          this.#waits.delete(wait);
          resolve(at);
        },
      };
      this.#waits.add(wait);
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.stop()));
  }

  #look(object: KubeObject): void {
    const name = `${object.kind} ${object.metadata.name ?? ''}`;
    for (const { missing, seen } of this.#waits) {
      if (missing.get(name)?.(object) !== true) continue;
      missing.delete(name);
      if (missing.size === 0) seen(performance.now());
    }
  }
}
