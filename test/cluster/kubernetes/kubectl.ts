import { join } from 'node:path';
import { kubernetesPrograms } from '../../../scripts/kubernetes-programs.mjs';
import { run } from './run.ts';

export interface KubectlOptions {
  readonly stdin?: string;
  readonly timeoutMs?: number;
}

/** What kubectl printed. @throws with all it said when it ends badly */
export async function kubectl(
  kubeconfig: string,
  args: readonly string[],
  options: KubectlOptions = {},
): Promise<string> {
  const program = join(await kubernetesPrograms('all'), 'kubectl');
  return run(program, [`--kubeconfig=${kubeconfig}`, ...args], options);
}
