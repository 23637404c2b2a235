import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { startControlPlane } from './control-plane.ts';
import type { ControlPlane } from './control-plane.ts';
import { identify, processesWith } from './process-facts.ts';
import { until } from './until.ts';

const configMap = (name: string) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: 'b' } });

const processesOf = (folder: string) =>
  processesWith('OLLAMAMAX_KUBERNETES_FOLDER', folder).filter((pid) => identify(pid) !== undefined);

describe('a control plane without nodes', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
  }, 10 * 60_000);
  afterAll(() => plane.stop());

  test('answers', async () => {
    const { serverVersion } = JSON.parse(await plane.kubectl(['version', '-o', 'json'])) as {
      serverVersion: { gitVersion: string };
    };
    expect(serverVersion.gitVersion).toMatch(/^v1\.34\./);
    expect(plane.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(plane.ca).toMatch(/^-----BEGIN CERTIFICATE-----/);
  });

  test('keeps an account of what is written, and none of what is read', async () => {
    const user = 'somebody';
    await plane.kubectl(['create', 'clusterrolebinding', user, '--clusterrole=edit', `--user=${user}`]);
    const kubeconfig = await plane.kubeconfigFor({ user });
    const as = (args: string[], stdin?: string) =>
      plane.kubectl([`--kubeconfig=${kubeconfig}`, ...args], stdin === undefined ? {} : { stdin });
    // The API server takes a moment to notice the new right.
    await until('the user may read', () => as(['get', 'configmaps']));
    expect(plane.auditedWrites(user)).toEqual([]);
    await as(['create', '-f', '-'], configMap('written'));
    await as(['get', 'configmap', 'written']);
    await expect(as(['create', 'namespace', 'refused'])).rejects.toThrow(/forbidden/);
    expect(plane.auditedWrites(user)).toEqual([
      { user, verb: 'create', resource: 'configmaps', namespace: 'default', name: 'written', status: 201 },
      { user, verb: 'create', resource: 'namespaces', namespace: '', name: '', status: 403 },
    ]);
  });

  test('comes back after a restart, with what it knew', async () => {
    await plane.kubectl(['create', '-f', '-'], { stdin: configMap('kept') });
    await plane.restartApiServer();
    expect(await plane.kubectl(['get', 'configmap', 'kept', '-o', 'name'])).toBe('configmap/kept\n');
  });

  test('answers nothing while it is paused', async () => {
    plane.pauseApiServer();
    await expect(plane.kubectl(['get', 'nodes'], { timeoutMs: 1500 })).rejects.toThrow(/SIGKILL/);
    plane.resumeApiServer();
    expect(await plane.kubectl(['get', 'nodes'])).toBe('');
  });

  test('knows the kinds of Prometheus once they are installed', async () => {
    await plane.installMonitoringKinds();
    expect(await plane.kubectl(['get', 'servicemonitors,prometheusrules', '--all-namespaces'])).toBe('');
  });

  test('runs pods on nodes that only say they are there', async () => {
    await plane.addFakeNodes(3);
    await plane.kubectl(['create', 'deployment', 'fake', '--image=none', '--replicas=9']);
    await plane.kubectl(['rollout', 'status', 'deployment/fake', '--timeout=30s']);
  });

  test('leaves nothing when it is stopped, and does nothing to others', async () => {
    const other = await startControlPlane();
    const folder = dirname(other.kubeconfig);
    expect(processesOf(folder)).toHaveLength(4);
    await other.stop();
    expect(processesOf(folder)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
    expect(await plane.kubectl(['get', '--raw', '/readyz'])).toBe('ok');
  });
});
