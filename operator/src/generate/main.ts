import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chartFile, chartReadme, valuesFile, valuesSchemaFile } from './chart-files.ts';
import { crdFile, crdTemplate } from './crd-files.ts';

/** Writes CRDs and what of the chart is made from the sources; with --check only says what differs, and then ends with 1. */
const documents: Readonly<Record<string, string>> = {
  'crds/ollamaclusters.yaml': crdFile('cluster'),
  'crds/ollamamodels.yaml': crdFile('model'),
  'helm/ollamamax/templates/crds/ollamaclusters.yaml': crdTemplate('cluster'),
  'helm/ollamamax/templates/crds/ollamamodels.yaml': crdTemplate('model'),
  'helm/ollamamax/Chart.yaml': chartFile(),
  'helm/ollamamax/README.md': chartReadme(),
  'helm/ollamamax/values.yaml': valuesFile(),
  'helm/ollamamax/values.schema.json': valuesSchemaFile(),
};

const locate = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

const isCurrent = (path: string, text: string): boolean => {
  try {
    return readFileSync(locate(path), 'utf8') === text;
  } catch {
    return false;
  }
};

const changed = Object.entries(documents).filter(([path, text]) => !isCurrent(path, text));
if (process.argv.includes('--check')) {
  for (const [path] of changed)
    process.stderr.write(`${path} is not what the sources say: run "npm run generate"\n`);
  process.exit(changed.length === 0 ? 0 : 1);
}
for (const [path, text] of changed) {
  mkdirSync(dirname(locate(path)), { recursive: true });
  writeFileSync(locate(path), text);
  process.stdout.write(`wrote ${path}\n`);
}
