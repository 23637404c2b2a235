import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { render } from '../chart/helm.ts';
import type { Rendered } from '../chart/helm.ts';
import { until } from '../cluster/kubernetes/until.ts';
import { childKinds, childrenOf, monitoringKinds, nameOf } from './harness/children.ts';
import { eventsAbout, untilCondition, untilObserved } from './harness/conditions.ts';
import { cluster, model } from './harness/documents.ts';
import type { OperatorProcess } from './harness/operator-process.ts';
import { startPlane, startTimeoutMs } from './harness/plane.ts';
import type { Plane } from './harness/plane.ts';

const system = 'ollamamax-system';
const namespace = 'served';

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane();
  await plane.control.installMonitoringKinds();
  for (const name of [system, namespace, 'elsewhere']) await plane.namespace(name);
}, startTimeoutMs);
afterAll(() => plane.stop());

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const roleKinds = ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'];

/** What the chart gives to the operator, for the account of that name. */
const rolesOf = async (
  account: string,
  values: Record<string, unknown> = {},
): Promise<readonly Rendered[]> => {
  const objects = await render({ values: { ...values, fullnameOverride: account } });
  return objects.filter(
    ({ kind, metadata }) =>
      roleKinds.includes(kind) && metadata.labels?.['app.kubernetes.io/component'] === 'operator',
  );
};

/** Every right as `verb group/resource`. */
const rightsOf = (roles: readonly Rendered[]): readonly string[] =>
  roles
    .flatMap(({ rules }) => (rules ?? []) as readonly Rule[])
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
      ),
    )
    .sort();

/** The account that the bindings name. */
const accountOf = (roles: readonly Rendered[]): string => {
  const binding = roles.find(({ kind }) => kind.endsWith('Binding'));
  const [subject] = (binding?.subjects ?? []) as readonly { namespace: string; name: string }[];
  return `system:serviceaccount:${subject?.namespace ?? ''}:${subject?.name ?? ''}`;
};

/** Gives an account these roles and runs the operator as it. */
const operatorWith = async (
  roles: readonly Rendered[],
  env: Readonly<Record<string, string>> = {},
): Promise<OperatorProcess> => {
  const list = { apiVersion: 'v1', kind: 'List', items: roles };
  expect(await plane.kubectl(['apply', '-f', '-'], JSON.stringify(list))).toMatchObject({
    code: 0,
    stderr: '',
  });
  const kubeconfig = await plane.control.kubeconfigFor({
    user: accountOf(roles),
    groups: ['system:serviceaccounts', `system:serviceaccounts:${system}`],
  });
  return plane.operator({ kubeconfig, env: { POD_NAMESPACE: system, LEADER_ELECTION: 'true', ...env } });
};

const troubles = (operator: OperatorProcess) =>
  operator.log().filter(({ level }) => level === 'warn' || level === 'error');

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef: {
    readonly apiGroup?: string;
    readonly resource: string;
    readonly subresource?: string;
  };
  readonly responseStatus: { readonly code: number };
}

/** Rights that an account has used to write. What was made by an application took the right to create, too. */
const writtenBy = (
  account: string,
): { readonly used: readonly string[]; readonly refused: readonly string[] } => {
  const events = readFileSync(plane.control.auditLogFile, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ user }) => user.username === account);
  const place = ({ objectRef: { apiGroup = '', resource, subresource } }: AuditEvent) =>
    `${apiGroup}/${resource}${subresource === undefined ? '' : `/${subresource}`}`;
  return {
    used: events
      .filter(({ responseStatus }) => responseStatus.code < 300)
      .flatMap((event) => [
        `${event.verb} ${place(event)}`,
        ...(event.responseStatus.code === 201 ? [`create ${place(event)}`] : []),
      ]),
    refused: events
      .filter(({ responseStatus }) => responseStatus.code === 403)
      .map((event) => `${event.verb} ${place(event)}`),
  };
};

/** `verb resource` of what an operator has read, as it counts itself: reads are not audited. */
const readBy = async ({ url }: OperatorProcess): Promise<readonly string[]> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  return [...text.matchAll(/^rest_client_requests_total\{([^}]*)\}/gm)].map(([, labels = '']) => {
    const label = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
    return `${label('verb')} ${label('resource')}`;
  });
};

/** Asked for only by an admission plugin that is off here: OwnerReferencesPermissionEnforcement. */
const forOwnerReferences = [
  'update ollamamax.io/ollamaclusters/finalizers',
  'update ollamamax.io/ollamamodels/finalizers',
];

describe('the operator with what the chart lets it do in the whole cluster', () => {
  let roles: readonly Rendered[];
  let operator: OperatorProcess;
  beforeAll(async () => {
    roles = await rolesOf('whole');
    operator = await operatorWith(roles);
  });
  afterAll(() => operator.stop());

  test('does everything that it is there for', async () => {
    await plane.objects.create({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'growing' },
      provisioner: 'example.com/none',
      allowVolumeExpansion: true,
    });
    const all = {
      ingress: { enabled: true, host: 'llm.example.com' },
      storage: { className: 'growing', size: '1Gi' },
      tls: { managed: true },
    };
    await plane.objects.create(cluster('demo', all, { namespace }));
    await plane.objects.create(model('tiny', {}, { namespace }));
    await untilObserved(plane, namespace, 'demo');
    await untilObserved(plane, namespace, 'tiny', 'OllamaModel');
    const made = new Set(
      (await childrenOf(plane, namespace, [...childKinds, ...monitoringKinds])).map(({ kind }) => kind),
    );
    expect([...made].sort()).toEqual([...childKinds, ...monitoringKinds].sort());

    // The same news twice is one event, which is changed after a while.
    for (const image of ['a:1', 'b:1']) {
      await plane.objects.edit('StatefulSet', namespace, 'demo', {
        '/spec/template/spec/containers/0/image': image,
      });
      await until('it is set back', async () => {
        const set = await plane.objects.get('StatefulSet', namespace, 'demo');
        return !JSON.stringify(set.spec).includes(`"image":"${image}"`);
      });
    }

    const { uid } = (await plane.objects.get('StatefulSet', namespace, 'demo')).metadata;
    await until(
      'there are volumes',
      async () => (await plane.objects.list('PersistentVolumeClaim', namespace)).length === 3,
    );
    // Kubernetes lets only a bound claim grow.
    for (const { metadata } of await plane.objects.list('PersistentVolumeClaim', namespace))
      await plane.control.kubectl([
        ...['patch', 'pvc', metadata.name, '-n', namespace, '--subresource=status', '--type=merge'],
        ...['-p', '{"status":{"phase":"Bound","capacity":{"storage":"1Gi"}}}'],
      ]);
    await plane.objects.edit('OllamaCluster', namespace, 'demo', { '/spec/storage/size': '2Gi' });
    await until('the StatefulSet is another one', async () => {
      const found = await plane.objects.find('StatefulSet', namespace, 'demo');
      return found !== undefined && found.metadata.uid !== uid;
    });

    await plane.objects.edit('OllamaCluster', namespace, 'demo', {
      '/spec/replicas': 1,
      '/spec/ingress/enabled': false,
      '/spec/networkPolicy/enabled': false,
      '/spec/monitoring': { serviceMonitor: false, rules: false },
      '/spec/tls/managed': false,
    });
    await until('nothing is left of what was switched off', async () => {
      const kinds = ['Ingress', 'NetworkPolicy', 'PodDisruptionBudget', ...monitoringKinds] as const;
      const left = (await childrenOf(plane, namespace, [...kinds, 'Secret'])).map(nameOf);
      return left.every((name) => name.startsWith('Secret ') && name !== 'Secret demo-api-tls');
    });
    await plane.objects.remove('OllamaModel', namespace, 'tiny');
    await until(
      'the model is gone',
      async () => (await plane.objects.find('OllamaModel', namespace, 'tiny')) === undefined,
    );
    await until('the event says that it happened twice', async () =>
      writtenBy(accountOf(roles)).used.includes('patch events.k8s.io/events'),
    );
    expect((await eventsAbout(plane, namespace, 'demo')).join('\n')).toContain(
      'DriftReverted: StatefulSet demo',
    );
  }, 120_000);

  test('lacks no right', () => {
    expect(writtenBy(accountOf(roles)).refused).toEqual([]);
    expect(troubles(operator).filter((line) => JSON.stringify(line).includes('forbidden'))).toEqual([]);
  });

  test('has no right that it does not use', async () => {
    const { used } = writtenBy(accountOf(roles));
    const read = await readBy(operator);
    const isUsed = (right: string): boolean => {
      const [verb = '', place = ''] = right.split(' ');
      const resource = place.slice(place.indexOf('/') + 1);
      return ['get', 'list', 'watch'].includes(verb)
        ? read.includes(`${verb} ${resource}`)
        : used.includes(right);
    };
    expect(rightsOf(roles).filter((right) => !isUsed(right) && !forOwnerReferences.includes(right))).toEqual(
      [],
    );
  });
});

describe('the operator with what the chart lets it do in some namespaces', () => {
  let roles: readonly Rendered[];
  let operator: OperatorProcess;
  beforeAll(async () => {
    roles = await rolesOf('some', { watch: { namespaces: [namespace] } });
    operator = await operatorWith(roles, { WATCH_NAMESPACES: namespace });
  });
  afterAll(() => operator.stop());

  test('looks after these alone, and lacks no right', async () => {
    expect(roles.filter(({ kind }) => kind.startsWith('Cluster'))).toEqual([]);
    for (const place of ['elsewhere', namespace])
      await plane.objects.create(cluster('second', {}, { namespace: place }));
    await untilObserved(plane, namespace, 'second');
    expect((await childrenOf(plane, namespace)).map(nameOf)).toContain('StatefulSet second');
    expect((await plane.objects.get('OllamaCluster', 'elsewhere', 'second')).status).toBeUndefined();
    expect(writtenBy(accountOf(roles)).refused).toEqual([]);
    expect(troubles(operator)).toEqual([]);
  });
});

describe('the operator without a right that it needs', () => {
  const mayWritePolicies = ({ resources }: Rule) => resources.includes('networkpolicies');
  let roles: readonly Rendered[];
  let operator: OperatorProcess;
  beforeAll(async () => {
    roles = await rolesOf('lesser');
    operator = await operatorWith(
      roles.map((role) =>
        role.rules === undefined
          ? role
          : {
              ...role,
              // Its caches would never be filled without the reads.
              rules: (role.rules as readonly Rule[]).map((rule) =>
                mayWritePolicies(rule) ? { ...rule, verbs: ['get', 'list', 'watch'] } : rule,
              ),
            },
      ),
    );
  });
  afterAll(() => operator.stop());

  test('says which one, and goes on when it is given', async () => {
    await plane.objects.create(cluster('third', {}, { namespace }));
    const object = { kind: 'OllamaCluster', namespace, name: 'third' } as const;
    const failed = { status: 'True', reason: 'ApplyFailed' };
    const { message } = await untilCondition(plane, object, 'Degraded', failed);
    expect(message).toContain('cannot patch resource "networkpolicies" in API group "networking.k8s.io"');
    const list = { apiVersion: 'v1', kind: 'List', items: roles };
    expect(await plane.kubectl(['apply', '-f', '-'], JSON.stringify(list))).toMatchObject({ code: 0 });
    // It would look by itself after a while.
    await plane.objects.edit('OllamaCluster', namespace, 'third', {
      '/metadata/annotations/example.com~1look': 'now',
    });
    await untilObserved(plane, namespace, 'third');
    expect((await childrenOf(plane, namespace, ['NetworkPolicy'])).map(nameOf)).toContain(
      'NetworkPolicy third',
    );
  });
});
