import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@ollamamax/common';
import { createKubeClient, kubeconfigConnection } from '../../../operator/src/kube/index.ts';
import type { KubeClient } from '../../../operator/src/kube/index.ts';
import { root } from '../../../scripts/bootstrap.mjs';
import { parseObjects } from '../../chart/helm.ts';
import { startControlPlane } from '../../cluster/kubernetes/control-plane.ts';
import type { ControlPlane } from '../../cluster/kubernetes/control-plane.ts';

const nodes = 5;

/**
 * Nodes whose pods get addresses of this machine: others may belong to somebody, whom the operator would ask for
 * agents. There are 254 for a node, and a rollout wants some of them twice for a while.
 */
const addNodes = async (control: ControlPlane): Promise<void> => {
  // For the program that plays nodes. It takes care of those that look like its own.
  await control.addFakeNodes(1);
  const model = JSON.parse(await control.kubectl(['get', 'node', 'fake-1', '-o=json'])) as {
    readonly metadata: Readonly<Record<'labels' | 'annotations', Readonly<Record<string, string>>>>;
    readonly status: Readonly<Record<'capacity' | 'allocatable', Readonly<Record<string, string>>>>;
  };
  await control.kubectl(['delete', 'node', 'fake-1']);
  const { labels, annotations } = model.metadata;
  const { capacity, allocatable } = model.status;
  const items = Array.from({ length: nodes }, (_unused, index) => {
    const name = `bench-${index}`;
    const podCIDR = `127.90.${index}.0/24`;
    return {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, annotations, labels: { ...labels, 'kubernetes.io/hostname': name } },
      spec: { podCIDR, podCIDRs: [podCIDR] },
      status: { capacity, allocatable },
    };
  });
  await control.kubectl(['create', '-f', '-'], {
    stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
  });
  await control.kubectl(['wait', 'node', '--all', '--for=condition=Ready', '--timeout=50s']);
};

/** A control plane with everything that `manifests/install.yaml` brings, but for the operator itself. */
export interface Plane {
  readonly control: ControlPlane;
  /** Of somebody who may do everything. */
  readonly client: KubeClient;
  readonly operatorNamespace: string;
  /** As whom the operator stands in the audit log. */
  readonly operatorUser: string;
  /** Its token and the certificate of the authority, as a pod finds them. */
  readonly serviceAccountFolder: string;
  /** Where clusters and models are made. */
  readonly namespace: string;
  stop(): Promise<void>;
}

const install = async (control: ControlPlane) => {
  const objects = parseObjects(readFileSync(join(root, 'manifests', 'install.yaml'), 'utf8'));
  const kinds = ['ollamaclusters', 'ollamamodels'].map((name) => `-f=${join(root, 'crds', `${name}.yaml`)}`);
  await control.kubectl(['apply', '--server-side', ...kinds]);
  await control.kubectl(['wait', 'crd', '--all', '--for=condition=Established', '--timeout=30s']);
  const rights = objects.filter(({ kind }) => kind !== 'Deployment' && kind !== 'CustomResourceDefinition');
  await control.kubectl(['apply', '-f', '-'], {
    stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: rights }),
  });
  const account = objects.find(({ kind }) => kind === 'ServiceAccount')?.metadata;
  if (account?.namespace === undefined) throw new Error('manifests/install.yaml has no ServiceAccount');
  return { name: account.name, namespace: account.namespace };
};

export const startPlane = async (): Promise<Plane> => {
  const control = await startControlPlane();
  const folder = mkdtempSync(join(tmpdir(), 'ollamamax-bench-operator-'));
  const close: (() => Promise<void>)[] = [
    () => control.stop(),
    async () => rmSync(folder, { recursive: true, force: true }),
  ];
  const stop = async (): Promise<void> => {
    for (const end of close) await end();
  };
  try {
    await addNodes(control);
    const { name, namespace: operatorNamespace } = await install(control);
    const token = ['create', 'token', name, `--namespace=${operatorNamespace}`, '--duration=24h'];
    writeFileSync(join(folder, 'token'), await control.kubectl(token), { mode: 0o600 });
    writeFileSync(join(folder, 'ca.crt'), control.ca);
    writeFileSync(join(folder, 'namespace'), operatorNamespace);
    const client = createKubeClient({
      connection: await kubeconfigConnection({ file: control.kubeconfig }),
      log: createLogger({ level: 'warn', format: 'text', stream: process.stderr }),
      userAgent: 'ollamamax-bench',
    });
    close.unshift(() => client.close());
    const namespace = 'bench';
    await control.kubectl(['create', 'namespace', namespace]);
    return {
      control,
      client,
      operatorNamespace,
      operatorUser: `system:serviceaccount:${operatorNamespace}:${name}`,
      serviceAccountFolder: folder,
      namespace,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
