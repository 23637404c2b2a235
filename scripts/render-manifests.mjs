/**
 * Writes manifests/install.yaml: what the chart makes with its defaults, for clusters without Helm. With --check it
 * only says whether the file is up to date, and ends with 1 when it is not.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, root } from './bootstrap.mjs';
import { helmCommand } from './helm.mjs';
import { capture, endWith } from './step.mjs';

const path = 'manifests/install.yaml';
const namespace = 'ollamamax-system';

/** What says that Helm looks after an object, where it does not. */
const helmsOwn = /^ *(helm\.sh\/chart|app\.kubernetes\.io\/managed-by): .*\n/gm;

const head = `# Made by \`node scripts/render-manifests.mjs\` from helm/ollamamax; do not edit.
---
apiVersion: v1
kind: Namespace
metadata:
  name: ${namespace}
  labels:
    app.kubernetes.io/part-of: ollamamax
    pod-security.kubernetes.io/enforce: restricted
`;

/** @returns {Promise<string>} */
async function render() {
  const helm = await helmCommand();
  if ('missing' in helm) throw new Error(helm.missing);
  const rendered = await capture({
    file: helm.env.OLLAMAMAX_HELM ?? 'helm',
    args: [
      'template',
      'ollamamax',
      join(root, 'helm', 'ollamamax'),
      `--namespace=${namespace}`,
      // The chart looks at nothing of the version; without this it is that of Helm's own libraries.
      '--kube-version=1.34.0',
      // The policy speaks to Helm.
      '--set=crds.keep=false',
    ],
  });
  return head + rendered.replaceAll(helmsOwn, '');
}

await bootstrap({ dashboard: false }).catch(endWith);
const text = await render().catch(endWith);
if (!process.argv.includes('--check')) writeFileSync(join(root, path), text);
else if (readFileSync(join(root, path), 'utf8') !== text) {
  process.stderr.write(`${path} is not what the chart makes: run "node scripts/render-manifests.mjs"\n`);
  process.exitCode = 1;
}
