import { elections } from './elections.ts';
import { membership } from './membership.ts';
import type { Mutant } from './mutant.ts';
import { reads } from './reads.ts';
import { replication } from './replication.ts';
import { snapshots } from './snapshots.ts';
import { storage } from './storage.ts';

/** Mistakes that the simulation must find: what it does not find here, it would not find elsewhere. */
export const mutants: readonly Mutant[] = [
  ...elections,
  ...membership,
  ...reads,
  ...replication,
  ...snapshots,
  ...storage,
];
