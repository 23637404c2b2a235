import type { ConfState } from '../../../../agent/src/raft/core/types.ts';
import type { AppliedBook } from '../checks/applied-book.ts';
import type { Ledger } from '../checks/ledger.ts';
import type { Leadership } from '../checks/leadership.ts';
import type { Promises } from '../checks/promises.ts';
import type { Questions } from '../checks/questions.ts';
import type { Plan } from '../swarm.ts';
import type { Network } from '../world/network.ts';
import type { World } from '../world/world.ts';

/** What the members of one cluster share. */
export interface Setting {
  readonly world: World;
  readonly plan: Plan;
  readonly network: Network;
  readonly ledger: Ledger;
  readonly leadership: Leadership;
  readonly promises: Promises;
  readonly questions: Questions;
  readonly book: AppliedBook;
  /** What every log begins with: that of a member that joins later, too. */
  readonly founding: ConfState;
}
