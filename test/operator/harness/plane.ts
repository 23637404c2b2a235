import { dirname, join } from 'node:path';
import { until } from '../../cluster/kubernetes/until.ts';
import { startControlPlane } from '../../cluster/kubernetes/control-plane.ts';
import type { ControlPlane } from '../../cluster/kubernetes/control-plane.ts';
import { outcome, root, start } from '../../harness/cli.ts';
import type { Outcome } from '../../harness/cli.ts';
import { kubernetesPrograms } from '../../../scripts/kubernetes-programs.mjs';
import { Objects } from './objects.ts';
import { startOperator } from './operator-process.ts';
import type { OperatorOptions, OperatorProcess } from './operator-process.ts';

/** For `beforeAll`: the programs of Kubernetes may have to be unpacked first. */
export const startTimeoutMs = 5 * 60_000;

/** A control plane that knows our kinds, and the operators that work on it. */
export interface Plane {
  readonly control: ControlPlane;
  readonly objects: Objects;
  /** Makes a namespace and gives back its name. */
  namespace(name: string, labels?: Readonly<Record<string, string>>): Promise<string>;
  /** kubectl as a user runs it. */
  kubectl(args: readonly string[], input?: string): Promise<Outcome>;
  operator(options?: Partial<OperatorOptions>): Promise<OperatorProcess>;
  /** Ends the operators that still run as a power cut does. */
  stopOperators(): Promise<void>;
  /** Ends the operators that still run, and the control plane. */
  stop(): Promise<void>;
}

/** The user as whom operators write, so that the audit log tells them from others. */
export const operatorUser = 'ollamamax-operator';

export const startPlane = async (): Promise<Plane> => {
  const control = await startControlPlane();
  const objects = new Objects(control.kubeconfig);
  const program = join(await kubernetesPrograms('all'), 'kubectl');
  const operators: OperatorProcess[] = [];
  const kubectl = (args: readonly string[], input = ''): Promise<Outcome> =>
    outcome(
      start(
        program,
        [
          `--kubeconfig=${control.kubeconfig}`,
          // Not in the home of whoever runs the tests.
          `--cache-dir=${join(dirname(control.kubeconfig), 'kubectl-cache')}`,
          ...args,
        ],
        { input },
      ),
    );
  const stopOperators = async (): Promise<void> => {
    await Promise.all(operators.splice(0).map((operator) => operator.kill()));
  };
  const stop = async (): Promise<void> => {
    await stopOperators();
    objects.close();
    await control.stop();
  };
  try {
    const crds = ['ollamaclusters', 'ollamamodels'].map((name) => `-f=${join(root, 'crds', `${name}.yaml`)}`);
    await control.kubectl(['apply', '--server-side', ...crds]);
    await until('our kinds are served', async () => {
      await Promise.all([objects.list('OllamaCluster'), objects.list('OllamaModel')]);
      return true;
    });
    const kubeconfig = await control.kubeconfigFor({ user: operatorUser, groups: ['system:masters'] });
    return {
      control,
      objects,
      kubectl,
      namespace: async (name, labels = {}) => {
        await objects.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
        return name;
      },
      operator: async (options = {}) => {
        const operator = await startOperator({ kubeconfig, ...options });
        operators.push(operator);
        return operator;
      },
      stopOperators,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
