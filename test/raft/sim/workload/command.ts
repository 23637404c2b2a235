import type { Index } from '../../../../agent/src/raft/core/types.ts';

/** What a client wants of a register. Values written are unique, so that what is read tells who wrote it. */
export type Operation =
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'append'; readonly key: string; readonly value: string }
  | { readonly kind: 'swap'; readonly key: string; readonly expected: string; readonly value: string };

export type Command =
  | { readonly kind: 'open'; readonly client: number; readonly attempt: number }
  | {
      readonly kind: 'operate';
      readonly session: Index;
      readonly sequence: number;
      /** Counts all attempts of all clients: each proposal is one of its own. */
      readonly attempt: number;
      readonly operation: Operation;
    };

export type Result =
  | { readonly kind: 'opened'; readonly session: Index }
  /** @property after the value of the register then; of a swap, `swapped` says whether it took place */
  | { readonly kind: 'operated'; readonly swapped: boolean }
  /** The session is not known any more, or has gone on meanwhile. */
  | { readonly kind: 'expired' };

export const encodeCommand = (command: Command, padding: number): Uint8Array =>
  new TextEncoder().encode(JSON.stringify(command) + ' '.repeat(padding));

export const decodeCommand = (payload: Uint8Array): Command =>
  JSON.parse(new TextDecoder().decode(payload)) as Command;
