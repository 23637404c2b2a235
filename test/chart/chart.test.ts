import { beforeAll, describe, expect, test } from '@jest/globals';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labels, ports, version } from '@ollamamax/api';
import { chart, helm, only, parseObjects, readChartFile, render, renderText } from './helm.ts';
import type { RenderOptions, Rendered } from './helm.ts';

/** Everything that can be switched on, and every value set to another one than its default. */
const allOn: RenderOptions = {
  release: 'llm',
  namespace: 'serving',
  apiVersions: ['monitoring.coreos.com/v1/ServiceMonitor'],
  values: {
    replicas: 2,
    image: {
      repository: 'registry.example.com/operator',
      digest: `sha256:${'0'.repeat(64)}`,
      pullPolicy: 'Always',
    },
    agentImage: { repository: 'registry.example.com/agent', tag: '9.9.9', pullPolicy: 'Never' },
    imagePullSecrets: [{ name: 'registry' }],
    concurrency: 12,
    clusterDomain: 'example.internal',
    log: { level: 'debug', format: 'text' },
    crds: { keep: false },
    serviceAccount: { name: 'runner', annotations: { 'example.com/role': 'x' } },
    resources: { limits: { cpu: 1 } },
    pod: {
      labels: { team: 'a', [labels.component]: 'theirs' },
      annotations: { 'example.com/note': 'b' },
      env: [{ name: 'HTTPS_PROXY', value: 'http://proxy.example.com:3128' }],
      terminationGracePeriodSeconds: 60,
    },
    scheduling: {
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ key: 'infra', operator: 'Exists' }],
      affinity: { nodeAffinity: {} },
      topologySpreadConstraints: [
        { maxSkew: 2, topologyKey: 'rack', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: {} },
      ],
      priorityClassName: 'infra',
    },
    metrics: {
      service: { annotations: { 'example.com/note': 'c' } },
      serviceMonitor: { interval: '10s', labels: { release: 'prometheus' } },
    },
    podDisruptionBudget: { enabled: true },
    networkPolicy: { enabled: true, metricsFrom: [{ namespaceSelector: {} }], apiServerPorts: [8443] },
  },
};

/** Everything that can be switched off. */
const allOff: RenderOptions = {
  apiVersions: ['monitoring.coreos.com/v1/ServiceMonitor'],
  values: {
    leaderElection: { enabled: false },
    crds: { enabled: false },
    rbac: { create: false, userRoles: false },
    serviceAccount: { create: false },
    metrics: { service: { enabled: false } },
  },
};

const renders: Record<string, RenderOptions> = {
  'with its defaults': {},
  'with everything on': allOn,
  'with everything off': allOff,
  'for some namespaces': { values: { watch: { namespaces: ['a', 'b'] }, rbac: { clusterReads: true } } },
};

const withoutNamespace = ['ClusterRole', 'ClusterRoleBinding', 'CustomResourceDefinition'];

interface PodTemplate {
  readonly metadata: {
    readonly labels: Record<string, string>;
    readonly annotations: Record<string, string>;
  };
  readonly spec: {
    readonly containers: readonly [
      {
        readonly image: string;
        readonly env: readonly { readonly name: string; readonly value?: string }[];
        readonly resources: { readonly requests: object; readonly limits: object };
        readonly [field: string]: unknown;
      },
    ];
    readonly [field: string]: unknown;
  };
}

interface DeploymentSpec {
  readonly replicas: number;
  readonly strategy: { readonly type: string };
  readonly selector: { readonly matchLabels: Record<string, string> };
  readonly template: PodTemplate;
}

const deploymentOf = (objects: readonly Rendered[]) => only(objects, 'Deployment').spec as DeploymentSpec;
const kindsOf = (objects: readonly Rendered[]) => objects.map(({ kind }) => kind).sort();

describe.each(Object.entries(renders))('the chart %s', (_name, options) => {
  let objects: Rendered[];
  beforeAll(async () => {
    objects = await render(options);
  });

  test('has a namespace on everything that can have one', () => {
    const expected = (kind: string) => (withoutNamespace.includes(kind) ? undefined : expect.any(String));
    expect(objects.length).toBeGreaterThan(0);
    for (const { kind, metadata } of objects) {
      expect({ kind, namespace: metadata.namespace }).toEqual({ kind, namespace: expected(kind) });
    }
  });

  test('has the standard labels on everything', () => {
    for (const { metadata } of objects) {
      expect(metadata.labels).toMatchObject({
        [labels.name]: 'ollamamax',
        [labels.instance]: options.release ?? 'ollamamax',
        [labels.version]: version,
        [labels.partOf]: 'ollamamax',
        [labels.managedBy]: 'Helm',
      });
    }
  });

  test('gives no object twice', () => {
    const ids = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });

  test('meets the Pod Security level restricted, and has a root that cannot be written', () => {
    const { spec, metadata } = deploymentOf(objects).template;
    expect(spec).toMatchObject({
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          resources: { requests: { memory: expect.any(String) }, limits: { memory: '384Mi' } },
        },
      ],
    });
    // The NetworkPolicies of the agents let the operator in by these.
    expect(metadata.labels).toMatchObject({ [labels.partOf]: 'ollamamax', [labels.component]: 'operator' });
    expect(metadata.labels).toMatchObject(deploymentOf(objects).selector.matchLabels);
  });
});

describe('lint', () => {
  test('has nothing to complain of', async () => {
    expect(await helm(['lint', '--strict', chart])).toContain('0 chart(s) failed');
  });

  test('the chart has the version of the product', () => {
    const [{ version: chartVersion, appVersion }] = parseObjects(readChartFile('Chart.yaml')) as unknown as [
      { version: string; appVersion: string },
    ];
    expect({ chartVersion, appVersion }).toEqual({ chartVersion: version, appVersion: version });
  });
});

describe('kinds of objects', () => {
  test('with the defaults', async () => {
    expect(kindsOf(await render())).toEqual([
      'ClusterRole',
      'ClusterRole',
      'ClusterRole',
      'ClusterRole',
      'ClusterRoleBinding',
      'CustomResourceDefinition',
      'CustomResourceDefinition',
      'Deployment',
      'Role',
      'RoleBinding',
      'Service',
      'ServiceAccount',
    ]);
  });

  test('with everything on: the monitor, the budget and the policy too', async () => {
    const kinds = kindsOf(await render(allOn));
    expect(kinds).toEqual(expect.arrayContaining(['ServiceMonitor', 'PodDisruptionBudget', 'NetworkPolicy']));
  });

  test('with everything off: the Deployment alone, without a lease one at a time', async () => {
    const objects = await render(allOff);
    expect(kindsOf(objects)).toEqual(['Deployment']);
    expect(deploymentOf(objects).strategy.type).toBe('Recreate');
    expect(deploymentOf(objects).template.spec.serviceAccountName).toBe('default');
  });

  test('no ServiceMonitor where the cluster does not know the kind', async () => {
    expect(kindsOf(await render({ ...allOn, apiVersions: [] }))).not.toContain('ServiceMonitor');
  });
});

describe('the Deployment', () => {
  const environment = async (options: RenderOptions): Promise<Record<string, string | undefined>> => {
    const [{ env }] = deploymentOf(await render(options)).template.spec.containers;
    return Object.fromEntries(env.map(({ name, value }) => [name, value]));
  };

  test('tells the operator its settings', async () => {
    expect(await environment({})).toEqual({
      POD_NAME: undefined,
      POD_NAMESPACE: undefined,
      WATCH_NAMESPACES: '',
      CLUSTER_READS: 'false',
      AGENT_IMAGE: `ollamamax-agent:${version}`,
      AGENT_IMAGE_PULL_POLICY: 'IfNotPresent',
      LEADER_ELECTION: 'true',
      METRICS_LISTEN: '0.0.0.0:8080',
      LOG_LEVEL: 'info',
      LOG_FORMAT: 'json',
      CLUSTER_DOMAIN: 'cluster.local',
      CONCURRENCY: '8',
    });
    expect(
      await environment({ ...allOn, values: { ...allOn.values, watch: { namespaces: ['a', 'b'] } } }),
    ).toEqual({
      POD_NAME: undefined,
      POD_NAMESPACE: undefined,
      WATCH_NAMESPACES: 'a,b',
      CLUSTER_READS: 'false',
      AGENT_IMAGE: 'registry.example.com/agent:9.9.9',
      AGENT_IMAGE_PULL_POLICY: 'Never',
      LEADER_ELECTION: 'true',
      METRICS_LISTEN: '0.0.0.0:8080',
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'text',
      CLUSTER_DOMAIN: 'example.internal',
      CONCURRENCY: '12',
      HTTPS_PROXY: 'http://proxy.example.com:3128',
    });
  });

  test('passes on what the values say of its pods', async () => {
    const { replicas, template } = deploymentOf(await render(allOn));
    expect(replicas).toBe(2);
    expect(template.metadata.labels).toMatchObject({ team: 'a', [labels.component]: 'operator' });
    expect(template.metadata.annotations).toMatchObject({ 'example.com/note': 'b' });
    expect(template.spec).toMatchObject({
      serviceAccountName: 'runner',
      imagePullSecrets: [{ name: 'registry' }],
      terminationGracePeriodSeconds: 60,
      nodeSelector: { disk: 'ssd' },
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', tolerationSeconds: 20 },
        { key: 'node.kubernetes.io/unreachable', tolerationSeconds: 20 },
        { key: 'infra', operator: 'Exists' },
      ],
      topologySpreadConstraints: [{ topologyKey: 'rack' }],
      priorityClassName: 'infra',
      containers: [
        {
          image: `registry.example.com/operator@sha256:${'0'.repeat(64)}`,
          imagePullPolicy: 'Always',
          resources: { limits: { cpu: 1, memory: '384Mi' } },
        },
      ],
    });
  });

  test('is probed where the operator answers', async () => {
    const [container] = deploymentOf(await render()).template.spec.containers;
    expect(container).toMatchObject({
      ports: [{ name: 'metrics', containerPort: 8080 }],
      startupProbe: { httpGet: { path: '/healthz', port: 'metrics' } },
      livenessProbe: { httpGet: { path: '/healthz', port: 'metrics' } },
      readinessProbe: { httpGet: { path: '/readyz', port: 'metrics' } },
    });
  });
});

test('the NetworkPolicy lets out to the internal port of agents', async () => {
  const { egress } = only(await render(allOn), 'NetworkPolicy').spec as { egress: object[] };
  expect(egress).toContainEqual({
    ports: [{ port: ports.internal, protocol: 'TCP' }],
    to: [
      {
        namespaceSelector: {},
        podSelector: { matchExpressions: [{ key: labels.cluster, operator: 'Exists' }] },
      },
    ],
  });
});

describe('CustomResourceDefinitions', () => {
  test('stay when the release goes, unless that is switched off', async () => {
    const policies = async (options: RenderOptions) =>
      (await render(options))
        .filter(({ kind }) => kind === 'CustomResourceDefinition')
        .map(({ metadata }) => metadata.annotations?.['helm.sh/resource-policy']);
    expect(await policies({})).toEqual(['keep', 'keep']);
    expect(await policies({ values: { crds: { keep: false } } })).toEqual([undefined, undefined]);
  });
});

describe('values', () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['an unknown one', { replcias: 1 }, /additional properties 'replcias' not allowed/],
    [
      'an unknown one further in',
      { image: { name: 'x' } },
      /\/image.*additional properties 'name' not allowed/s,
    ],
    ['one of another type', { replicas: 'two' }, /\/replicas.*got string, want integer/s],
    ['one that is none of the choices', { log: { level: 'loud' } }, /\/log\/level.*value must be one of/s],
    ['a tag that YAML takes for a number', { image: { tag: 1.1 } }, /\/image\/tag.*got number, want string/s],
    [
      'several operators without a lease',
      { replicas: 2, leaderElection: { enabled: false } },
      /several operators would act at once\. Set replicas to 1/,
    ],
  ])('refuses %s', async (_name, values, sentence) => {
    await expect(render({ values })).rejects.toThrow(sentence);
  });

  test('takes what a chart around it adds', async () => {
    await expect(render({ values: { global: { region: 'x' }, enabled: true } })).resolves.toBeDefined();
  });

  test('names can be chosen', async () => {
    const nameOf = async (options: RenderOptions) => only(await render(options), 'Deployment').metadata.name;
    expect(await nameOf({ release: 'llm' })).toBe('llm-ollamamax-operator');
    expect(await nameOf({ values: { fullnameOverride: 'x' } })).toBe('x-operator');
  });
});

describe('what is printed after an install', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ollamamax-notes-'));

  /** Helm shows them only for a real install: here they are a template as any other. */
  async function notes(values: Record<string, unknown>): Promise<string> {
    const copy = join(folder, 'chart');
    cpSync(chart, copy, { recursive: true });
    const text = readChartFile('templates/NOTES.txt');
    writeFileSync(join(copy, 'templates', '_notes.tpl'), `{{- define "notes" -}}\n${text}{{- end }}`);
    writeFileSync(
      join(copy, 'templates', 'notes.yaml'),
      'kind: Notes\nmetadata: {name: notes}\ntext: {{ include "notes" . | toJson }}\n',
    );
    const path = join(folder, 'values.json');
    writeFileSync(path, JSON.stringify(values));
    const output = await helm([
      'template',
      'ollamamax',
      copy,
      '--namespace=ollamamax-system',
      '--kube-version=1.34.0',
      '--show-only=templates/notes.yaml',
      `--values=${path}`,
    ]);
    return only(parseObjects(output), 'Notes').text as string;
  }

  test('has commands for the namespace in which it works', async () => {
    expect(await notes({})).toContain('looks after all namespaces.');
    expect(await notes({})).toContain('kubectl -n default apply');
    const some = await notes({ watch: { namespaces: ['a', 'b'] }, crds: { enabled: false } });
    expect(some).toContain('looks after a, b.');
    expect(some).toContain('kubectl -n a apply');
    expect(some).toContain('were not installed');
    rmSync(folder, { recursive: true });
  });

  test('makes the same cluster and model as the smallest sample', async () => {
    const [, resources] = /<<'END'\n([\s\S]*?)^END$/m.exec(await notes({}))!;
    const sample = readChartFile('../../manifests/samples/minimal.yaml');
    expect(parseObjects(resources!)).toEqual(parseObjects(sample));
  });
});

test('rendering twice gives the same', async () => {
  expect(await renderText(allOn)).toBe(await renderText(allOn));
});
