import type { Entry } from '../../../agent/src/raft/core/types.ts';
import type { Condition, Expectation, LogsExpectation } from './expectation-format.ts';
import { mismatches } from './match.ts';
import type { ScenarioNode } from './node.ts';
import { viewOf } from './node-view.ts';
import type { World } from './world.ts';

/** What a step expects is not so. */
class ExpectationError extends Error {
  override readonly name = 'ExpectationError';
}

const everyUpNode = '*';

const nodesOf = (world: World, who: string): readonly ScenarioNode[] =>
  who === everyUpNode ? world.upNodes : [world.node(Number(who))];

const holds = (world: World, condition: Condition): boolean =>
  [...condition].every(([who, expected]) =>
    nodesOf(world, who).some((node) => node.up && mismatches(expected, viewOf(node), '').length === 0),
  );

/**
 * Whether something that must never be has been. The conditions of the whole file are watched from the first step on,
 * since each speaks of all steps before it.
 */
export class NeverWatch {
  readonly #conditions: readonly Condition[];
  readonly #held = new Map<Condition, number>();

  constructor(conditions: readonly Condition[]) {
    this.#conditions = conditions;
  }

  afterStep(world: World, step: number): void {
    for (const condition of this.#conditions) {
      if (this.#held.has(condition)) continue;
      // A node that is still to be added has not been anything yet.
      const known = [...condition.keys()].every(
        (who) => who === everyUpNode || Number(who) <= world.nodes.length,
      );
      if (known && holds(world, condition)) this.#held.set(condition, step);
    }
  }

  /** @returns the step after which it held; undefined when it never did */
  heldAfter(condition: Condition): number | undefined {
    return this.#held.get(condition);
  }
}

const describe = (condition: Condition): string =>
  [...condition]
    .map(([who, expected]) => `${who === everyUpNode ? 'a node' : `node ${who}`} ${JSON.stringify(expected)}`)
    .join(' and ');

/** @throws ExpectationError */
export const checkExpectation = (world: World, expected: Expectation, never: NeverWatch): void => {
  const complaints = [...expected.nodes].flatMap(([who, fields]) =>
    nodesOf(world, who).flatMap((node) => {
      if (!node.up) return [`node ${node.id} is down`];
      return mismatches(fields, viewOf(node), `node ${node.id}`);
    }),
  );
  if (expected.oneLeader !== undefined) complaints.push(...checkOneLeader(world, expected.oneLeader));
  if (expected.logs !== undefined) complaints.push(...checkLogs(world, expected.logs));
  for (const condition of expected.never) {
    const step = never.heldAfter(condition);
    if (step !== undefined) complaints.push(`${describe(condition)} held after step ${step}`);
  }
  if (complaints.length > 0) throw new ExpectationError(complaints.join('; '));
};

const checkOneLeader = (world: World, expected: boolean): string[] => {
  const leaders = world.upNodes.filter(({ core }) => core.status().role === 'leader').map(({ id }) => id);
  if ((leaders.length === 1) === expected) return [];
  return [`the leaders are [${leaders.join(', ')}], expected ${expected ? 'one' : 'none or several'}`];
};

/** An entry as a file writes it: index, term and payload. */
type Row = readonly [index: number, term: number, payload: string | null];

const rowOf = ({ index, term, type, data }: Entry): Row => {
  if (type === 'config') return [index, term, 'config'];
  return [index, term, data.length === 0 ? null : new TextDecoder().decode(data)];
};

const isEmpty = ({ type, data }: Entry): boolean => type === 'normal' && data.length === 0;

const checkLogs = (world: World, { equal, tail, ignoreEmpty = false }: LogsExpectation): string[] => {
  const nodes = equal.map((id) => world.node(id));
  const first = nodes[0];
  if (first === undefined) return [];
  const down = nodes.find(({ up }) => !up);
  if (down !== undefined) return [`node ${down.id} is down, its log cannot be compared`];
  const from = Math.max(...nodes.map(({ core }) => core.status().firstIndex));
  const listed = (node: ScenarioNode): readonly Entry[] =>
    node.entries().filter((entry) => !(ignoreEmpty && isEmpty(entry)));
  const compared = (node: ScenarioNode): string[] =>
    listed(node)
      .filter(({ index }) => index >= from)
      .map((entry) => content(entry, ignoreEmpty));
  const reference = compared(first);
  const complaints = nodes.slice(1).flatMap((node) => {
    const other = compared(node);
    if (other.length === reference.length && other.every((each, at) => each === reference[at])) return [];
    return [
      `the logs of nodes ${first.id} and ${node.id} differ from ${from} on: ${showRows(first)} and ${showRows(node)}`,
    ];
  });
  if (tail !== undefined) complaints.push(...checkTail(first, listed(first).map(rowOf), tail, ignoreEmpty));
  return complaints;
};

/** All that two entries must share to be equal. */
const content = ({ index, term, type, data }: Entry, withoutIndex: boolean): string =>
  JSON.stringify([withoutIndex ? 0 : index, term, type, [...data]]);

const showRows = (node: ScenarioNode): string => JSON.stringify(node.entries().map(rowOf));

const checkTail = (
  node: ScenarioNode,
  rows: readonly Row[],
  tail: readonly (readonly unknown[])[],
  withoutIndex: boolean,
): string[] => {
  const last = rows.slice(Math.max(0, rows.length - tail.length));
  const wrong =
    last.length < tail.length ||
    tail.some((expected, at) =>
      expected.some((value, field) => {
        if (withoutIndex && field === 0) return false;
        return mismatches(value, last[at]?.[field], '').length > 0;
      }),
    );
  return wrong
    ? [`the log of node ${node.id} ends ${JSON.stringify(last)}, expected ${JSON.stringify(tail)}`]
    : [];
};
