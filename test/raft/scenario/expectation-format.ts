import { z } from 'zod';

/*
 * What a step may expect. A value is exact, or one of several, or for numbers within bounds. Only what is given is
 * compared.
 */

const either = <Schema extends z.ZodType>(schema: Schema, what: string) =>
  z.union([schema, z.strictObject({ oneOf: z.array(schema).min(1) })], `${what}, or {"oneOf": […]} of such`);

const number = z.union(
  [
    z.int(),
    z
      .strictObject({ min: z.int(), max: z.int(), oneOf: z.array(z.int()).min(1) })
      .partial()
      .refine((range) => Object.keys(range).length > 0),
  ],
  'a whole number, or an object of min, max and oneOf',
);
const flag = either(z.boolean(), 'true or false');
const members = either(z.array(z.int().min(1)), 'a list of node numbers');

const config = z
  .strictObject({
    voters: members,
    outgoing: members,
    learners: members,
    learnersNext: members,
    autoLeave: flag,
  })
  .partial();

const progress = z
  .strictObject({
    match: number,
    next: number,
    state: either(z.enum(['probe', 'replicate', 'snapshot']), 'probe, replicate or snapshot'),
    paused: flag,
  })
  .partial();

const fields = {
  role: either(
    z.enum(['leader', 'follower', 'candidate', 'preCandidate']),
    'leader, follower, candidate or preCandidate',
  ),
  term: number,
  vote: number,
  lead: number,
  commit: number,
  applied: number,
  firstIndex: number,
  lastIndex: number,
  config: either(config, 'a configuration'),
  progress: z.record(z.string().regex(/^[1-9]\d*$/), progress),
  appState: either(z.string(), 'a text'),
  inConfig: flag,
  readStates: either(
    z.array(z.strictObject({ token: number, index: number }).partial()),
    'a list of read states',
  ),
};

const nodeFields = z.strictObject(fields).partial();

/** What is expected of one node. */
export type NodeExpectation = z.infer<typeof nodeFields>;

/** `"*"` stands for every node that is up. */
const who = z.string().regex(/^([1-9]\d*|\*)$/, 'a node number or "*"');

const byNode = z.record(who, nodeFields);

/** Either `{"node": 1, "role": "leader"}` or `{"1": {"role": "leader"}}`. */
const condition = z.union(
  [
    z.strictObject({ node: z.union([z.int().min(1), z.literal('*')]), ...nodeFields.shape }),
    byNode.refine((nodes) => Object.keys(nodes).length > 0),
  ],
  'a condition on a node: {"node": n, …fields} or {"n": {…fields}}',
);

/** Holds when all of its parts do. */
export type Condition = ReadonlyMap<string, NodeExpectation>;

const conditionOf = (given: z.infer<typeof condition>): Condition => {
  if (!('node' in given)) return new Map(Object.entries(given));
  const { node, ...expected } = given as { node: number | '*' } & NodeExpectation;
  return new Map([[String(node), expected]]);
};

const logs = z.strictObject({
  equal: z.array(z.int().min(1)).min(1),
  tail: z.array(z.tuple([number, number, either(z.string().nullable(), 'a payload or null')])).optional(),
  ignoreEmpty: z.boolean().optional(),
});

export type LogsExpectation = z.infer<typeof logs>;

const reserved = z.strictObject({
  logs: logs.optional(),
  never: z.array(condition).optional(),
  oneLeader: z.boolean().optional(),
});

export interface Expectation {
  readonly nodes: ReadonlyMap<string, NodeExpectation>;
  readonly logs: LogsExpectation | undefined;
  readonly never: readonly Condition[];
  readonly oneLeader: boolean | undefined;
}

const reservedKeys = Object.keys(reserved.shape);

/** Adds the complaints of one schema to those of another. */
const complain = (context: z.core.$RefinementCtx, error: z.ZodError): void => {
  for (const { path, message } of error.issues) context.addIssue({ code: 'custom', path, message });
};

export const expectationSchema = z.looseObject({}).transform((given, context): Expectation => {
  const entries = Object.entries(given);
  const general = reserved.safeParse(
    Object.fromEntries(entries.filter(([key]) => reservedKeys.includes(key))),
  );
  const nodes = byNode.safeParse(Object.fromEntries(entries.filter(([key]) => !reservedKeys.includes(key))));
  if (!general.success) complain(context, general.error);
  if (!nodes.success) complain(context, nodes.error);
  return {
    nodes: new Map(Object.entries(nodes.data ?? {})),
    logs: general.data?.logs,
    never: (general.data?.never ?? []).map(conditionOf),
    oneLeader: general.data?.oneLeader,
  };
});
