import type { StateMachine } from '../../../../agent/src/raft/node/state-machine.ts';
import type { Ask } from '../wire.ts';

interface State {
  readonly registers: Record<string, string>;
  readonly sessions: Record<string, number>;
}

const decode = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));

/** Registers that clients write to; a command that comes twice is applied once. */
export class Registers implements StateMachine {
  #state: State = { registers: {}, sessions: {} };

  read(key: string): string {
    return this.#state.registers[key] ?? '';
  }

  apply(_index: number, payload: Uint8Array): undefined {
    const { op, key, value, client, sequence } = decode(payload) as Ask;
    const { registers, sessions } = this.#state;
    if (sequence <= (sessions[client] ?? 0)) return undefined;
    sessions[client] = sequence;
    registers[key] = op === 'append' ? this.read(key) + value : value;
    return undefined;
  }

  membersChanged(): void {
    // Nothing here depends on who the members are.
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify(this.#state));
  }

  restore(_index: number, _config: unknown, snapshot: Uint8Array): void {
    this.#state = decode(snapshot) as State;
  }
}
