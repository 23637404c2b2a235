import type { Operation } from '../workload/command.ts';

/** What a client has asked for, and when it knew what. Times count what happens: no two are equal. */
export type Call = { readonly client: number; readonly invoked: number } & (
  | { readonly kind: 'read'; readonly key: string; readonly returned: number; readonly value: string }
  | {
      readonly kind: 'write';
      readonly operation: Operation;
      /** Infinity when nothing was ever learned: it may take effect at any time after its beginning, or never. */
      readonly returned: number;
      readonly swapped: boolean;
    }
);

export const keyOf = (call: Call): string => (call.kind === 'read' ? call.key : call.operation.key);

/** What clients have seen. */
export class History {
  readonly calls: Call[] = [];
  #time = 0;

  /** A moment after all others so far. */
  moment(): number {
    this.#time += 1;
    return this.#time;
  }
}
