import { describe, expect, test } from '@jest/globals';
import { only, render } from './helm.ts';
import type { Rendered } from './helm.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const roles = (objects: readonly Rendered[]) =>
  objects.filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole');
const rulesOf = (role: Rendered) => role.rules as readonly Rule[];
const someNamespaces = { watch: { namespaces: ['a', 'b'] } };

/** Each right of a role as `verb resource.group`. */
const rights = (role: Rendered): string[] =>
  rulesOf(role).flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.map((verb) => `${verb} ${resource}${group === '' ? '' : `.${group}`}`),
      ),
    ),
  );

test.each([{}, someNamespaces])('no role has a wildcard, or lists Secrets (%j)', async (values) => {
  for (const role of roles(await render({ values }))) {
    expect(JSON.stringify(role.rules)).not.toContain('*');
    expect(rights(role)).not.toContain('list secrets');
    expect(rights(role)).not.toContain('watch secrets');
    expect(new Set(rights(role)).size).toBe(rights(role).length);
  }
});

describe('in the whole cluster', () => {
  test('one ClusterRole has what it needs in namespaces and the reads of what is in none', async () => {
    const objects = await render();
    expect(rights(only(objects, 'ClusterRole', 'ollamamax-operator'))).toEqual(
      expect.arrayContaining([
        'patch statefulsets.apps',
        'watch nodes',
        'watch storageclasses.storage.k8s.io',
      ]),
    );
    expect(only(objects, 'ClusterRoleBinding')).toMatchObject({
      roleRef: { kind: 'ClusterRole', name: 'ollamamax-operator' },
      subjects: [{ kind: 'ServiceAccount', name: 'ollamamax-operator', namespace: 'ollamamax-system' }],
    });
  });
});

describe('in some namespaces', () => {
  test('it has a role in each and nothing in the cluster', async () => {
    const objects = await render({ values: someNamespaces });
    const own = objects.filter(({ metadata }) => metadata.name === 'ollamamax-operator');
    expect(own.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}`)).toEqual(
      expect.arrayContaining(['Role a', 'Role b', 'RoleBinding a', 'RoleBinding b']),
    );
    expect(own.filter(({ kind }) => kind.startsWith('Cluster'))).toEqual([]);
    for (const binding of objects.filter(({ kind }) => kind === 'RoleBinding')) {
      expect(binding.subjects).toEqual([
        { kind: 'ServiceAccount', name: 'ollamamax-operator', namespace: 'ollamamax-system' },
      ]);
    }
  });

  test('the rules are those of the whole cluster, less the reads of what is in no namespace', async () => {
    const everywhere = rights(only(await render(), 'ClusterRole', 'ollamamax-operator'));
    const withReads = await render({ values: { ...someNamespaces, rbac: { clusterReads: true } } });
    const reads = rights(only(withReads, 'ClusterRole', 'ollamamax-operator'));
    const role = withReads.find(({ kind, metadata }) => kind === 'Role' && metadata.namespace === 'a')!;
    expect([...rights(role), ...reads]).toEqual(everywhere);
    expect(reads.map((right) => right.split(' ')[1])).toEqual([
      ...Array<string>(2).fill('storageclasses.storage.k8s.io'),
      ...Array<string>(2).fill('nodes'),
    ]);
  });
});

test('the lease is in the namespace of the operator, and nothing else is allowed there', async () => {
  const role = only(await render(), 'Role');
  expect(role.metadata.namespace).toBe('ollamamax-system');
  expect(rights(role)).toEqual(
    ['get', 'create', 'update'].map((verb) => `${verb} leases.coordination.k8s.io`),
  );
});

test("people get OllamaClusters and OllamaModels with Kubernetes' own roles", async () => {
  const objects = await render();
  for (const [name, right] of [
    ['view', 'watch ollamamodels.ollamamax.io'],
    ['edit', 'create ollamaclusters.ollamamax.io'],
    ['admin', 'deletecollection ollamaclusters.ollamamax.io'],
  ] as const) {
    const role = only(objects, 'ClusterRole', `ollamamax-${name}`);
    expect(role.metadata.labels).toMatchObject({
      [`rbac.authorization.k8s.io/aggregate-to-${name}`]: 'true',
    });
    expect(rights(role)).toContain(right);
    // What the operator says of an object is not for people to change.
    expect(rights(role).filter((one) => /^(update|patch) .*\/status/.test(one))).toEqual([]);
  }
});
