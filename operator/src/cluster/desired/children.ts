import type { Resource } from '../../kube/index.ts';
import { resources } from '../../resources.ts';
import { child, namesOf, type Child, type DesiredInput } from './child.ts';
import { configMap } from './config-map.ts';
import { prometheusRule, serviceMonitor } from './monitoring.ts';
import { clientService, disruptionBudget, headlessService, ingress, networkPolicy } from './network.ts';

export interface WantedChild {
  readonly resource: Resource;
  readonly object: Child;
}

/** Agents ask nothing of the API server: the account has no rights, and its token is not mounted. */
const serviceAccount = ({ cluster }: DesiredInput): Child =>
  child(cluster, 'v1', 'ServiceAccount', namesOf(cluster).serviceAccount, {
    automountServiceAccountToken: false,
  });

/** Kinds of which a cluster has objects only sometimes, or whose kind itself may be missing. */
export const optionalResources: readonly Resource[] = [
  resources.ingress,
  resources.disruptionBudget,
  resources.networkPolicy,
  resources.serviceMonitor,
  resources.prometheusRule,
];

/**
 * Every object of the cluster but Secrets and the StatefulSet, in the order in which they are made: what pods need
 * comes before the pods.
 * @param served whether the API server knows a kind
 */
export const children = (
  input: DesiredInput,
  served: (resource: Resource) => boolean,
): readonly WantedChild[] => {
  const wanted: readonly (readonly [Resource, Child | undefined])[] = [
    [resources.serviceAccount, serviceAccount(input)],
    [resources.configMap, configMap(input)],
    [resources.service, headlessService(input)],
    [resources.service, clientService(input)],
    [resources.networkPolicy, networkPolicy(input)],
    [resources.disruptionBudget, disruptionBudget(input)],
    [resources.ingress, ingress(input)],
    [resources.serviceMonitor, serviceMonitor(input)],
    [resources.prometheusRule, prometheusRule(input)],
  ];
  return wanted.flatMap(([resource, object]) =>
    object === undefined || !served(resource) ? [] : [{ resource, object }],
  );
};
