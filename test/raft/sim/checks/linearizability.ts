import type { Operation } from '../workload/command.ts';
import { operate } from '../workload/registers.ts';
import { keyOf, type Call } from './history.ts';

type Write = Extract<Call, { kind: 'write' }>;
type Swap = Extract<Operation, { kind: 'swap' }>;

/*
 * Wing and Gong's search in Lowe's form: calls are put into an order one by one, each between its beginning and its
 * end, and what was tried once (which calls were placed, with what register) is not tried again. Registers are
 * independent of each other, so each key is searched for itself.
 * Values that are written must be unique.
 */

/** The beginning or end of a call in a list, in order of time. */
interface Node {
  readonly at: number;
  readonly call: Call | undefined;
  /** Position of the call among those of its key; -1 for ends. */
  readonly number: number;
  /** Of a beginning, its end. */
  match: Node | undefined;
  previous: Node | undefined;
  next: Node | undefined;
}

/**
 * @param longest of a list that is only appended to, the longest that was read: whatever the list is, it leads there
 * @returns the register after the call; undefined when it cannot have been so
 */
const step = (register: string, call: Call, longest: string): string | undefined => {
  if (call.kind === 'read') return call.value === register ? register : undefined;
  const { value, swapped } = operate(register, call.operation);
  if (swapped !== call.swapped && call.returned !== Infinity) return undefined;
  return longest.startsWith(value) || value.startsWith(longest) ? value : undefined;
};

const longestList = (calls: readonly Call[]): string => {
  if (calls.some((call) => call.kind === 'write' && call.operation.kind !== 'append')) return '';
  return calls.reduce(
    (longest, call) => (call.kind === 'read' && call.value.length > longest.length ? call.value : longest),
    '',
  );
};

/** Values that were seen by somebody, with the first moment at which that was known. */
const observations = (calls: readonly Call[]): Map<string, number> => {
  const seen = new Map<string, number>();
  const note = (value: string, at: number): void => {
    if (at < (seen.get(value) ?? Infinity)) seen.set(value, at);
  };
  let last = '';
  for (const call of [...calls].sort((one, other) => one.returned - other.returned)) {
    if (call.kind === 'read') {
      // Lists grow: mostly only their end is new.
      const rest = call.value.startsWith(`${last} `) ? call.value.slice(last.length + 1) : call.value;
      for (const value of rest.split(' ')) note(value, call.returned);
      last = call.value;
    } else if (call.operation.kind === 'swap' && call.swapped) note(call.operation.expected, call.returned);
  }
  return seen;
};

interface Settled {
  readonly calls: readonly Call[];
  /**
   * Of unknown outcome, and nobody has seen what they wrote, or looked for it: whether they have taken effect, nobody
   * can tell but a swap that found another value than it expected.
   */
  readonly unseen: readonly Write[];
}

/**
 * Tells writes of unknown outcome apart. What was seen has taken effect before it was; values are unique, so that is
 * certain. What a swap has met whose own value was seen, was seen as well. What a swap expected that never was seen
 * may have taken effect at any time since, or, which is the same, after all else.
 */
const settleUnknown = (calls: readonly Call[]): Settled => {
  const unknown = calls.flatMap((call) =>
    call.kind === 'write' && call.returned === Infinity ? [call] : [],
  );
  if (unknown.length === 0) return { calls, unseen: [] };
  const seen = observations(calls);
  for (let isNews = true; isNews;) {
    isNews = false;
    for (const { operation } of unknown) {
      const at = seen.get(operation.value);
      if (at === undefined || operation.kind !== 'swap' || at >= (seen.get(operation.expected) ?? Infinity))
        continue;
      seen.set(operation.expected, at);
      isNews = true;
    }
  }
  const isSeen = ({ operation }: Write): boolean => seen.has(operation.value);
  const expected = new Set(
    calls.flatMap((call) =>
      call.kind === 'write' && call.operation.kind === 'swap' ? [call.operation.expected] : [],
    ),
  );
  const isExpected = ({ operation }: Write): boolean => expected.has(operation.value);
  const settled = calls.flatMap((call) => {
    if (call.kind === 'read' || call.returned !== Infinity) return [call];
    const at = seen.get(call.operation.value);
    if (at !== undefined) return [{ ...call, returned: at - 0.5, swapped: call.operation.kind === 'swap' }];
    return isExpected(call) ? [call] : [];
  });
  const unseen = unknown.filter((call) => !isSeen(call) && !isExpected(call));
  return { calls: settled, unseen: unseen.sort((one, other) => one.invoked - other.invoked) };
};

const noNode: Node = {
  at: 0,
  call: undefined,
  number: -1,
  match: undefined,
  previous: undefined,
  next: undefined,
};

/** @returns the list's first node, before which nothing stands */
const listOf = (calls: readonly Call[]): Node => {
  const points = calls.flatMap((call, number): Node[] => {
    const end = { ...noNode, at: call.returned };
    return [{ ...noNode, at: call.invoked, call, number, match: end }, end];
  });
  points.sort((one, other) => one.at - other.at);
  const head: Node = { ...noNode };
  let last = head;
  for (const node of points) {
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

  has(number: number): boolean {
    return ((this.#words[number >> 5] ?? 0) & (1 << (number & 31))) !== 0;
  }

  key(register: string): string {
    return `${this.#words.join()} ${register}`;
  }
}

/** The writes that nobody has seen, each of which may take effect once, right before a swap that it makes fail. */
class Unseen {
  readonly #writes: readonly Write[];
  /** Its number in `Placed`. */
  readonly #first: number;

  constructor(writes: readonly Write[], first: number) {
    this.#writes = writes;
    this.#first = first;
  }

  /**
   * @param until what began later cannot have been so early
   * @returns its number, and the register after it. Whoever writes whatever is there is as good as any other; one that
   * needs what is there goes first, since it may be of no use later
   */
  before(
    swap: Swap,
    register: string,
    placed: Placed,
    until: number,
  ): { number: number; after: string } | undefined {
    let found: { number: number; after: string } | undefined;
    for (const [at, { invoked, operation }] of this.#writes.entries()) {
      if (invoked >= until) break;
      const number = this.#first + at;
      const { value, swapped } = operate(register, operation);
      if (placed.has(number) || value === register || operate(value, swap).swapped) continue;
      if (swapped) return { number, after: value };
      found ??= { number, after: value };
    }
    return found;
  }
}

const firstEnd = (from: Node): number => {
  let node: Node | undefined = from;
  while (node?.call !== undefined) node = node.next;
  return node?.at ?? Infinity;
};

/** A choice that may have to be taken back. */
interface Choice {
  readonly node: Node;
  readonly before: string;
  /** Number of the write that nobody has seen which came right before. */
  readonly unseen: number | undefined;
}

class Search {
  readonly #head: Node;
  readonly #placed: Placed;
  readonly #unseen: Unseen;
  readonly #longest: string;
  readonly #tried = new Set<string>();
  readonly #stack: Choice[] = [];
  #register = '';

  constructor(all: readonly Call[]) {
    const { calls, unseen } = settleUnknown(all);
    this.#head = listOf(calls);
    this.#placed = new Placed(calls.length + unseen.length);
    this.#unseen = new Unseen(unseen, calls.length);
    this.#longest = longestList(all);
  }

  /** @returns whether there is an order that explains all of it */
  run(): boolean {
    let node = this.#head.next;
    while (this.#head.next !== undefined) {
      if (node?.call !== undefined && node.match !== undefined) {
        node = this.#place(node, node.call) ? this.#head.next : node.next;
        continue;
      }
      // An end was reached without its call having been placed: go back on the last choice.
      const last = this.#stack.pop();
      if (last === undefined) return false;
      this.#takeBack(last);
      node = last.node.next;
    }
    return true;
  }

  #place(node: Node, call: Call): boolean {
    const before = this.#register;
    let after = step(before, call, this.#longest);
    let unseen: number | undefined;
    if (after === undefined && call.kind === 'write' && call.operation.kind === 'swap' && !call.swapped) {
      const disturbed = this.#unseen.before(call.operation, before, this.#placed, firstEnd(node));
      unseen = disturbed?.number;
      after = disturbed?.after;
    }
    if (after === undefined) return false;
    this.#mark(node.number, unseen, true);
    const key = this.#placed.key(after);
    if (this.#tried.has(key)) {
      this.#mark(node.number, unseen, false);
      return false;
    }
    this.#tried.add(key);
    this.#stack.push({ node, before, unseen });
    this.#register = after;
    if (node.match !== undefined) lift(node.match);
    lift(node);
    return true;
  }

  #takeBack({ node, before, unseen }: Choice): void {
    this.#register = before;
    this.#mark(node.number, unseen, false);
    unlift(node);
    if (node.match !== undefined) unlift(node.match);
  }

  #mark(number: number, unseen: number | undefined, placed: boolean): void {
    this.#placed.set(number, placed);
    if (unseen !== undefined) this.#placed.set(unseen, placed);
  }
}

/** @returns the keys whose calls no single register can have answered so */
export const notLinearizable = (calls: readonly Call[]): string[] => {
  const byKey = new Map<string, Call[]>();
  for (const call of calls) {
    const same = byKey.get(keyOf(call));
    if (same === undefined) byKey.set(keyOf(call), [call]);
    else same.push(call);
  }
  return [...byKey].filter(([, ofKey]) => !new Search(ofKey).run()).map(([key]) => key);
};
