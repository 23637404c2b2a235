import { crc32 } from 'node:zlib';
import type { ConfState, Index } from '../../../../agent/src/raft/core/types.ts';
import type { StateMachine } from '../../../../agent/src/raft/node/state-machine.ts';
import { Violation } from '../failure.ts';
import { decodeCommand, type Command, type Operation, type Result } from './command.ts';

/** Equal for equal members. */
const configText = ({ voters, outgoing, learners, learnersNext, autoLeave }: ConfState): string =>
  JSON.stringify([voters, outgoing, learners, learnersNext, autoLeave]);

interface Session {
  sequence: number;
  result: Result;
  /** Index of its last command: the session that was used longest ago goes first. */
  used: Index;
}

const maxSessions = 12;

/** What of a register a swap compares: its last value. */
const lastOf = (value: string): string => value.slice(value.lastIndexOf(' ') + 1);

/** What an operation makes of a register. */
export const operate = (
  before: string,
  operation: Operation,
): { readonly value: string; readonly swapped: boolean } => {
  if (operation.kind === 'put') return { value: operation.value, swapped: false };
  if (operation.kind === 'append')
    return { value: before === '' ? operation.value : `${before} ${operation.value}`, swapped: false };
  const swapped = lastOf(before) === operation.expected;
  return { value: swapped ? operation.value : before, swapped };
};

export interface RegistersObserver {
  /** A command was applied; `hash` is that of all commands and changes of members so far. */
  applied(index: Index, hash: number, command: Command): void;
  membersChanged(index: Index, hash: number, config: ConfState): void;
  restored(index: Index, image: string): void;
}

/** What a snapshot holds. */
interface Image {
  readonly applied: Index;
  readonly hash: number;
  readonly config: string;
  readonly registers: readonly (readonly [string, string])[];
  readonly sessions: readonly (readonly [Index, Session])[];
}

/** @throws Violation when it is not of that index, or not of those members */
export const imageOf = (index: Index, config: ConfState, snapshot: Uint8Array): Image => {
  const image = JSON.parse(new TextDecoder().decode(snapshot)) as Image;
  if (image.applied > index)
    throw new Violation('snapshots', `a state of ${image.applied} is taken for a snapshot of ${index}`);
  if (image.config !== configText(config))
    throw new Violation(
      'snapshots',
      `a snapshot of ${index} has members ${configText(config)} and its state ${image.config}`,
    );
  return image;
};

/**
 * Registers that clients with sessions write to: a command that arrives twice takes effect once, and is answered as it
 * was the first time.
 */
export class Registers implements StateMachine {
  readonly #observer: RegistersObserver;
  #registers = new Map<string, string>();
  #sessions = new Map<Index, Session>();
  #config: ConfState;
  #applied: Index = 0;
  #hash = 0;

  constructor(founding: ConfState, observer: RegistersObserver) {
    this.#config = founding;
    this.#observer = observer;
  }

  /** Of the last command or change of members. */
  get applied(): Index {
    return this.#applied;
  }

  get hash(): number {
    return this.#hash;
  }

  read(key: string): string {
    return this.#registers.get(key) ?? '';
  }

  /** All of the state in a form that is equal for equal states. */
  get image(): string {
    const image: Image = {
      applied: this.#applied,
      hash: this.#hash,
      config: configText(this.#config),
      registers: [...this.#registers].sort(([one], [other]) => (one < other ? -1 : 1)),
      sessions: [...this.#sessions].sort(([one], [other]) => one - other),
    };
    return JSON.stringify(image);
  }

  apply(index: Index, payload: Uint8Array): Result {
    const command = decodeCommand(payload);
    this.#advance(index, crc32(payload, this.#hash));
    const result = command.kind === 'open' ? this.#open(index) : this.#operateOnce(index, command);
    this.#observer.applied(index, this.#hash, command);
    return result;
  }

  #advance(index: Index, hash: number): void {
    if (index <= this.#applied) throw new Error(`entry ${index} is applied after ${this.#applied}`);
    this.#applied = index;
    this.#hash = crc32(String(index), hash);
  }

  #open(index: Index): Result {
    if (this.#sessions.size >= maxSessions) {
      const [oldest] = [...this.#sessions].sort(([, one], [, other]) => one.used - other.used);
      if (oldest !== undefined) this.#sessions.delete(oldest[0]);
    }
    const result: Result = { kind: 'opened', session: index };
    this.#sessions.set(index, { sequence: 0, result, used: index });
    return result;
  }

  #operateOnce(
    index: Index,
    { session, sequence, operation }: Extract<Command, { kind: 'operate' }>,
  ): Result {
    const known = this.#sessions.get(session);
    if (known === undefined || sequence < known.sequence) return { kind: 'expired' };
    known.used = index;
    if (sequence === known.sequence) return known.result;
    const { value, swapped } = operate(this.read(operation.key), operation);
    this.#registers.set(operation.key, value);
    known.sequence = sequence;
    known.result = { kind: 'operated', swapped };
    return known.result;
  }

  membersChanged(index: Index, config: ConfState): void {
    this.#config = config;
    this.#advance(index, crc32(configText(config), this.#hash));
    this.#observer.membersChanged(index, this.#hash, config);
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(this.image);
  }

  restore(index: Index, config: ConfState, snapshot: Uint8Array): void {
    const image = imageOf(index, config, snapshot);
    this.#registers = new Map(image.registers);
    this.#sessions = new Map(image.sessions.map(([id, session]) => [id, { ...session }]));
    this.#config = config;
    this.#applied = image.applied;
    this.#hash = image.hash;
    this.#observer.restored(index, this.image);
  }
}
