import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { missingForControlPlane } from '../../../scripts/kubernetes-programs.mjs';
import { installMonitoringKinds } from './add-ons.ts';
import { readAuditLog } from './audit-log.ts';
import type { AuditedWrite } from './audit-log.ts';
import { writeKubeconfig } from './certificates.ts';
import type { Subject } from './certificates.ts';
import { ControlPlaneDaemons } from './control-plane-daemons.ts';
import { addFakeNodes } from './fake-nodes.ts';
import { newControlPlaneFolder, removeControlPlanes, removeFolder } from './folders.ts';
import { kubectl } from './kubectl.ts';
import type { KubectlOptions } from './kubectl.ts';

/** A real API server with its controllers and scheduler, and no nodes. */
export interface ControlPlane {
  /** Path of one that may do everything. */
  readonly kubeconfig: string;
  readonly url: string;
  /** Certificate of the authority, PEM. */
  readonly ca: string;
  /** One JSON document per write and line. */
  readonly auditLogFile: string;
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<string>;
  /** Path of one for a user of that name, who may do what RBAC says. */
  kubeconfigFor(subject: Pick<Subject, 'user' | 'groups'>): Promise<string>;
  /** Every request so far that changed something or tried to, oldest first, by anybody or by one user. */
  auditedWrites(user?: string): readonly AuditedWrite[];
  /** Makes ServiceMonitor and PrometheusRule known. */
  installMonitoringKinds(): Promise<void>;
  /** Adds nodes that only say they are there: what is scheduled to them counts as running and ready at once. */
  addFakeNodes(count: number): Promise<void>;
  /** Cuts every connection, and comes back. */
  restartApiServer(): Promise<void>;
  /** Lets it take connections and answer nothing. */
  pauseApiServer(): void;
  resumeApiServer(): void;
  stop(): Promise<void>;
}

/** Starts one on 127.0.0.1 at ports of its own: needs no root, and several may run at once. */
export async function startControlPlane(): Promise<ControlPlane> {
  const missing = missingForControlPlane();
  if (missing !== undefined) throw new Error(missing);
  await removeControlPlanes();
  const folder = newControlPlaneFolder();
  const stop = () => removeFolder(folder);
  const daemons = new ControlPlaneDaemons({
    folder,
    address: '127.0.0.1',
    nodeGraceSeconds: 20,
    endpoints: false,
  });
  try {
    await daemons.start();
  } catch (error) {
    await stop();
    throw error;
  }
  const { kubeconfig, auditLogFile, url } = daemons;
  return {
    kubeconfig,
    url,
    auditLogFile,
    ca: readFileSync(daemons.certificates.file('ca.crt'), 'utf8'),
    kubectl: (args, options) => kubectl(kubeconfig, args, options),
    kubeconfigFor: (subject) => kubeconfigFor(daemons, folder, subject),
    auditedWrites: (user) => auditedWrites(auditLogFile, user),
    installMonitoringKinds: () => installMonitoringKinds(kubeconfig),
    addFakeNodes: (count) => addFakeNodes(daemons, count),
    restartApiServer: () => daemons.restartApiServer(),
    pauseApiServer: () => daemons.daemons.signal('kube-apiserver', 'SIGSTOP'),
    resumeApiServer: () => daemons.daemons.signal('kube-apiserver', 'SIGCONT'),
    stop,
  };
}

/** Writes the kubeconfig of a user into the folder of a cluster. Returns its path. */
export async function kubeconfigFor(
  { certificates, url }: ControlPlaneDaemons,
  folder: string,
  subject: Subject,
): Promise<string> {
  const name = `user-${encodeURIComponent(JSON.stringify(subject))}`;
  await certificates.issue(name, subject);
  const path = join(folder, `${name}.kubeconfig`);
  writeKubeconfig(path, url, certificates, name);
  return path;
}

export function auditedWrites(file: string, user?: string): readonly AuditedWrite[] {
  return readAuditLog(file).filter((write) => user === undefined || write.user === user);
}
