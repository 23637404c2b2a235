import type { WalOptions } from './open-wal.ts';
import { seeded, SimDisk, type Fate } from './sim-disk.fixture.ts';
import type { StorageError } from './storage-error.ts';
import { contentOf, give, nextDeed, openedWal, WalModel, type Deed } from './wal-model.fixture.ts';
import type { Wal } from './wal.ts';

/** What a power cut may do to each sector and name: nothing, everything, or whatever comes. */
export const fates = (random: () => number): Fate[] => [
  () => 0,
  (versions) => versions,
  ...[0.15, 0.5, 0.85].map(
    (share): Fate =>
      (versions) =>
        random() < share ? 1 + Math.floor(random() * versions) : 0,
  ),
];

/** A log under load on a simulated disk, and what is known of it. */
export class WalRun {
  readonly disk: SimDisk;
  readonly model = new WalModel();
  /** What the log holds after so many deeds. */
  readonly contents = [this.model.content];
  readonly random: () => number;
  readonly wal: Wal;
  readonly failures: StorageError[] = [];
  readonly troubles: StorageError[] = [];
  /** How many deeds were said to be done. */
  done = 0;
  /** How many of them no crash may undo. */
  lasting = 0;
  /** Called for each deed that is said to be done. */
  onDone: (number: number) => void = () => undefined;
  #applied = 0;

  constructor(seed: number, more: Partial<WalOptions> = {}, disk = new SimDisk()) {
    this.disk = disk;
    this.random = seeded(seed);
    this.wal = openedWal(disk, {
      onFailure: (error) => this.failures.push(error),
      onTrouble: (error) => this.troubles.push(error),
      ...more,
    });
  }

  get deeds(): number {
    return this.contents.length - 1;
  }

  /** Deeds in groups of some, while the disk does its part at its pace, until there are so many. */
  work(deeds: number, keeps = false): void {
    while (this.deeds < deeds && this.failures.length === 0) {
      const together = Math.min(1 + Math.floor(this.random() * 3), deeds - this.deeds);
      for (let count = 0; count < together; count += 1)
        this.do(nextDeed(this.model, { applied: this.#applied, keeps }, this.random));
      for (let count = Math.floor(this.random() * 8); count > 0; count -= 1) this.disk.step();
    }
    this.disk.run();
  }

  do(deed: Deed): void {
    const before = this.model.content;
    this.model.do(deed);
    // What changes nothing needs no sync, whatever was asked for.
    const mustLast = deed.kind === 'append' ? deed.work.mustSync : this.model.content !== before;
    this.contents.push(this.model.content);
    const { commit } = this.model.hardState;
    const number = this.deeds;
    give(this.wal, deed, () => {
      if (this.failures.length > 0) throw new Error(`deed ${number} is done after a failure`);
      if (this.done !== number - 1) throw new Error(`deed ${number} is done after ${this.done}`);
      this.done = number;
      this.onDone(number);
      if (mustLast) this.lasting = number;
      this.#applied = Math.max(this.#applied, commit);
    });
  }

  /**
   * Fails unless the log on this disk is what this one was after some deeds, none that must last missing.
   * @returns the log
   */
  check(disk: SimDisk, atLeast = this.lasting): Wal {
    const wal = openedWal(disk);
    const content = contentOf(wal);
    const number = this.contents.lastIndexOf(content);
    if (number < atLeast) {
      const known = this.contents[number] === undefined ? 'which it never was' : `after deed ${number}`;
      throw new Error(`${this.deeds} deeds, ${atLeast} must last; recovered, ${known}: ${content}`);
    }
    return wal;
  }
}
