import type { Index, NodeId } from '../../../../agent/src/raft/core/types.ts';
import { Violation } from '../failure.ts';
import type { Command } from '../workload/command.ts';

/** State machines that have applied the same entries must have come to the same state, and to it only once. */
export class AppliedBook {
  /** By index, the hash of everything that was applied up to there. */
  readonly #hashes = new Map<Index, { readonly hash: number; readonly by: NodeId }>();
  /** Whole states, as snapshots hold them. */
  readonly #images = new Map<Index, { readonly image: string; readonly by: NodeId }>();
  readonly #attempts = new Set<number>();
  /** By index, which attempt was applied there. */
  readonly #appliedAt = new Map<Index, number>();
  readonly #refused = new Set<number>();

  applied(id: NodeId, index: Index, hash: number): void {
    const known = this.#hashes.get(index);
    if (known === undefined) this.#hashes.set(index, { hash, by: id });
    else if (known.hash !== hash)
      throw new Violation(
        'state machine safety',
        `up to entry ${index} member ${id} has applied other commands than member ${known.by}`,
      );
  }

  command(index: Index, command: Command): void {
    const { attempt } = command;
    if (this.#refused.has(attempt))
      throw new Violation('refusals', `entry ${index} holds attempt ${attempt}, which was refused`);
    this.#attempts.add(attempt);
    this.#appliedAt.set(index, attempt);
  }

  /** Whoever proposed it was told that it was applied, and where. */
  answered(attempt: number, index: Index): void {
    const applied = this.#appliedAt.get(index);
    if (applied !== attempt)
      throw new Violation(
        'proposals',
        `attempt ${attempt} is said to be applied at ${index}, where attempt ${applied} is`,
      );
  }

  /** Whoever proposed it was told that it is in no log and never will be. */
  refused(attempt: number): void {
    if (this.#attempts.has(attempt))
      throw new Violation('refusals', `attempt ${attempt} is refused after it was applied`);
    this.#refused.add(attempt);
  }

  image(id: NodeId, index: Index, image: string): void {
    const known = this.#images.get(index);
    if (known === undefined) this.#images.set(index, { image, by: id });
    else if (known.image !== image)
      throw new Violation(
        'state machine safety',
        `at ${index} the state of member ${id} is another than that of member ${known.by}: ${image} / ${known.image}`,
      );
  }
}
