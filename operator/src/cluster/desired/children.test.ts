import { describe, expect, test } from '@jest/globals';
import { agentName, maxClusterNameLength } from '@ollamamax/api';
import { resources } from '../../resources.ts';
import { controllerOf } from '../../runtime/index.ts';
import { clusterOf, inputOf } from '../cluster.fixture.ts';
import { childLabels, namesOf, selectorLabels, selectorText, type Child } from './child.ts';
import { children, optionalResources } from './children.ts';
import { claimName, statefulSet } from './stateful-set.ts';

const all = (): boolean => true;

const everything = {
  ingress: { enabled: true, host: 'llm.example' },
  service: { annotations: { team: 'a' } },
  gpu: { count: 2 },
  tls: { managed: true },
  pod: { labels: { tier: 'x' }, annotations: { note: 'y' } },
};

/** All objects but Secrets. */
const objectsOf = (input = inputOf()): Child[] => [
  ...children(input, all).map(({ object }) => object),
  statefulSet(input, 0),
];

const kindsAndNames = (objects: readonly Child[]): string[] =>
  objects.map(({ kind, metadata }) => `${kind} ${metadata.name ?? ''}`);

describe('children', () => {
  test('of a cluster with nothing but a name', () => {
    expect(kindsAndNames(objectsOf())).toEqual([
      'ServiceAccount demo-agent',
      'ConfigMap demo-config',
      'Service demo-agents',
      'Service demo',
      'NetworkPolicy demo',
      'PodDisruptionBudget demo',
      'ServiceMonitor demo',
      'PrometheusRule demo',
      'StatefulSet demo',
    ]);
  });

  test('what can be switched off is away when it is off', () => {
    const cluster = clusterOf({
      replicas: 1,
      networkPolicy: { enabled: false },
      monitoring: { serviceMonitor: false, rules: false },
    });
    expect(kindsAndNames(children(inputOf(cluster), all).map(({ object }) => object))).toEqual([
      'ServiceAccount demo-agent',
      'ConfigMap demo-config',
      'Service demo-agents',
      'Service demo',
    ]);
  });

  test('kinds that the API server does not know are left out', () => {
    const known = children(
      inputOf(),
      (resource) => resource !== resources.serviceMonitor && resource !== resources.prometheusRule,
    );
    expect(known.map(({ object }) => object.kind)).not.toContain('ServiceMonitor');
    expect(known.map(({ object }) => object.kind)).not.toContain('PrometheusRule');
    expect(known).toHaveLength(6);
  });

  test('each object has the apiVersion and kind of its resource', () => {
    for (const { resource, object } of children(inputOf(clusterOf(everything)), all))
      expect([object.apiVersion, object.kind]).toEqual([resource.apiVersion, resource.kind]);
  });

  test('every kind that is there only sometimes is looked for when it has become needless', () => {
    const full = new Set(children(inputOf(clusterOf(everything)), all).map(({ resource }) => resource));
    const least = new Set(
      children(
        inputOf(
          clusterOf({
            replicas: 1,
            networkPolicy: { enabled: false },
            monitoring: { serviceMonitor: false, rules: false },
          }),
        ),
        all,
      ).map(({ resource }) => resource),
    );
    expect(new Set(optionalResources)).toEqual(new Set([...full].filter((resource) => !least.has(resource))));
  });

  test('all belong to the cluster, lie beside it and are found by its label', () => {
    const cluster = clusterOf(everything);
    for (const object of objectsOf(inputOf(cluster))) {
      expect(controllerOf(object)).toEqual({
        apiVersion: 'ollamamax.io/v1alpha1',
        kind: 'OllamaCluster',
        name: 'demo',
        uid: 'uid-demo',
        controller: true,
        blockOwnerDeletion: true,
      });
      expect(object.metadata.namespace).toBe('team');
      expect(object.metadata.labels).toMatchObject(childLabels(cluster));
      expect(object.metadata.labels).toMatchObject({
        'ollamamax.io/cluster': 'demo',
        'app.kubernetes.io/managed-by': 'ollamamax-operator',
      });
      expect(object).not.toHaveProperty('status');
    }
  });

  test('the account of the agents has no token', () => {
    expect(objectsOf()[0]).toMatchObject({ kind: 'ServiceAccount', automountServiceAccountToken: false });
  });

  test('are the same for the same input, and leave it as it was', () => {
    // The inputs are frozen: to change one would throw.
    const make = () => JSON.stringify(objectsOf(inputOf(clusterOf(everything), { modelClaims: ['a', 'b'] })));
    expect(make()).toBe(make());
  });

  test('no field is undefined: the API server is sent what is read here', () => {
    for (const object of objectsOf(inputOf(clusterOf(everything))))
      expect(object).toStrictEqual(JSON.parse(JSON.stringify(object)));
  });
});

test('labels that people give never get in the way of a selector', () => {
  const taken = {
    'app.kubernetes.io/name': 'mine',
    'app.kubernetes.io/instance': 'mine',
    'app.kubernetes.io/component': 'mine',
    'ollamamax.io/cluster': 'mine',
    own: 'kept',
  };
  const cluster = clusterOf({ pod: { labels: taken }, monitoring: { labels: taken } });
  const objects = objectsOf(inputOf(cluster));
  const set = objects.at(-1) as unknown as {
    readonly spec: {
      readonly selector: { readonly matchLabels: Record<string, string> };
      readonly template: { readonly metadata: { readonly labels: Record<string, string> } };
    };
  };
  expect(set.spec.template.metadata.labels).toMatchObject({ ...set.spec.selector.matchLabels, own: 'kept' });
  expect(set.spec.template.metadata.labels['ollamamax.io/cluster']).toBe('demo');
  for (const kind of ['ServiceMonitor', 'PrometheusRule'])
    expect(objects.find((object) => object.kind === kind)?.metadata.labels).toMatchObject({
      ...childLabels(cluster),
      own: 'kept',
    });
});

test('the selector as text says the same', () => {
  const cluster = clusterOf();
  expect(selectorText(cluster)).toBe(
    'app.kubernetes.io/name=ollamamax,app.kubernetes.io/instance=demo,app.kubernetes.io/component=agent',
  );
  expect(
    Object.fromEntries(
      selectorText(cluster)
        .split(',')
        .map((pair) => pair.split('=')),
    ),
  ).toEqual(selectorLabels(cluster));
});

describe('names of the longest cluster', () => {
  const longest = 'x'.repeat(maxClusterNameLength);
  const cluster = clusterOf({}, { name: longest });
  const names = Object.values(namesOf(cluster));
  const pod = agentName(longest, 99);

  test('fit where DNS and labels take 63 characters', () => {
    for (const name of [...names, pod, claimName(pod)]) expect(name.length).toBeLessThanOrEqual(63);
    // What the StatefulSet controller writes on each pod: the name, a dash and a hash of ten characters.
    expect(`${namesOf(cluster).statefulSet}-${'h'.repeat(10)}`.length).toBeLessThanOrEqual(63);
    expect(pod).toBe(`${namesOf(cluster).statefulSet}-99`);
    for (const value of Object.values(childLabels(cluster))) expect(value.length).toBeLessThanOrEqual(63);
  });

  test('differ within a kind', () => {
    const {
      service,
      headlessService,
      authority,
      agentCertificates,
      operatorIdentity,
      apiCertificate,
      auth,
      admin,
    } = namesOf(cluster);
    const secrets = [authority, agentCertificates, operatorIdentity, apiCertificate, auth, admin];
    expect(new Set(secrets).size).toBe(secrets.length);
    expect(service).not.toBe(headlessService);
  });
});
