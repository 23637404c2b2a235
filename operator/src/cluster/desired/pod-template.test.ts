import { describe, expect, test } from '@jest/globals';
import { clusterOf, inputOf, type ClusterFields } from '../cluster.fixture.ts';
import { configHash } from './config-map.ts';
import { imageOf, podTemplate } from './pod-template.ts';
import { statefulSet, templateHash } from './stateful-set.ts';
import { selectorLabels, type DesiredInput } from './child.ts';

interface Mount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
  readonly subPath?: string;
  readonly subPathExpr?: string;
}

interface Template {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly [field: string]: unknown;
    readonly containers: readonly {
      readonly [field: string]: unknown;
      readonly env: readonly { readonly name: string; readonly value?: string }[];
      readonly volumeMounts: readonly Mount[];
    }[];
    readonly volumes: readonly { readonly name: string; readonly [source: string]: unknown }[];
  };
}

const templateOf = (input = inputOf()): Template => podTemplate(input) as unknown as Template;
const templateFor = (spec: object, fields?: ClusterFields): Template =>
  templateOf(inputOf(clusterOf(spec, fields)));
const containerOf = (template: Template) => template.spec.containers[0]!;

describe('the restricted level of Pod Security', () => {
  test.each([
    ['the least cluster', {}],
    [
      'one with everything',
      { gpu: {}, tls: { managed: true }, storage: { ephemeral: true }, auth: { enabled: false } },
    ],
  ])('is met by %s', (_what, spec) => {
    const { spec: pod } = templateFor(spec);
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect((pod.securityContext as { readonly runAsUser: number }).runAsUser).toBeGreaterThan(0);
    for (const field of ['hostNetwork', 'hostPID', 'hostIPC', 'initContainers', 'ephemeralContainers'])
      expect(pod).not.toHaveProperty(field);
    for (const container of pod.containers) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      for (const port of container.ports as readonly object[]) expect(port).not.toHaveProperty('hostPort');
    }
    const sources = ['name', 'emptyDir', 'configMap', 'secret', 'persistentVolumeClaim'];
    for (const volume of pod.volumes) expect(sources).toEqual(expect.arrayContaining(Object.keys(volume)));
  });

  test('nothing of the API server is in the pod', () => {
    expect(templateOf().spec).toMatchObject({
      serviceAccountName: 'demo-agent',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
    });
  });
});

describe('probes', () => {
  test('each asks something else, on the port that needs no log-in and no certificate', () => {
    const container = containerOf(templateFor({ tls: { managed: true } }));
    const paths = ['startupProbe', 'livenessProbe', 'readinessProbe'].map((name) => {
      const { httpGet } = container[name] as { readonly httpGet: Record<string, string> };
      expect(httpGet).toMatchObject({ port: 'metrics', scheme: 'HTTP' });
      return httpGet.path;
    });
    expect(paths).toEqual(['/startupz', '/livez', '/readyz']);
    expect(container.ports).toContainEqual({ name: 'metrics', containerPort: 9090, protocol: 'TCP' });
  });

  test('an agent is restarted only after it was silent much longer than it takes to be taken out of the Service', () => {
    const container = containerOf(templateOf());
    const lasts = (name: string): number => {
      const probe = container[name] as Record<string, number>;
      return probe.periodSeconds! * probe.failureThreshold!;
    };
    expect(lasts('livenessProbe')).toBeGreaterThan(5 * lasts('readinessProbe'));
    expect(lasts('startupProbe')).toBeGreaterThanOrEqual(120);
  });
});

describe('resources', () => {
  const requests = { cpu: '500m', memory: '1Gi' };
  test.each<[string, object, object]>([
    ['without a GPU', {}, { requests }],
    [
      'of NVIDIA',
      { gpu: {} },
      { requests: { ...requests, 'nvidia.com/gpu': '1' }, limits: { 'nvidia.com/gpu': '1' } },
    ],
    [
      'of AMD',
      { gpu: { vendor: 'amd', count: 4 } },
      { requests: { ...requests, 'amd.com/gpu': '4' }, limits: { 'amd.com/gpu': '4' } },
    ],
    [
      'of Intel',
      { gpu: { vendor: 'intel' } },
      { requests: { ...requests, 'gpu.intel.com/i915': '1' }, limits: { 'gpu.intel.com/i915': '1' } },
    ],
    [
      'of an own name, beside a limit',
      {
        gpu: { resourceName: 'nvidia.com/mig-1g.5gb', count: 2 },
        resources: { requests: { cpu: 2 }, limits: { memory: '8Gi' } },
      },
      {
        requests: { cpu: 2, 'nvidia.com/mig-1g.5gb': '2' },
        limits: { memory: '8Gi', 'nvidia.com/mig-1g.5gb': '2' },
      },
    ],
  ])('%s', (_what, spec, expected) => {
    expect(containerOf(templateFor(spec)).resources).toEqual(expected);
  });
});

test.each([
  [{}, 5 + 300 + 20],
  [{ drain: { delaySeconds: 30, graceSeconds: 600 } }, 650],
  [{ drain: { delaySeconds: 0, graceSeconds: 0 } }, 20],
])('a stopping agent gets its time: %j', (spec, seconds) => {
  expect(templateFor(spec).spec.terminationGracePeriodSeconds).toBe(seconds);
});

describe('image', () => {
  test('is that of the spec, else that of the operator', () => {
    expect(imageOf(inputOf())).toBe('registry.example/agent:1');
    const own = inputOf(clusterOf({ image: 'own/agent@sha256:abc', imagePullPolicy: 'Always' }));
    expect(containerOf(templateOf(own))).toMatchObject({
      image: 'own/agent@sha256:abc',
      imagePullPolicy: 'Always',
    });
  });

  test('is fetched as the operator says, unless the spec says how', () => {
    expect(containerOf(templateOf())).not.toHaveProperty('imagePullPolicy');
    const never = { defaultPullPolicy: 'Never' };
    expect(containerOf(templateOf(inputOf(clusterOf(), never))).imagePullPolicy).toBe('Never');
    const said = clusterOf({ imagePullPolicy: 'IfNotPresent', imagePullSecrets: [{ name: 'pull' }] });
    expect(containerOf(templateOf(inputOf(said, never))).imagePullPolicy).toBe('IfNotPresent');
    expect(templateOf(inputOf(said, never)).spec.imagePullSecrets).toEqual([{ name: 'pull' }]);
  });
});

describe('mounts', () => {
  const inputs: Readonly<Record<string, DesiredInput>> = {
    least: inputOf(clusterOf({ auth: { enabled: false } })),
    volumes: inputOf(clusterOf(), { modelClaims: ['models', `long.${'n'.repeat(240)}`] }),
    everything: inputOf(
      clusterOf({
        tls: { secretName: 'mine' },
        storage: { ephemeral: true, size: '5Gi' },
        pod: {
          volumes: [{ name: 'extra', emptyDir: {} }],
          volumeMounts: [{ name: 'extra', mountPath: '/extra' }],
        },
      }),
    ),
  };

  test.each(Object.keys(inputs))('each has its volume and each volume is mounted: %s', (name) => {
    const { spec } = templateOf(inputs[name]);
    const made = spec.volumes.map((volume) => volume.name);
    // The StatefulSet makes this one of a claim.
    const claimed = name === 'everything' ? [] : ['data'];
    expect(
      new Set(containerOf({ ...templateOf(inputs[name]) }).volumeMounts.map((mount) => mount.name)),
    ).toEqual(new Set([...made, ...claimed]));
    expect(new Set(made).size).toBe(made.length);
    for (const volume of made) expect(volume).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
    const places = containerOf(templateOf(inputs[name])).volumeMounts.map(({ mountPath }) => mountPath);
    expect(new Set(places).size).toBe(places.length);
  });

  test('an agent sees its own key and no other', () => {
    const mounts = containerOf(templateOf()).volumeMounts.filter((mount) => mount.name === 'tls');
    expect(mounts.map(({ mountPath, subPath, subPathExpr }) => [mountPath, subPath ?? subPathExpr])).toEqual([
      ['/etc/ollamamax/tls/ca.crt', 'ca.crt'],
      ['/etc/ollamamax/tls/tls.crt', '$(NODE_ID).crt'],
      ['/etc/ollamamax/tls/tls.key', '$(NODE_ID).key'],
    ]);
  });

  test('claims of models are read only, each in a folder of its name', () => {
    const { volumeMounts } = containerOf(templateOf(inputs.volumes));
    const mount = volumeMounts.find(({ mountPath }) => mountPath === '/models/models');
    expect(mount).toMatchObject({ readOnly: true });
    expect(templateOf(inputs.volumes).spec.volumes.find(({ name }) => name === mount?.name)).toMatchObject({
      persistentVolumeClaim: { claimName: 'models', readOnly: true },
    });
  });

  test('keys are not readable for everybody', () => {
    for (const { secret } of templateOf(inputs.everything).spec.volumes)
      if (secret !== undefined) expect(secret).toMatchObject({ defaultMode: 0o440 });
  });

  test('without volumes the data lies in the pod, and takes no more than its size', () => {
    expect(templateOf(inputs.everything).spec.volumes).toContainEqual({
      name: 'data',
      emptyDir: { sizeLimit: '5Gi' },
    });
    expect(templateOf().spec.volumes.map(({ name }) => name)).not.toContain('data');
  });
});

describe('environment', () => {
  const advertised = (spec: object, variable = 'ADVERTISE_API'): string | undefined =>
    containerOf(templateFor(spec)).env.find(({ name }) => name === variable)?.value;

  test('an agent is who its pod is, and says where peers and clients find it', () => {
    expect(containerOf(templateOf()).env[0]).toMatchObject({
      name: 'NODE_ID',
      valueFrom: { fieldRef: { fieldPath: 'metadata.name' } },
    });
    expect(advertised({})).toBe('http://$(NODE_ID).demo-agents.team.svc:8080');
    expect(advertised({ tls: { managed: true } })).toMatch(/^https:/);
    expect(advertised({ tls: { secretName: 'mine' } })).toMatch(/^https:/);
  });

  test('others find its Raft by a name that stays while pods come and go', () => {
    expect(advertised({}, 'ADVERTISE_RAFT')).toBe('$(NODE_ID).demo-agents.team.svc.cluster.local:7000');
  });

  test('further variables come after them', () => {
    const extra = { name: 'HTTPS_PROXY', value: 'http://proxy:3128' };
    expect(containerOf(templateFor({ pod: { env: [extra] } })).env.at(-1)).toEqual(extra);
  });
});

describe('scheduling', () => {
  test('agents spread over nodes and zones as well as it goes', () => {
    const labelSelector = { matchLabels: selectorLabels(clusterOf()) };
    const { spec } = templateOf();
    expect(spec.topologySpreadConstraints).toEqual([
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector,
      },
    ]);
    const podAffinityTerm = { topologyKey: 'topology.kubernetes.io/zone', labelSelector };
    expect(spec.affinity).toEqual({
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 50, podAffinityTerm }],
      },
    });
  });

  test('what people say is passed on, and nothing else is there', () => {
    const scheduling = {
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ key: 'gpu', operator: 'Exists' }],
      affinity: { nodeAffinity: {} },
      topologySpreadConstraints: [],
      priorityClassName: 'high',
    };
    const { spec } = templateFor({ scheduling });
    expect(spec).toMatchObject(scheduling);
    expect(spec.affinity).toEqual(scheduling.affinity);
    for (const field of ['nodeSelector', 'tolerations', 'priorityClassName', 'imagePullSecrets'])
      expect(templateOf().spec).not.toHaveProperty(field);
  });
});

describe('what restarts the agents', () => {
  const before = templateHash(inputOf());
  const after = (spec: object, fields?: ClusterFields, more: Partial<DesiredInput> = {}): string =>
    templateHash(inputOf(clusterOf(spec, fields), more));

  test.each<[string, string]>([
    ['a log level', after({ logging: { level: 'debug' } })],
    ['an image', after({ image: 'other' })],
    ['log-in', after({ auth: { tokenLifetimeSeconds: 60 } })],
    ['HTTPS', after({ tls: { managed: true } })],
    ['resources', after({ resources: { limits: { memory: '2Gi' } } })],
    ['the drain', after({ drain: { graceSeconds: 1 } })],
    ['labels of pods', after({ pod: { labels: { a: 'b' } } })],
    ['new certificates', after({}, {}, { certificateEpoch: 'epoch-2' })],
    ['the claim of a model', after({}, {}, { modelClaims: ['models'] })],
    ['the annotation', after({}, { annotations: { 'ollamamax.io/restarted-at': '2026-01-01' } })],
    [
      'a release of the operator with another image',
      after({}, {}, { defaultImage: 'registry.example/agent:2' }),
    ],
  ])('%s does', (_what, hash) => {
    expect(hash).not.toBe(before);
  });

  test.each<[string, string]>([
    ['more agents', after({ replicas: 9 })],
    ['a scale-down that is under way', after({}, {}, { replicas: 5 })],
    ['settings of inference', after({ inference: { contextSize: 8192, parallel: 1 } })],
    ['annotations of the Service', after({ service: { annotations: { a: 'b' }, type: 'NodePort' } })],
    ['an Ingress', after({ ingress: { enabled: true, host: 'a.example' } })],
    ['monitoring', after({ monitoring: { interval: '5s', labels: { a: 'b' } } })],
    ['a NetworkPolicy', after({ networkPolicy: { enabled: false } })],
    ['a larger volume', after({ storage: { size: '40Gi' } })],
    ['other annotations', after({}, { annotations: { 'ollamamax.io/paused': 'true', a: 'b' } })],
    ['a new generation', after({}, { generation: 7 })],
  ])('%s does not', (_what, hash) => {
    expect(hash).toBe(before);
  });

  test('the pods carry the hash of their configuration, and of nothing else', () => {
    const annotation = (spec: object) => templateFor(spec).metadata.annotations['ollamamax.io/config-hash'];
    expect(annotation({})).toBe(configHash(inputOf()));
    expect(annotation({ logging: { level: 'debug' } })).not.toBe(annotation({}));
    expect(annotation({ resources: { limits: { memory: '2Gi' } } })).toBe(annotation({}));
    const claimed = { 'ollamamax.io/config-hash': 'mine', note: 'kept' };
    expect(templateFor({ pod: { annotations: claimed } }).metadata.annotations).toEqual({
      'ollamamax.io/config-hash': configHash(inputOf()),
      note: 'kept',
    });
  });

  test('the StatefulSet carries the hash of its template, whatever its partition', () => {
    for (const partition of [0, 3])
      expect(statefulSet(inputOf(), partition).metadata.annotations).toEqual({
        'ollamamax.io/template-hash': before,
      });
  });
});
