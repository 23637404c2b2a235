import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { apiReference } from './api-reference.ts';
import { conditionReference } from './condition-reference.ts';
import { configurationReference } from './configuration-reference.ts';
import { customResourceReference } from './custom-resource-reference.ts';
import { errorReference } from './error-reference.ts';
import { eventReference } from './event-reference.ts';
import { internalReference } from './internal-reference.ts';
import { namesReference } from './names-reference.ts';
import { openApiDocument } from '../openapi/document.ts';

/** Writes what is made from the contract; with --check only says which files differ, and then ends with 1. */
const documents: Readonly<Record<string, string>> = {
  'docs/reference/openapi.json': `${JSON.stringify(openApiDocument(), null, 2)}\n`,
  'docs/reference/api.md': apiReference(),
  'docs/reference/errors.md': errorReference(),
  'docs/reference/configuration.md': configurationReference(),
  'docs/reference/ports-and-names.md': namesReference(),
  'docs/reference/events.md': eventReference(),
  'docs/reference/internal-api.md': internalReference(),
  'docs/reference/custom-resources.md': customResourceReference(),
  'docs/reference/conditions.md': conditionReference(),
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
