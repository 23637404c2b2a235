import type { Call } from '../sim/checks/history.ts';
import type { Operation } from '../sim/workload/command.ts';
import { operate } from '../sim/workload/registers.ts';
import type { Chance } from '../sim/world/chance.ts';

/** What is wrong with whatever serves the clients; `nothing` makes histories that some order explains. */
const defects = ['nothing', 'staleRead', 'lostWrite', 'doneTwice', 'wrongSwap', 'earlyAnswer'] as const;
type Defect = (typeof defects)[number];

interface Plan {
  readonly clients: number;
  readonly calls: number;
  readonly unknown: number;
  readonly keys: number;
  /** Of all calls. */
  readonly lists: number;
  /** Of writes to registers. */
  readonly swaps: number;
  readonly defect: Defect;
  /** How often the defect shows. */
  readonly rate: number;
}

/** Of unknown outcome: with more of them Porcupine has too many orders to try. */
const mostUnknown = 4;
const registers = ['x', 'y'];
const lists = ['l', 'm'];

/** Registers that some number of clients call, each one call after the other, while time goes by. */
class Service {
  readonly calls: Call[] = [];
  readonly #chance: Chance;
  readonly #plan: Plan;
  readonly #states = new Map<string, string>();
  /** What each register was before, oldest first. */
  readonly #past = new Map<string, string[]>();
  /** Steps that are still to come, in no order: which one comes next, chance says. */
  #steps: (() => void)[] = [];
  #time = 0;
  #begun = 0;
  #unknown = 0;

  constructor(chance: Chance, plan: Plan) {
    this.#chance = chance;
    this.#plan = plan;
  }

  run(): readonly Call[] {
    for (let client = 0; client < this.#plan.clients; client += 1) this.#next(client, '');
    while (this.#steps.length > 0) {
      const [step] = this.#steps.splice(this.#chance.below(this.#steps.length), 1);
      step?.();
    }
    return this.calls;
  }

  #moment(): number {
    this.#time += 1;
    return this.#time;
  }

  #shows(defect: Defect): boolean {
    return this.#plan.defect === defect && this.#chance.happens(this.#plan.rate);
  }

  /** @param known the last value that the client knows to have been there */
  #next(client: number, known: string): void {
    if (this.#begun >= this.#plan.calls) return;
    this.#begun += 1;
    const isList = this.#chance.happens(this.#plan.lists);
    const key = this.#chance.pick((isList ? lists : registers).slice(0, this.#plan.keys));
    const isRead = this.#chance.happens(0.4);
    this.#steps.push(() => {
      if (isRead) this.#read(client, key, known);
      else this.#write(client, this.#operation(isList, key, known), known);
    });
  }

  #operation(isList: boolean, key: string, known: string): Operation {
    // Each is written once only.
    const value = `v${this.#begun}.${this.#time}`;
    if (isList) return { kind: 'append', key, value };
    if (this.#chance.happens(this.#plan.swaps)) return { kind: 'swap', key, expected: known, value };
    return { kind: 'put', key, value };
  }

  #read(client: number, key: string, known: string): void {
    const invoked = this.#moment();
    const answer = (value: string): void => {
      this.#steps.push(() => {
        this.calls.push({ kind: 'read', client, invoked, returned: this.#moment(), key, value });
        this.#next(client, registers.includes(key) ? value : known);
      });
    };
    if (this.#shows('earlyAnswer')) answer(this.#state(key));
    else this.#steps.push(() => answer(this.#seen(key)));
  }

  #state(key: string): string {
    return this.#states.get(key) ?? '';
  }

  #seen(key: string): string {
    const past = this.#past.get(key);
    return past !== undefined && this.#shows('staleRead') ? this.#chance.pick(past) : this.#state(key);
  }

  #write(client: number, operation: Operation, known: string): void {
    const invoked = this.#moment();
    const push = (returned: number, swapped: boolean): void => {
      this.calls.push({ kind: 'write', client, invoked, returned, operation, swapped });
    };
    if (this.#unknown < mostUnknown && this.#chance.happens(this.#plan.unknown)) {
      this.#unknown += 1;
      push(Infinity, false);
      if (this.#chance.happens(0.6)) this.#steps.push(() => this.#operate(operation));
      // Or it believes that it took effect.
      this.#next(client, operation.kind !== 'append' && this.#chance.happens(0.3) ? operation.value : known);
      return;
    }
    this.#steps.push(() => {
      const swapped = this.#shows('lostWrite') ? operation.kind === 'swap' : this.#operate(operation);
      this.#steps.push(() => {
        push(this.#moment(), operation.kind === 'swap' && swapped !== this.#shows('wrongSwap'));
        if (this.#shows('doneTwice')) this.#steps.push(() => this.#operate(operation));
        const isThere = operation.kind === 'put' || (operation.kind === 'swap' && swapped);
        this.#next(client, isThere ? operation.value : known);
      });
    });
  }

  /** @returns whether a swap took place */
  #operate(operation: Operation): boolean {
    const { key } = operation;
    const before = this.#state(key);
    const { value, swapped } = operate(before, operation);
    const past = this.#past.get(key);
    if (past === undefined) this.#past.set(key, [before]);
    else past.push(before);
    this.#states.set(key, value);
    return swapped;
  }
}

/** What clients may have seen of a service that works, or of one that does not. */
export const randomHistory = (chance: Chance): readonly Call[] => {
  const lists = chance.pick([0, 0, 0.4, 1]);
  // Of lists Porcupine tries every order of what is done at once.
  const isLarge = lists < 1;
  return new Service(chance, {
    clients: chance.between(1, isLarge ? 6 : 4),
    calls: chance.between(4, isLarge ? 40 : 20),
    unknown: chance.pick([0, 0.05, 0.2, 0.4]),
    keys: chance.between(1, 2),
    lists,
    swaps: chance.pick([0.2, 0.5, 0.8]),
    defect: chance.happens(0.3) ? 'nothing' : chance.pick(defects),
    rate: chance.pick([0.1, 0.3, 0.6]),
  }).run();
};

/** The same with one thing that was seen, or one moment, put wrong: mostly no order explains it any more. */
export const corrupted = (calls: readonly Call[], chance: Chance): readonly Call[] => {
  if (calls.length === 0) return calls;
  const at = chance.below(calls.length);
  return calls.map((call, number) => (number === at ? spoilt(call, calls, chance) : call));
};

const spoilt = (call: Call, calls: readonly Call[], chance: Chance): Call => {
  if (call.kind === 'read') {
    const others = calls.flatMap((other) => (other.kind === 'read' && other.key === call.key ? [other] : []));
    const { value } = chance.pick(others);
    return {
      ...call,
      value: value === call.value ? value.slice(0, value.lastIndexOf(' ') + 1).trim() : value,
    };
  }
  if (call.returned === Infinity) return { ...call, invoked: call.invoked + chance.between(1, 20) + 0.25 };
  if (call.operation.kind === 'swap' && chance.happens(0.5)) return { ...call, swapped: !call.swapped };
  // It was not heard of, or only later; or it was over before others began.
  const length = call.returned - call.invoked;
  return chance.pick([
    { ...call, returned: Infinity, swapped: false },
    { ...call, returned: call.returned + chance.between(1, 10) + 0.25 },
    { ...call, returned: call.invoked + length * chance.fraction() + 0.25 },
  ]);
};
