import type { ConfState, Index } from '../../raft/core/types.ts';
import type { StateMachine } from '../../raft/node/state-machine.ts';
import { CatalogMachine } from '../catalog-machine.ts';
import type { Report } from './protocol.ts';

/** The catalogue in Raft's thread: what is applied here is told to the other thread, which applies it as well. */
export class RelayMachine implements StateMachine {
  readonly catalog = new CatalogMachine();
  readonly #report: (report: Report) => void;

  constructor(report: (report: Report) => void) {
    this.#report = report;
  }

  apply(index: Index, payload: Uint8Array): unknown {
    const answer = this.catalog.apply(index, payload);
    this.#report({ kind: 'applied', index, payload });
    return answer;
  }

  membersChanged(index: Index, config: ConfState): void {
    this.catalog.membersChanged(index, config);
    this.#report({ kind: 'members', index, config });
  }

  snapshot(): Uint8Array {
    return this.catalog.snapshot();
  }

  restore(index: Index, config: ConfState, snapshot: Uint8Array): void {
    this.catalog.restore(index, config, snapshot);
    this.#report({ kind: 'restored', index, config, snapshot });
  }
}
