import { faultKinds } from './swarm.ts';

/** What a simulation that is worth anything has met with, some time in a few hundred seeds. */
export const situations: readonly string[] = [
  'bits flipped',
  'changes applied',
  'compactions',
  'crashes that kept the end only',
  'crashes that lost names',
  'crashes that lost writes',
  'crashes that tore a write',
  'disks full',
  'disks lost',
  'elections',
  'entries truncated',
  ...faultKinds.map((kind) => `fault ${kind}`),
  'joint configurations',
  'learners promoted',
  'log in trouble',
  'messages duplicated',
  'messages lost',
  'messages out of order',
  'promises checked on disk',
  'proposals applied',
  'proposals refused',
  'proposals unknown',
  'reads failed',
  'reads served',
  'refused to start on a damaged disk',
  'removed members retired',
  'runs healed',
  'snapshots installed',
  'snapshots sent',
  'snapshots taken',
  'starts',
  'stopped by the disk',
  'syncs failed',
  'torn tails recovered',
  'transfers completed',
  'voters demoted',
  'work kept that was not confirmed',
  'writes acknowledged after retries',
  'writes failed',
  'writes of unknown outcome',
];

/** How often which of them came about, to be read by people. */
export const describeCoverage = (counts: ReadonlyMap<string, number>): string[] => {
  const width = Math.max(...situations.map((what) => what.length));
  const cells = situations.map(
    (what) => `${what.padEnd(width)} ${String(counts.get(what) ?? 0).padStart(10)}`,
  );
  const rows = Math.ceil(cells.length / 2);
  return cells.slice(0, rows).map((cell, at) => `${cell}    ${cells[rows + at] ?? ''}`.trimEnd());
};
