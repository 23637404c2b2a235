import { z } from 'zod';
import { expectationSchema } from './expectation-format.ts';

/*
 * The format `raft-scenario/1` (docs/raft/scenarios.md). Everything that is not named here is refused: a file that
 * asks for something unknown would otherwise pass without having been run.
 */

const node = z.int().min(1);
const nodes = z.array(node);
const index = z.int().min(0);
const count = z.int().min(0);

const settings = {
  electionTicks: z.int().min(1),
  heartbeatTicks: z.int().min(1),
  preVote: z.boolean(),
  checkQuorum: z.boolean(),
  stepDownOnRemoval: z.boolean(),
  readOnly: z.enum(['safe', 'lease']),
  maxInflightMessages: z.int().min(1),
  oneEntryPerAppend: z.boolean(),
  asyncStorage: z.boolean(),
};

export type NodeSettings = z.infer<z.ZodObject<typeof settings>>;

const defaults: NodeSettings = {
  electionTicks: 3,
  heartbeatTicks: 1,
  preVote: false,
  checkQuorum: false,
  stepDownOnRemoval: false,
  readOnly: 'safe',
  maxInflightMessages: 256,
  oneEntryPerAppend: false,
  asyncStorage: false,
};

const someSettings = z.strictObject(settings).partial();

/** The kinds of messages that a file can name. `forgetLeader` is one that this core never sends. */
const messageKind = z.enum([
  'vote',
  'voteResp',
  'preVote',
  'preVoteResp',
  'append',
  'appendResp',
  'heartbeat',
  'heartbeatResp',
  'snapshot',
  'timeoutNow',
  'readIndex',
  'readIndexResp',
  'propose',
  'forgetLeader',
]);

const op = z.strictObject({
  op: z.enum(['addVoter', 'addLearner', 'remove', 'update']),
  node: z.int().min(0),
});

/** What may stand in every step. */
const anyStep = {
  expectResult: z.enum(['accepted', 'refused']).optional(),
  expect: expectationSchema.optional(),
};

const verb = <Name extends string, Fields extends z.ZodRawShape>(name: Name, fields: Fields) =>
  z.strictObject({ do: z.literal(name), ...fields, ...anyStep });

const bySomeone = { node };

const verbSchemas = [
  verb('addNodes', {
    count: z.int().min(1),
    voters: nodes.optional(),
    learners: nodes.optional(),
    snapshot: z.strictObject({ index, term: index, data: z.string() }).optional(),
    config: someSettings.optional(),
  }),
  verb('campaign', bySomeone),
  verb('tick', { node, count: count.default(1) }),
  verb('setElectionTimeout', { node, ticks: z.int().min(1) }),
  verb('propose', { node, data: z.string() }),
  verb('changeConfig', {
    node,
    ops: z.array(op),
    transition: z.enum(['auto', 'implicit', 'explicit']).default('auto'),
  }),
  verb('transferLeader', { from: node, to: node }),
  verb('forgetLeader', bySomeone),
  verb('readIndex', { node, token: z.int().min(0) }),
  verb('reportUnreachable', { node, peer: node, ok: z.boolean().optional() }),
  verb('reportSnapshot', { node, peer: node, ok: z.boolean().default(true) }),
  verb('sendSnapshot', { node, to: node }),
  verb('compact', { node, index }),
  verb('drain', { node: node.optional(), nodes: nodes.optional() }),
  verb('step1', bySomeone),
  verb('deliver', { to: nodes.default([]), drop: nodes.default([]), type: messageKind.optional() }),
  verb('duplicate', { to: nodes, seed: z.int().optional() }),
  verb('reorder', { to: nodes, seed: z.int().optional() }),
  verb('partition', { groups: z.array(nodes) }),
  verb('heal', {}),
  verb('crash', bySomeone),
  verb('restart', bySomeone),
  verb('stabilize', { nodes: nodes.optional() }),
  verb('settle', { nodes: nodes.optional() }),
  verb('completeAppend', bySomeone),
  verb('completeApply', bySomeone),
] as const;

const verbStep = z.discriminatedUnion('do', verbSchemas);
const expectOnly = z.strictObject({ ...anyStep, expect: expectationSchema });

/** A step that does something; it may expect something as well. */
export type Verb = z.infer<typeof verbStep>;
export type Step = Verb | (z.infer<typeof expectOnly> & { readonly do?: undefined });

export interface Scenario {
  readonly name: string;
  readonly config: Partial<NodeSettings>;
  readonly steps: readonly Step[];
}

const fileSchema = z.strictObject({
  format: z.literal('raft-scenario/1'),
  name: z.string(),
  note: z.string().optional(),
  requires: z.array(z.string()).optional(),
  config: someSettings.optional(),
  steps: z.array(z.looseObject({})),
});

const known: ReadonlySet<string> = new Set([
  ...Object.keys(settings),
  ...verbSchemas.map(({ shape }) => shape.do.value),
]);

/** What is wrong with a file, and in which step when it is one. */
export class ScenarioFormatError extends Error {
  override readonly name = 'ScenarioFormatError';
  readonly step: number | undefined;

  constructor(message: string, step?: number) {
    super(message);
    this.step = step;
  }
}

const describe = (error: z.ZodError): string =>
  error.issues
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
    .join('; ');

const parseStep = (step: Record<string, unknown>, at: number): Step => {
  const schema = 'do' in step ? verbStep : expectOnly;
  const result = schema.safeParse(step);
  if (!result.success) throw new ScenarioFormatError(describe(result.error), at);
  const parsed = result.data as Step;
  if (parsed.do === 'drain' && (parsed.node === undefined) === (parsed.nodes === undefined))
    throw new ScenarioFormatError('drain takes either node or nodes', at);
  if (parsed.do === 'deliver') checkDeliver(parsed, at);
  if (parsed.do === 'addNodes' && parsed.snapshot === undefined && (parsed.voters ?? parsed.learners))
    throw new ScenarioFormatError('voters and learners come with a snapshot', at);
  return parsed;
};

const checkDeliver = ({ to, drop }: Extract<Verb, { do: 'deliver' }>, at: number): void => {
  if (to.length + drop.length === 0) throw new ScenarioFormatError('deliver names nobody', at);
  if (to.some((id) => drop.includes(id)))
    throw new ScenarioFormatError('deliver cannot hand over and drop the messages of one node', at);
};

/** @throws ScenarioFormatError */
export const parseScenario = (text: string): Scenario => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ScenarioFormatError(`no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const result = fileSchema.safeParse(json);
  if (!result.success) throw new ScenarioFormatError(describe(result.error));
  const { name, requires = [], config = {}, steps } = result.data;
  const missing = requires.filter((feature) => !known.has(feature));
  if (missing.length > 0) throw new ScenarioFormatError(`not supported: ${missing.join(', ')}`);
  return { name, config: config as Partial<NodeSettings>, steps: steps.map(parseStep) };
};

/**
 * Later ones win.
 * @throws Error when they contradict each other
 */
export const mergeSettings = (...layers: readonly (Partial<NodeSettings> | undefined)[]): NodeSettings => {
  const merged = Object.assign({}, defaults, ...layers) as NodeSettings;
  if (merged.readOnly === 'lease' && !merged.checkQuorum)
    throw new Error('readOnly "lease" needs checkQuorum: without it a leader never notices that it is alone');
  return merged;
};
