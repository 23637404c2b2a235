import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startCluster } from './kubernetes/cluster.ts';
import type { Cluster } from './kubernetes/cluster.ts';
import { until } from './kubernetes/until.ts';

const image = 'local.test/busybox:1';
const nodes = [1, 2, 3];

/** A pod on one node that runs a shell script, and mounts a claim at /data if one is named. */
const pod = (name: string, node: number, script: string, claim?: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    nodeSelector: { 'kubernetes.io/hostname': `node-${node}` },
    containers: [
      {
        name: 'main',
        image,
        command: ['sh', '-c', script],
        volumeMounts: claim === undefined ? [] : [{ name: 'data', mountPath: '/data' }],
      },
    ],
    volumes: claim === undefined ? [] : [{ name: 'data', persistentVolumeClaim: { claimName: claim } }],
  },
});

const claim = (name: string, storageClassName?: string) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    ...(storageClassName === undefined ? {} : { storageClassName }),
  },
});

const service = (name: string, port: number) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ port }] },
});

const webServer =
  'mkdir /www && echo "hello from $(hostname)" >/www/index.html && exec httpd -f -p 8080 -h /www';

describe('a cluster of three nodes', () => {
  const namespace = `nodes-${process.pid}`;
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ nodes: nodes.length });
    await cluster.kubectl(['create', 'namespace', namespace]);
  }, 10 * 60_000);
  afterAll(async () => {
    await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
    await cluster.stop();
  });

  const kubectl = (args: readonly string[], stdin = '') =>
    cluster.kubectl([`--namespace=${namespace}`, ...args], { stdin });
  const create = (...objects: readonly object[]) =>
    kubectl(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  const phase = (kind: string, name: string) =>
    kubectl(['get', kind, name, '-o', 'jsonpath={.status.phase}']);
  const untilPhase = (kind: string, name: string, wanted: string) =>
    until(`${kind} ${name} is ${wanted}`, async () => (await phase(kind, name)) === wanted, {
      timeoutMs: 40_000,
      everyMs: 300,
    });

  test('runs pods on each, which reach each other by name', async () => {
    await create(pod('web', 1, webServer), service('web', 8080));
    await untilPhase('pod', 'web', 'Running');
    const ask = 'until wget -q -O - http://web:8080/; do sleep 0.2; done';
    await create(...nodes.map((node) => pod(`ask-${node}`, node, ask)));
    for (const node of nodes) {
      await untilPhase('pod', `ask-${node}`, 'Succeeded');
      expect(await kubectl(['logs', `ask-${node}`])).toMatch(/hello from web\n$/);
    }
  });

  test('gives a claim a volume where its pod runs, and removes it with the claim', async () => {
    const volumes = join(dirname(cluster.kubeconfig), 'node-2', 'volumes');
    await create(claim('data'), claim('impossible', 'no-such-class'));
    await create(pod('writer', 2, 'echo kept >/data/file', 'data'));
    await untilPhase('pod', 'writer', 'Succeeded');
    expect(await phase('pvc', 'data')).toBe('Bound');
    expect(await phase('pvc', 'impossible')).toBe('Pending');
    const [volume = ''] = readdirSync(volumes);
    expect(existsSync(join(volumes, volume, 'file'))).toBe(true);

    await kubectl(['delete', 'pod/writer', 'pvc/data', 'pvc/impossible']);
    await until('the volume is removed', () => readdirSync(volumes).length === 0);
    await until('no volume is known', async () => (await kubectl(['get', 'pv', '-o', 'name'])) === '');
  });

  test('serves by way of an ingress controller', async () => {
    const ingress = await cluster.installIngress();
    const backend = { service: { name: 'web', port: { number: 8080 } } };
    const paths = [{ path: '/', pathType: 'Prefix', backend }];
    await create({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'web' },
      spec: { ingressClassName: ingress.className, rules: [{ http: { paths } }] },
    });
    const url = `http://${ingress.address}:${ingress.httpPort}/`;
    const text = await until('the ingress controller serves', async () => {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
      return answer.ok && answer.text();
    });
    expect(text).toBe('hello from web\n');
  });

  test('cuts pods off the API server without cutting off the test', async () => {
    const knock = 'nc -w 2 10.96.0.1 443 </dev/null && echo open || echo shut';
    const fromNode = async () => {
      const answer = cluster.execOnNode(3, ['busybox', 'sh', '-c', knock]);
      return (await answer).trim();
    };
    expect(await fromNode()).toBe('open');
    await cluster.blockApiServer('10.89.0.13');
    expect(await fromNode()).toBe('shut');
    expect(await kubectl(['get', '--raw', '/readyz'])).toBe('ok');
    await cluster.unblockApiServer();
    expect(await fromNode()).toBe('open');
  });

  test('loses a node with its pods, and has it back', async () => {
    await create(pod('victim', 3, 'sleep 1000'), pod('survivor', 2, 'sleep 1000'));
    await untilPhase('pod', 'victim', 'Running');
    await untilPhase('pod', 'survivor', 'Running');
    await cluster.stopNode(3);
    await expect(cluster.execOnNode(3, ['true'])).rejects.toThrow('node-3 does not run');
    expect(await kubectl(['exec', 'survivor', '--', 'echo', 'alive'])).toBe('alive\n');
    await cluster.startNode(3);
    await create(pod('again', 3, 'echo back'));
    await untilPhase('pod', 'again', 'Succeeded');
  });

  test('does not hear from a node whose cable is pulled', async () => {
    const ping = ['ping', '-c1', '-W1', '10.89.0.12'];
    await cluster.partitionNode(2, true);
    await expect(cluster.execOnNode(1, ['busybox', ...ping])).rejects.toThrow(/0 packets received/);
    await cluster.partitionNode(2, false);
    expect(await cluster.execOnNode(1, ['busybox', ...ping])).toContain('1 packets received');
    expect(await kubectl(['exec', 'survivor', '--', 'echo', 'alive'])).toBe('alive\n');
  });
});
