import type { MakeCore } from './core.ts';
import { checkExpectation, NeverWatch } from './expectations.ts';
import { parseScenario, ScenarioFormatError, type Scenario } from './format.ts';
import { viewOf, type NodeView } from './node-view.ts';
import { perform } from './verbs.ts';
import { World } from './world.ts';

/** How a file ended. */
export interface ScenarioResult {
  readonly name: string | null;
  readonly ok: boolean;
  /** Counted from 0; null when all went well, or the fault is in no step. */
  readonly failedStep: number | null;
  readonly message: string | null;
  /** State of each node at the end. */
  readonly final: Readonly<Record<string, NodeView | { readonly down: true }>>;
}

const describe = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);

const finalState = (world: World): ScenarioResult['final'] =>
  Object.fromEntries(
    world.nodes.map((node) => [node.id, node.up ? viewOf(node) : ({ down: true } as const)]),
  );

/** Runs the text of one file. Whatever goes wrong is in the result. */
export const runScenario = (text: string, makeCore: MakeCore): ScenarioResult => {
  let scenario: Scenario;
  try {
    scenario = parseScenario(text);
  } catch (error) {
    const failedStep = error instanceof ScenarioFormatError ? (error.step ?? null) : null;
    return { name: nameIn(text), ok: false, failedStep, message: describe(error), final: {} };
  }
  const { name, config, steps } = scenario;
  const world = new World(makeCore);
  const never = new NeverWatch(steps.flatMap(({ expect }) => expect?.never ?? []));
  for (const [at, step] of steps.entries()) {
    try {
      const result = step.do === undefined ? 'accepted' : perform(world, step, config);
      if (step.expectResult !== undefined && step.expectResult !== result)
        throw new Error(`the step was ${result}, expected ${step.expectResult}`);
      world.invariants.checkLogs(world.upNodes);
      never.afterStep(world, at);
      if (step.expect !== undefined) checkExpectation(world, step.expect, never);
    } catch (error) {
      return { name, ok: false, failedStep: at, message: describe(error), final: finalState(world) };
    }
  }
  return { name, ok: true, failedStep: null, message: null, final: finalState(world) };
};

/** The name in a file that is otherwise wrong. */
const nameIn = (text: string): string | null => {
  try {
    const json = JSON.parse(text) as { readonly name?: unknown } | null;
    return typeof json?.name === 'string' ? json.name : null;
  } catch {
    return null;
  }
};
