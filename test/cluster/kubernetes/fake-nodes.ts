import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kubernetesPrograms } from '../../../scripts/kubernetes-programs.mjs';
import type { ControlPlaneDaemons } from './control-plane-daemons.ts';
import { freePorts } from './free-ports.ts';
import { kubectl } from './kubectl.ts';

const mark = 'kwok.x-k8s.io/node';

/**
 * Adds nodes that only say they are there, `fake-1` and so on: what is scheduled to them counts as running and ready
 * at once.
 */
export async function addFakeNodes(
  { daemons, kubeconfig }: ControlPlaneDaemons,
  count: number,
): Promise<void> {
  const [port = 0] = await freePorts(1);
  daemons.start('kwok', [
    join(await kubernetesPrograms('kwok'), 'kwok'),
    `--kubeconfig=${kubeconfig}`,
    `--config=${fileURLToPath(new URL('manifests/kwok-stages.yaml', import.meta.url))}`,
    '--manage-all-nodes=false',
    `--manage-nodes-with-annotation-selector=${mark}=fake`,
    '--node-lease-duration-seconds=40',
    `--server-address=127.0.0.1:${port}`,
  ]);
  const capacity = { cpu: '64', memory: '256Gi', pods: '1000' };
  const items = Array.from({ length: count }, (_unused, index) => {
    const name = `fake-${index + 1}`;
    const labels = { type: 'fake', 'kubernetes.io/os': 'linux', 'kubernetes.io/hostname': name };
    return {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, annotations: { [mark]: 'fake' }, labels },
      status: { allocatable: capacity, capacity },
    };
  });
  await kubectl(kubeconfig, ['create', '-f', '-'], {
    stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
  });
  await kubectl(kubeconfig, ['wait', 'node', '-l', 'type=fake', '--for=condition=Ready', '--timeout=50s']);
}
