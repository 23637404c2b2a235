import type { ConfState, Index, NodeId } from '../raft/core/types.ts';
import type { StateMachine } from '../raft/node/state-machine.ts';
import { applyCommand, applyMembers } from './state/apply-command.ts';
import { emptyCatalog, type Answer, type CatalogPart, type CatalogState } from './state/catalog-state.ts';
import { decodeCommand } from './state/decode-command.ts';
import { decodeCatalog, encodeCatalog } from './state/snapshot.ts';

/** A part of the catalogue is another one as of an entry; `all` after a snapshot took its place. */
export interface CatalogChange {
  readonly index: Index;
  readonly part: CatalogPart | 'all';
  readonly state: CatalogState;
}

/** Everybody who is in a configuration in whatever way. */
export const membersIn = ({ voters, outgoing, learners, learnersNext }: ConfState): readonly NodeId[] => [
  ...new Set([...voters, ...outgoing, ...learners, ...learnersNext]),
];

/** The catalogue as what Raft agrees on. Watchers are told of changes in their order, each after it was applied. */
export class CatalogMachine implements StateMachine {
  #state = emptyCatalog;
  #index: Index = 0;
  #config: ConfState | undefined;
  readonly #watchers = new Set<(change: CatalogChange) => void>();

  get state(): CatalogState {
    return this.#state;
  }

  /** Of the last entry that it holds. */
  get index(): Index {
    return this.#index;
  }

  /** Voters and learners as of that entry. */
  get config(): ConfState | undefined {
    return this.#config;
  }

  /** @returns ends the watching */
  watch(watcher: (change: CatalogChange) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** @throws UnknownCommandError for one of a newer version: the member must stop rather than differ from others */
  apply(index: Index, payload: Uint8Array): Answer {
    const { state, answer, changed } = applyCommand(this.#state, index, decodeCommand(payload));
    this.#state = state;
    this.#index = index;
    if (changed !== undefined) this.#tell(changed);
    return answer;
  }

  membersChanged(index: Index, config: ConfState): void {
    this.#index = index;
    this.#config = config;
    this.#state = applyMembers(this.#state, membersIn(config));
    this.#tell('members');
  }

  snapshot(): Uint8Array {
    return encodeCatalog(this.#state);
  }

  /** @throws CatalogSnapshotError */
  restore(index: Index, config: ConfState, snapshot: Uint8Array): void {
    this.#state = decodeCatalog(snapshot);
    this.#index = index;
    this.#config = config;
    this.#tell('all');
  }

  #tell(part: CatalogChange['part']): void {
    const change = { index: this.#index, part, state: this.#state };
    for (const watcher of this.#watchers) watcher(change);
  }
}
