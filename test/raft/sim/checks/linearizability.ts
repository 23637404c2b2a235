import { operate } from '../workload/registers.ts';
import { keyOf, type Call } from './history.ts';

/*
 * Wing and Gong's search in Lowe's form: calls are put into an order one by one, each between its beginning and its
 * end, and what was tried once (which calls were placed, with what register) is not tried again. Registers are
 * independent of each other, so each key is searched for itself.
 */

/** The beginning or end of a call in a list, in order of time. */
interface Node {
  readonly call: Call | undefined;
  /** Position of the call among those of its key; -1 for ends. */
  readonly number: number;
  /** Of a beginning, its end. */
  match: Node | undefined;
  previous: Node | undefined;
  next: Node | undefined;
}

/** @returns the register after the call; undefined when it cannot have been so */
const step = (register: string, call: Call): string | undefined => {
  if (call.kind === 'read') return call.value === register ? register : undefined;
  const { value, swapped } = operate(register, call.operation);
  return call.returned === Infinity || swapped === call.swapped ? value : undefined;
};

/** Values that were seen by somebody, with the first moment at which that was known. */
const observations = (calls: readonly Call[]): Map<string, number> => {
  const seen = new Map<string, number>();
  const note = (value: string, at: number): void => {
    if (at < (seen.get(value) ?? Infinity)) seen.set(value, at);
  };
  for (const call of calls) {
    if (call.kind === 'read') for (const value of call.value.split(' ')) note(value, call.returned);
    else if (call.operation.kind === 'swap' && call.swapped) note(call.operation.expected, call.returned);
  }
  return seen;
};

/**
 * Of calls whose outcome is not known: what was seen has taken effect before it was; values are unique, so that is
 * certain. What nobody has seen may as well be still to come, unless a swap that found another value than it expected
 * may have met it.
 */
const settleUnknown = (calls: readonly Call[]): Call[] => {
  const seen = observations(calls);
  const lastMiss = calls.reduce(
    (last, call) =>
      call.kind === 'write' && call.operation.kind === 'swap' && !call.swapped && call.returned !== Infinity
        ? Math.max(last, call.returned)
        : last,
    0,
  );
  return calls.flatMap((call) => {
    if (call.kind === 'read' || call.returned !== Infinity) return [call];
    const at = seen.get(call.operation.value);
    if (at === undefined) return call.invoked < lastMiss ? [call] : [];
    return [{ ...call, returned: at - 0.5, swapped: call.operation.kind === 'swap' }];
  });
};

/** @returns the list's first node, before which nothing stands */
const listOf = (calls: readonly Call[]): Node => {
  const points = calls.flatMap((call, number) => {
    const end: Node = { call: undefined, number: -1, match: undefined, previous: undefined, next: undefined };
    const begin: Node = { call, number, match: end, previous: undefined, next: undefined };
    return [
      { at: call.invoked, node: begin },
      { at: call.returned, node: end },
    ];
  });
  points.sort((one, other) => one.at - other.at);
  const head: Node = { call: undefined, number: -1, match: undefined, previous: undefined, next: undefined };
  let last = head;
  for (const { node } of points) {
    node.previous = last;
    last.next = node;
    last = node;
  }
  return head;
};

const lift = (node: Node): void => {
  const { previous, next } = node;
  if (previous !== undefined) previous.next = next;
  if (next !== undefined) next.previous = previous;
};

const unlift = (node: Node): void => {
  const { previous, next } = node;
  if (previous !== undefined) previous.next = node;
  if (next !== undefined) next.previous = node;
};

/** Which calls are placed. */
class Placed {
  readonly #words: Uint32Array;

  constructor(count: number) {
    this.#words = new Uint32Array(Math.ceil(count / 32));
  }

  set(number: number, placed: boolean): void {
    const word = number >> 5;
    const bit = 1 << (number & 31);
    const before = this.#words[word] ?? 0;
    this.#words[word] = placed ? before | bit : before & ~bit;
  }

  key(register: string): string {
    return `${this.#words.join()} ${register}`;
  }
}

const isLinearizable = (calls: readonly Call[]): boolean => {
  const head = listOf(calls);
  const placed = new Placed(calls.length);
  const tried = new Set<string>();
  const stack: { readonly node: Node; readonly before: string }[] = [];
  let register = '';
  let node = head.next;
  while (head.next !== undefined) {
    if (node?.call !== undefined && node.match !== undefined) {
      const after = step(register, node.call);
      if (after !== undefined) {
        placed.set(node.number, true);
        const key = placed.key(after);
        if (!tried.has(key)) {
          tried.add(key);
          stack.push({ node, before: register });
          register = after;
          lift(node.match);
          lift(node);
          node = head.next;
          continue;
        }
        placed.set(node.number, false);
      }
      node = node.next;
      continue;
    }
    // An end was reached without its call having been placed: go back on the last choice.
    const last = stack.pop();
    if (last === undefined) return false;
    register = last.before;
    placed.set(last.node.number, false);
    unlift(last.node);
    if (last.node.match !== undefined) unlift(last.node.match);
    node = last.node.next;
  }
  return true;
};

/** @returns the keys whose calls no single register can have answered so */
export const notLinearizable = (calls: readonly Call[]): string[] => {
  const byKey = new Map<string, Call[]>();
  for (const call of calls) {
    const same = byKey.get(keyOf(call));
    if (same === undefined) byKey.set(keyOf(call), [call]);
    else same.push(call);
  }
  return [...byKey].filter(([, ofKey]) => !isLinearizable(settleUnknown(ofKey))).map(([key]) => key);
};
