import { describe, expect, test } from '@jest/globals';
import { clusterOf, inputOf } from '../cluster.fixture.ts';
import { selectorLabels, type Child, type DesiredInput } from './child.ts';
import { clientService, disruptionBudget, headlessService, ingress, networkPolicy } from './network.ts';
import { podTemplate } from './pod-template.ts';

const specOf = (object: Child | undefined): Readonly<Record<string, unknown>> =>
  object?.spec as Readonly<Record<string, unknown>>;
const of = (spec: object): DesiredInput => inputOf(clusterOf(spec));

const containerPorts = (
  podTemplate(inputOf()).spec as {
    readonly containers: readonly {
      readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
    }[];
  }
).containers[0]!.ports;

describe('Services', () => {
  test('agents find each other before they are ready; clients find ready ones only', () => {
    expect(specOf(headlessService(inputOf()))).toMatchObject({
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: selectorLabels(clusterOf()),
    });
    expect(specOf(clientService(inputOf()))).toEqual({
      type: 'ClusterIP',
      selector: selectorLabels(clusterOf()),
      ports: expect.any(Array),
    });
  });

  test('their ports are ports of the container, by name', () => {
    const portsOf = (object: Child) =>
      specOf(object).ports as readonly {
        readonly name: string;
        readonly port: number;
        readonly targetPort: string;
      }[];
    const all = [...portsOf(headlessService(inputOf())), ...portsOf(clientService(inputOf()))];
    expect(all.map(({ name }) => name)).toEqual(['internal', 'raft', 'metrics', 'api', 'dashboard']);
    for (const { port, targetPort } of all)
      expect(containerPorts).toContainEqual({ name: targetPort, containerPort: port, protocol: 'TCP' });
  });

  test('has the type and annotations of the spec; those win', () => {
    const key = 'traefik.ingress.kubernetes.io/service.serversscheme';
    const annotationsOf = (spec: object) => clientService(of(spec)).metadata.annotations;
    expect(specOf(clientService(of({ service: { type: 'LoadBalancer' } }))).type).toBe('LoadBalancer');
    expect(annotationsOf({ service: { annotations: { a: 'b' } } })).toEqual({ a: 'b' });
    expect(annotationsOf({ tls: { managed: true } })).toEqual({ [key]: 'https' });
    expect(annotationsOf({ tls: { managed: true }, service: { annotations: { [key]: 'h2c' } } })).toEqual({
      [key]: 'h2c',
    });
  });
});

describe('Ingress', () => {
  const on = { enabled: true, host: 'llm.example' };

  test.each([
    ['by default', {}],
    ['when it is off', { ingress: { ...on, enabled: false } }],
  ])('there is none %s', (_what, spec) => {
    expect(ingress(of(spec))).toBeUndefined();
  });

  test('leads to the port of the API', () => {
    expect(specOf(ingress(of({ ingress: on })))).toEqual({
      rules: [
        {
          host: 'llm.example',
          http: {
            paths: [
              {
                path: '/',
                pathType: 'Prefix',
                backend: { service: { name: 'demo', port: { name: 'api' } } },
              },
            ],
          },
        },
      ],
    });
  });

  test('has a class and a certificate where they are named', () => {
    const spec = specOf(ingress(of({ ingress: { ...on, className: 'nginx', tlsSecretName: 'cert' } })));
    expect(spec).toMatchObject({
      ingressClassName: 'nginx',
      tls: [{ hosts: ['llm.example'], secretName: 'cert' }],
    });
  });

  const nginx = 'nginx.ingress.kubernetes.io';
  const annotationsOf = (spec: object) => ingress(of({ ingress: on, ...spec }))?.metadata.annotations ?? {};

  test('streams are neither held back nor cut', () => {
    expect(annotationsOf({})).toMatchObject({
      [`${nginx}/proxy-buffering`]: 'off',
      [`${nginx}/proxy-read-timeout`]: '3600',
      [`${nginx}/proxy-body-size`]: '0',
      'haproxy.org/timeout-server': '3600s',
    });
  });

  test.each([
    [{}, undefined, undefined],
    [{ tls: { managed: true } }, 'HTTPS', 'true'],
    [{ tls: { secretName: 'mine' } }, 'HTTPS', 'true'],
  ])('speaks to the agents as they listen: %j', (spec, backend, ssl) => {
    expect(annotationsOf(spec)[`${nginx}/backend-protocol`]).toBe(backend);
    expect(annotationsOf(spec)['haproxy.org/server-ssl']).toBe(ssl);
  });

  test('annotations of the spec win', () => {
    const annotations = { [`${nginx}/proxy-read-timeout`]: '60', 'cert-manager.io/issuer': 'le' };
    expect(annotationsOf({ ingress: { ...on, annotations } })).toMatchObject({
      ...annotations,
      [`${nginx}/proxy-send-timeout`]: '3600',
    });
  });
});

describe('PodDisruptionBudget', () => {
  test.each([
    [1, undefined],
    [2, { maxUnavailable: 1 }],
    [3, { minAvailable: 2 }],
    [4, { minAvailable: 3 }],
    [5, { minAvailable: 3 }],
  ])('of %d agents: %j', (replicas, expected) => {
    const budget = disruptionBudget(of({ replicas }));
    if (expected === undefined) {
      expect(budget).toBeUndefined();
      return;
    }
    expect(specOf(budget)).toEqual({
      ...expected,
      selector: { matchLabels: selectorLabels(clusterOf()) },
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    });
    // Never so strict that no agent may go: a node could not be drained.
    if ('minAvailable' in expected) expect(expected.minAvailable).toBeLessThan(replicas);
  });
});

describe('NetworkPolicy', () => {
  interface Way {
    readonly ports: readonly { readonly port: number }[];
    readonly from?: readonly unknown[];
  }
  const waysOf = (networkPolicyOf: object = {}): readonly Way[] =>
    specOf(networkPolicy(of({ networkPolicy: networkPolicyOf }))).ingress as readonly Way[];
  const wayTo = (port: number, ways = waysOf()): Way => {
    const found = ways.filter(({ ports }) => ports.some((one) => one.port === port));
    expect(found).toHaveLength(1);
    return found[0]!;
  };

  test('there is none when it is off', () => {
    expect(networkPolicy(of({ networkPolicy: { enabled: false } }))).toBeUndefined();
  });

  test('holds for the agents, and for what comes in', () => {
    expect(specOf(networkPolicy(inputOf()))).toMatchObject({
      podSelector: { matchLabels: selectorLabels(clusterOf()) },
      policyTypes: ['Ingress'],
    });
  });

  test('lets the internal port be reached by agents of the cluster and the operator alone', () => {
    expect(wayTo(9443)).toEqual({
      ports: [{ protocol: 'TCP', port: 9443 }],
      from: [
        { podSelector: { matchLabels: selectorLabels(clusterOf()) } },
        {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'operators' } },
          podSelector: { matchLabels: { 'app.kubernetes.io/component': 'operator' } },
        },
      ],
    });
  });

  test('lets agents of the cluster alone reach the port by which they agree', () => {
    expect(wayTo(7000)).toEqual({
      ports: [{ protocol: 'TCP', port: 7000 }],
      from: [{ podSelector: { matchLabels: selectorLabels(clusterOf()) } }],
    });
  });

  test('lets everybody to the other ports, unless the spec says whom', () => {
    for (const port of [8080, 8081, 9090]) expect(wayTo(port)).not.toHaveProperty('from');
    const clients = [{ podSelector: {} }];
    const monitoring = [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }];
    const ways = waysOf({ clients, monitoring });
    expect(wayTo(8080, ways).from).toEqual(clients);
    expect(wayTo(8081, ways).from).toEqual(clients);
    expect(wayTo(9090, ways).from).toEqual(monitoring);
  });

  test('an empty list lets nobody in', () => {
    const portsOf = (ways: readonly Way[]) => ways.flatMap(({ ports }) => ports.map(({ port }) => port));
    expect(portsOf(waysOf({ clients: [] }))).toEqual([9090, 9443, 7000]);
    expect(portsOf(waysOf({ monitoring: [] }))).toEqual([8080, 8081, 9443, 7000]);
  });

  test('opens no port that no container has', () => {
    for (const { ports } of waysOf())
      for (const { port } of ports)
        expect(containerPorts.map(({ containerPort }) => containerPort)).toContain(port);
  });
});
