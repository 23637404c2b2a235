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
    await control.addFakeNodes(nodes);
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
