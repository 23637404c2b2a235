import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/bootstrap.mjs';
import { parseObjects } from './helm.ts';

test('manifests/install.yaml is what the chart makes', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts/render-manifests.mjs'), '--check'],
    {
      encoding: 'utf8',
      env: process.env,
    },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('it begins with its namespace and says nowhere that Helm looks after it', () => {
  const objects = parseObjects(readFileSync(join(root, 'manifests/install.yaml'), 'utf8'));
  expect(objects[0]).toMatchObject({ kind: 'Namespace', metadata: { name: 'ollamamax-system' } });
  expect(objects.length).toBeGreaterThan(10);
  for (const { kind, metadata } of objects) {
    expect(`${kind} ${JSON.stringify(metadata)}`).not.toMatch(/helm/i);
  }
});
