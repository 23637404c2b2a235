/** Helm, for the tests of the chart and for manifests/install.yaml. */
import { join } from 'node:path';
import { kubernetesPrograms } from './kubernetes-programs.mjs';
import { findProgram, isProgram } from './program.mjs';

/**
 * $OLLAMAMAX_HELM, or the one on PATH, or the one among the programs of Kubernetes.
 * @returns {Promise<import('./machine.mjs').Tool | import('./machine.mjs').Missing>}
 */
export async function helmCommand() {
  const given = process.env.OLLAMAMAX_HELM;
  if (given !== undefined && !isProgram(given)) {
    return { missing: `OLLAMAMAX_HELM names ${given}, which is no program` };
  }
  const path = given ?? findProgram('helm') ?? join(await kubernetesPrograms('all'), 'helm');
  return { env: { OLLAMAMAX_HELM: path } };
}
