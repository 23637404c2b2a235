import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { clusterConditions, eventReasons, modelConditions, type ConditionText } from '@ollamamax/api';
import { root } from '../../scripts/bootstrap.mjs';

const table = readFileSync(join(root, 'docs/condition-tests.md'), 'utf8');

/** Reason and test of each row, with the heading it stands under. */
const rows = table.split('\n## ').flatMap((section) => {
  const [heading = ''] = section.split('\n', 1);
  return [...section.matchAll(/^\|(?: (\w+) +\|)? `(\w+)` +\| \[([^\]]+)\]/gm)].map(
    ([, type = '', reason = '', file = '']) => ({
      row: `${heading} ${type} ${reason}`.replaceAll(/ +/g, ' '),
      reason,
      file,
    }),
  );
});

const listed = [
  ...Object.entries({ OllamaCluster: clusterConditions, OllamaModel: modelConditions }).flatMap(
    ([kind, conditions]) =>
      Object.entries<ConditionText>(conditions).flatMap(([type, { reasons }]) =>
        Object.keys(reasons).map((reason) => `${kind} ${type} ${reason}`),
      ),
  ),
  ...Object.keys(eventReasons).map((reason) => `Events ${reason}`),
];

test('every reason that the operator writes is in the table of tests, and no other', () => {
  expect(rows.map(({ row }) => row)).toEqual(listed);
});

test('each test in the table speaks of its reason', () => {
  const silent = rows.filter(
    ({ file, reason }) => !new RegExp(`\\b${reason}\\b`).test(readFileSync(join(root, file), 'utf8')),
  );
  expect(silent).toEqual([]);
});
