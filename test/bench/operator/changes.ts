import { setTimeout as sleep } from 'node:timers/promises';
import { performance } from 'node:perf_hooks';
import { annotations, apiVersion } from '@ollamamax/api';
import type { KubeObject } from '../../../operator/src/kube/index.ts';
import { resources } from '../../../operator/src/resources.ts';
import { childrenOfPlain } from '../../operator/harness/children.ts';
import { playedByBench } from './fake-agents.ts';
import type { Plane } from './plane.ts';
import type { Sightings } from './sightings.ts';

/** Something that is asked of the operator. Gives the seconds it took, undefined where they are not measured. */
export type Change = () => Promise<number | undefined>;

const fieldManager = 'bench';
/** An OllamaModel each. */
export const modelsPerCluster = 5;
const levels = ['debug', 'warn', 'error', 'info'] as const;

const nameOf = (cluster: number): string => `cluster-${cluster}`;

/** Without volumes: there is nobody who would make them. */
const clusterObject = ({ namespace }: Plane, name: string, level: string): KubeObject =>
  ({
    apiVersion,
    kind: 'OllamaCluster',
    metadata: { name, namespace },
    spec: {
      replicas: 3,
      storage: { ephemeral: true, size: '1Gi' },
      logging: { level },
      pod: { annotations: playedByBench },
    },
  }) as KubeObject;

const modelObject = ({ namespace }: Plane, cluster: string, index: number): KubeObject =>
  ({
    apiVersion,
    kind: 'OllamaModel',
    metadata: { name: `${cluster}-model-${index}`, namespace },
    spec: { clusterRef: { name: cluster }, source: { file: { path: `/models/${index}.gguf` } } },
  }) as KubeObject;

/** Seconds from the answer until all is seen: a child may be there before the answer has come. */
const timed = async (apply: () => Promise<unknown>, seen: Promise<number>): Promise<number> => {
  // Told by the last line; a failure of the first one must not leave it unheard.
  seen.catch(() => undefined);
  await apply();
  const answered = performance.now();
  return Math.max(0, (await seen) - answered) / 1000;
};

/** New clusters, each followed by its models. */
export const growth = (plane: Plane, sightings: Sightings, from: number, to: number): readonly Change[] =>
  Array.from({ length: to - from }, (_unused, index): readonly Change[] => {
    const name = nameOf(from + index);
    const children = new Map(childrenOfPlain(name).map((child) => [child, () => true]));
    return [
      () =>
        timed(
          () =>
            plane.client.serverSideApply(resources.cluster, clusterObject(plane, name, 'info'), {
              fieldManager,
            }),
          sightings.all(children),
        ),
      ...Array.from({ length: modelsPerCluster }, (_model, model): Change => async () => {
        await plane.client.serverSideApply(resources.model, modelObject(plane, name, model), {
          fieldManager,
        });
        return undefined;
      }),
    ];
  }).flat();

const configHashOf = (statefulSet: KubeObject | undefined): string | undefined =>
  (
    statefulSet as
      | {
          readonly spec?: { readonly template: { readonly metadata: KubeObject['metadata'] } };
        }
      | undefined
  )?.spec?.template.metadata.annotations?.[annotations.configHash];

const says =
  (level: string) =>
  (config: KubeObject): boolean =>
    JSON.stringify((config as { readonly data?: unknown }).data).includes(`level: ${level}`);

/** Another log level, to one cluster after the other. */
export const levelChanges = (
  plane: Plane,
  sightings: Sightings,
  clusters: number,
  count: number,
): readonly Change[] =>
  Array.from({ length: count }, (_unused, index): Change => () => {
    const name = nameOf(index % clusters);
    const level = levels[Math.floor(index / clusters) % levels.length] ?? 'info';
    const before = configHashOf(sightings.find('StatefulSet', `${plane.namespace}/${name}`));
    return timed(
      () =>
        plane.client.serverSideApply(resources.cluster, clusterObject(plane, name, level), { fieldManager }),
      sightings.all(
        new Map<string, (object: KubeObject) => boolean>([
          [`ConfigMap ${name}-config`, says(level)],
          [`StatefulSet ${name}`, (object) => configHashOf(object) !== before],
        ]),
      ),
    );
  });

/**
 * Asks for the changes at a fixed rate, whether or not earlier ones have been brought about, and waits for all.
 * Gives the seconds that the measured ones took, in order.
 */
export const atRate = async (
  changes: readonly Change[],
  perSecond: number,
  signal: AbortSignal,
): Promise<readonly number[]> => {
  const start = performance.now();
  const asked: Promise<number | undefined>[] = [];
  for (const [index, change] of changes.entries()) {
    const wait = start + (index * 1000) / perSecond - performance.now();
    if (wait > 0) await sleep(wait, undefined, { signal });
    signal.throwIfAborted();
    const asking = change();
    // Awaited below, with all others.
    asking.catch(() => undefined);
    asked.push(asking);
  }
  return (await Promise.all(asked)).filter((seconds) => seconds !== undefined);
};
