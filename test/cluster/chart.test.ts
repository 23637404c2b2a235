import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { clusterObject, createNamespace, isReady, modelObject, type Namespace } from './namespace.ts';
import { until } from './kubernetes/until.ts';
import { chart, operatorNamespace, startStack, type Stack } from './stack.ts';

let stack: Stack;
let space: Namespace;

beforeAll(async () => {
  stack = await startStack();
  space = await createNamespace(stack, 'chart');
}, 20 * 60_000);

afterAll(async () => {
  await space.remove();
  await stack.stop();
}, 120_000);

const podsOfOperator = async (): Promise<readonly string[]> =>
  (await stack.cluster.kubectl(['-n', operatorNamespace, 'get', 'pods', '-o', 'name']))
    .split('\n')
    .filter(Boolean);

test('the operator runs in a namespace that enforces the restricted Pod Security level', async () => {
  await stack.cluster.kubectl([
    'label',
    'namespace',
    operatorNamespace,
    '--overwrite',
    'pod-security.kubernetes.io/enforce=restricted',
  ]);
  await stack.cluster.kubectl(['-n', operatorNamespace, 'delete', 'pods', '--all', '--wait=false']);
  await stack.cluster.kubectl(
    ['-n', operatorNamespace, 'rollout', 'status', 'deploy/ollamamax-operator', '--timeout=90s'],
    { timeoutMs: 100_000 },
  );
  expect((await podsOfOperator()).length).toBeGreaterThan(0);
}, 180_000);

test('an upgrade with everything on keeps what serves; a value that is unknown is refused and changes nothing', async () => {
  await space.apply(
    clusterObject('demo', { replicas: 1, auth: { enabled: false } }),
    modelObject('tiny', 'demo'),
  );
  await space.untilCluster('it serves', isReady);
  const uid = () => space.kubectl(['get', 'pods', '-o', 'jsonpath={.items[*].metadata.uid}']);
  const before = await uid();
  const upgrade = (...values: string[]) =>
    stack.helm([
      'upgrade',
      'ollamamax',
      chart,
      `--namespace=${operatorNamespace}`,
      '--reuse-values',
      '--wait',
      '--timeout=120s',
      ...values,
    ]);
  await upgrade(
    '--set=replicas=2',
    '--set=podDisruptionBudget.enabled=true',
    '--set=networkPolicy.enabled=true',
    '--set=log.level=debug',
  );
  // The old one takes a moment to go.
  await until('two operators run', async () => (await podsOfOperator()).length === 2);
  await expect(upgrade('--set=replica=3')).rejects.toThrow(/replica/);
  await space.apply(clusterObject('demo', { replicas: 2, auth: { enabled: false } }));
  await space.untilCluster('the new operators act', (one) => isReady(one) && one.status?.readyReplicas === 2);
  expect(await uid()).toContain(before);
}, 400_000);

test('watching some namespaces only needs rights in these only', async () => {
  await stack.helm([
    'upgrade',
    'ollamamax',
    chart,
    `--namespace=${operatorNamespace}`,
    '--reuse-values',
    '--wait',
    '--timeout=120s',
    `--set=watch.namespaces={${space.name}}`,
    '--set=replicas=1',
  ]);
  const may = (namespace: string) =>
    stack.cluster
      .kubectl([
        'auth',
        'can-i',
        'create',
        'statefulsets.apps',
        `--as=system:serviceaccount:${operatorNamespace}:ollamamax-operator`,
        '-n',
        namespace,
      ])
      .then(
        (text) => text.trim(),
        () => 'no',
      );
  expect(await may(space.name)).toBe('yes');
  expect(await may('default')).toBe('no');
  await space.apply(clusterObject('demo', { replicas: 1, auth: { enabled: false } }));
  await space.untilCluster('it acts there', (one) => isReady(one) && one.status?.replicas === 1);
}, 300_000);

test('uninstalling leaves the agents, the definitions and what they define; installing again takes them up', async () => {
  const pods = await space.kubectl(['get', 'pods', '-o', 'jsonpath={.items[*].metadata.uid}']);
  await stack.helm([
    'uninstall',
    'ollamamax',
    `--namespace=${operatorNamespace}`,
    '--wait',
    '--timeout=120s',
  ]);
  await until('the operator is gone', async () => (await podsOfOperator()).length === 0);
  expect((await space.cluster()).metadata.name).toBe('demo');
  expect(await space.kubectl(['get', 'pods', '-o', 'jsonpath={.items[*].metadata.uid}'])).toBe(pods);
  await stack.installChart();
  await space.kubectl(['annotate', 'oc', 'demo', 'example.com/touched=yes']);
  await space.untilCluster('it is looked after again', isReady);
  expect(await space.kubectl(['get', 'pods', '-o', 'jsonpath={.items[*].metadata.uid}'])).toBe(pods);
}, 300_000);
