import { until } from '../../cluster/kubernetes/until.ts';
import type { KubeObject } from './objects.ts';
import type { Plane } from './plane.ts';

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

interface Status {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
}

const statusOf = (object: KubeObject): Status => object.status ?? {};

export const conditionOf = (object: KubeObject, type: string): Condition | undefined =>
  statusOf(object).conditions?.find((condition) => condition.type === type);

type OwnKind = 'OllamaCluster' | 'OllamaModel';

/** Waits until the operator has brought about what is asked for now, and gives the object as it is then. */
export const untilObserved = (
  { objects }: Plane,
  namespace: string,
  name: string,
  kind: OwnKind = 'OllamaCluster',
): Promise<KubeObject> =>
  until(`${kind} ${name} is brought about`, async () => {
    const object = await objects.get(kind, namespace, name);
    return statusOf(object).observedGeneration === object.metadata.generation && object;
  });

/** Waits for a condition and gives it. An error tells what it was instead. */
export const untilCondition = async (
  { objects }: Plane,
  object: { readonly kind: OwnKind; readonly namespace: string; readonly name: string },
  type: string,
  wanted: { readonly status: string; readonly reason: string },
  timeoutMs = 40_000,
): Promise<Condition> => {
  let last: Condition | undefined;
  try {
    return await until(
      `${object.kind} ${object.name} is ${type}=${wanted.status} ${wanted.reason}`,
      async () => {
        last = conditionOf(await objects.get(object.kind, object.namespace, object.name), type);
        return last?.status === wanted.status && last.reason === wanted.reason && last;
      },
      { timeoutMs },
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}; it was ${JSON.stringify(last)}`, { cause: error });
  }
};

/** Reasons and notes of the events about an object. */
export const eventsAbout = async (
  { objects }: Plane,
  namespace: string,
  name: string,
): Promise<readonly string[]> =>
  (await objects.list('Event', namespace))
    .filter((event) => (event.involvedObject as { name?: string } | undefined)?.name === name)
    .map((event) => `${String(event.reason)}: ${String(event.message)}`);
