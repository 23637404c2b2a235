import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { metricsReference } from './metrics-reference.ts';

/** Writes the reference of the metrics; with --check only says whether it differs, and then ends with 1. */
const name = 'docs/reference/metrics.md';
const path = fileURLToPath(new URL(`../../../${name}`, import.meta.url));
const wanted = metricsReference();

const read = (): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

if (read() !== wanted) {
  if (process.argv.includes('--check')) {
    process.stderr.write(`${name} is not what the sources say: run "npm run generate"\n`);
    process.exit(1);
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, wanted);
  process.stdout.write(`wrote ${name}\n`);
}
