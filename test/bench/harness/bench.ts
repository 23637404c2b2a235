/** A bound of a row: on its median, or on its median ratio to the peer. */
export interface Bound {
  readonly of: 'median' | 'ratio';
  readonly value: number;
}

/** One measured quantity of one candidate, a value per round. */
export interface Row {
  /** What was measured, with its unit in mind: `SSE first byte, added P50`. */
  readonly measure: string;
  readonly candidate: string;
  readonly unit: 'ms' | 's' | 'MB' | 'KB' | 'count' | '1/s' | '%' | '';
  readonly values: readonly number[];
  /** Which way is better. */
  readonly better: 'lower' | 'higher';
  /** What must hold; `--check` fails where it does not. */
  readonly floor?: Bound;
  /** What we want to reach. */
  readonly aim?: Bound;
  /** Paired ratios to the peer, one per round; NaN where the peer's value was too small to divide by. */
  readonly ratio?: { readonly to: string; readonly values: readonly number[] };
}

export interface BenchOptions {
  readonly rounds: number;
  /** Length of one measured slice. */
  readonly seconds: number;
  /** Aborted when the user stops the run. */
  readonly signal: AbortSignal;
  /** Says what is done now. */
  readonly progress: (text: string) => void;
}

export interface BenchResult {
  readonly rows: readonly Row[];
  /** Versions of what was measured beside ours. */
  readonly peers: Readonly<Record<string, string>>;
  /** What somebody who reads the table must know. */
  readonly notes: readonly string[];
}

export interface Bench {
  readonly name: string;
  /** One sentence for the list. */
  readonly summary: string;
  readonly defaults: { readonly rounds: number; readonly seconds: number };
  /** @throws BenchRefused when its figures would mean nothing */
  run(options: BenchOptions): Promise<BenchResult>;
}

/** The run gives no figures: something failed, a peer is missing, or there are too few samples. */
export class BenchRefused extends Error {
  override readonly name = 'BenchRefused';
}
