import type { EntryId, Index, Term } from '../core/types.ts';

/** The greatest position whose value is not above `limit`, in ascending values; -1 when there is none. */
const lastNotAbove = (values: readonly number[], limit: number): number => {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? Infinity) <= limit) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};

/**
 * Terms of the log, as the indexes at which they begin: few, since a term begins with an election. What it is asked
 * about is answered without the disk.
 */
export class TermRuns {
  readonly #starts: Index[];
  readonly #terms: Term[];

  /** Begins with one entry. */
  constructor({ index, term }: EntryId) {
    this.#starts = [index];
    this.#terms = [term];
  }

  /** @returns undefined below the first entry; above the last one the answer means nothing */
  at(index: Index): Term | undefined {
    const last = this.#starts.length - 1;
    if (index >= (this.#starts[last] ?? Infinity)) return this.#terms[last];
    return this.#terms[lastNotAbove(this.#starts, index)];
  }

  /** Replaces what there is from an index on. */
  replaceFrom(index: Index, runs: readonly EntryId[]): void {
    const last = this.#starts.length - 1;
    // As most are: more of the same term behind all the others.
    if (index > (this.#starts[last] ?? 0) && runs.length === 1 && runs[0]?.term === this.#terms[last]) return;
    const kept = lastNotAbove(this.#starts, index - 1) + 1;
    this.#starts.length = kept;
    this.#terms.length = kept;
    for (const run of runs) {
      if (this.#terms.at(-1) === run.term) continue;
      this.#starts.push(run.index);
      this.#terms.push(run.term);
    }
  }

  forgetBelow(index: Index): void {
    const first = lastNotAbove(this.#starts, index);
    if (first < 0) return;
    this.#starts.splice(0, first);
    this.#terms.splice(0, first);
    this.#starts[0] = index;
  }
}

/** Where a record begins, and what it is chained with. */
export interface Position {
  /** Of the segment. */
  readonly sequence: number;
  readonly offset: number;
  readonly seed: number;
}

/** From where to read forward to find entries below `limit`. */
export interface Stretch extends Position {
  readonly limit: Index;
}

/** One point per this many bytes of log: reading may have to skip as much. */
const pointEveryBytes = 4096;

interface Point extends Position {
  /** Whether reading on from the point before does not lead here: it is of another segment, or overwrites entries. */
  readonly isBreak: boolean;
}

/**
 * Finds entries in the segments. It holds not every record but points, each of which says: read from here, and the
 * entries from `first` on follow without a gap and without one that was overwritten, up to the next break. So a record
 * that overwrites others always gets a point, which ends the stretch before it.
 */
export class LogIndex {
  readonly #firsts: Index[] = [];
  readonly #points: Point[] = [];

  /** @param overwrites whether entries from `first` on were there before */
  add(first: Index, position: Position, overwrites: boolean): void {
    if (overwrites) {
      const kept = lastNotAbove(this.#firsts, first - 1) + 1;
      this.#firsts.length = kept;
      this.#points.length = kept;
    }
    const last = this.#points.at(-1);
    const isBreak = overwrites || last?.sequence !== position.sequence;
    if (!isBreak && position.offset - last.offset < pointEveryBytes) return;
    this.#firsts.push(first);
    this.#points.push({ ...position, isBreak });
  }

  clear(): void {
    this.#firsts.length = 0;
    this.#points.length = 0;
  }

  forgetBelow(index: Index): void {
    const first = lastNotAbove(this.#firsts, index);
    this.#firsts.splice(0, first);
    this.#points.splice(0, first);
  }

  /**
   * @param to up to where entries are wanted
   * @returns undefined when the index is below all there is
   */
  stretchOf(index: Index, to: Index): Stretch | undefined {
    const at = lastNotAbove(this.#firsts, index);
    const point = this.#points[at];
    if (point === undefined) return undefined;
    let next = at + 1;
    while ((this.#firsts[next] ?? Infinity) < to && this.#points[next]?.isBreak === false) next += 1;
    const { sequence, offset, seed } = point;
    return { sequence, offset, seed, limit: this.#firsts[next] ?? Infinity };
  }
}
