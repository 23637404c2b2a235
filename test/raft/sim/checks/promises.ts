import type { Message } from '../../../../agent/src/raft/core/message.ts';
import { Violation } from '../failure.ts';
import type { Chance } from '../world/chance.ts';
import type { Disk } from '../world/disk.ts';
import type { World } from '../world/world.ts';
import { durableState } from './durable-view.ts';
import type { Ledger } from './ledger.ts';

/**
 * Reading a whole disk takes long: one promise out of so many is checked against it, and each that follows a failed sync;
 * all are checked against the books.
 */
const oneIn = 100;

/** Whether what a member promises to others really is on its disk, not only said to be. */
export class Promises {
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #directory: string;
  readonly #chance: Chance;

  constructor(world: World, ledger: Ledger, directory: string) {
    this.#world = world;
    this.#ledger = ledger;
    this.#directory = directory;
    this.#chance = world.chance.stream('promises');
  }

  sent({ type, from, reject }: Message, disk: Disk): void {
    if (reject || (type !== 'appendResp' && type !== 'voteResp')) return;
    if (!this.#chance.happens(1 / oneIn) && !disk.hasFailedSync) return;
    this.#world.tally.add('promises checked on disk');
    const expected = this.#ledger.durableOf(from);
    if (expected === undefined) return;
    let found;
    try {
      found = durableState(disk, this.#directory);
    } catch (error) {
      throw new Violation(
        'durability',
        `the log of member ${from} would be refused after a crash: ${String(error)}`,
        {
          cause: error,
        },
      );
    }
    const { term, vote } = expected.hardState;
    if (found === undefined) throw new Violation('durability', `member ${from} would find no log`);
    const { hardState } = found.summary;
    if (hardState.term < term || (hardState.term === term && hardState.vote !== vote))
      throw new Violation(
        'durability',
        `member ${from} has confirmed its vote for ${vote} in term ${term}, and its disk has one for ${hardState.vote} in ${hardState.term}`,
      );
    const { lastIndex, lastTerm } = expected;
    // What is on its way as well may have replaced it.
    if (
      hardState.term === term &&
      this.#ledger.outstandingOf(from) === 0 &&
      found.term(lastIndex) !== lastTerm
    )
      throw new Violation(
        'durability',
        `member ${from} has confirmed entry ${lastIndex}, and its disk lacks it`,
      );
  }
}
