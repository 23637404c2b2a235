import { z } from 'zod';
import {
  ConfigChangeError,
  enterJoint,
  leaveJoint,
  simpleChange,
} from '../../../agent/src/raft/core/config-change/changer.ts';
import { RaftState } from '../../../agent/src/raft/core/state.ts';
import type { ConfState, Index, NodeId } from '../../../agent/src/raft/core/types.ts';
import { MemoryLog } from '../memory-log.ts';

const nodes = z
  .array(z.int().min(1))
  .default([])
  .transform((ids): NodeId[] => [...new Set(ids)].sort((a, b) => a - b));
const index = z.int().min(0);

const op = z.strictObject({ op: z.enum(['addVoter', 'addLearner', 'remove', 'update']), node: index });
const call = z.strictObject({
  kind: z.enum(['simple', 'enterJoint', 'leaveJoint']),
  autoLeave: z.boolean().default(false),
  ops: z.array(op).default([]),
});

const question = z.strictObject({
  config: z
    .strictObject({
      voters: nodes,
      outgoing: nodes,
      learners: nodes,
      learnersNext: nodes,
      autoLeave: z.boolean().default(false),
    })
    .prefault({}),
  progress: z
    .record(
      z.string().regex(/^[1-9]\d*$/),
      z.strictObject({ match: index, next: index, learner: z.boolean() }).partial(),
    )
    .default({}),
  lastIndex: index.default(0),
  calls: z.array(call),
});

interface ProgressAnswer {
  readonly match: Index;
  readonly next: Index;
  readonly learner: boolean;
}

export type ConfigChangeAnswer =
  | { readonly config: ConfState; readonly progress: Readonly<Record<string, ProgressAnswer>> }
  | { readonly error: string };

/** No member has this id, which the core must have. */
const bystander = 2 ** 40;

/** A core that holds this configuration, and a log up to an index. */
const stateOf = (config: ConfState, lastIndex: Index): RaftState => {
  const log = new MemoryLog({ index: lastIndex, term: 1, config, data: new Uint8Array() });
  const settings = {
    id: bystander,
    electionTicks: 3,
    heartbeatTicks: 1,
    preVote: false,
    checkQuorum: false,
    stepDownOnRemoval: false,
    readOnly: 'safe',
    pacedLearners: false,
    maxInflightMessages: 256,
    maxInflightBytes: 0,
    maxAppendBytes: Number.MAX_SAFE_INTEGER,
    maxUncommittedBytes: Number.MAX_SAFE_INTEGER,
    maxApplyBytes: Number.MAX_SAFE_INTEGER,
    applied: lastIndex,
    random: () => 0,
  } as const;
  return new RaftState(settings, log);
};

const change = (config: ConfState, { kind, autoLeave, ops }: z.infer<typeof call>): ConfState => {
  if (kind === 'leaveJoint') return leaveJoint(config);
  return kind === 'simple' ? simpleChange(config, ops) : enterJoint(config, ops, autoLeave);
};

/**
 * One answer per call. One that fails changes nothing, and the next goes on from there.
 * @throws Error on a question that is none
 */
export const answerConfigChange = (line: string): ConfigChangeAnswer[] => {
  const { config, progress, lastIndex, calls } = question.parse(JSON.parse(line));
  const state = stateOf(config, lastIndex);
  for (const [id, known] of state.tracker.progress) {
    const given = progress[id];
    known.match = given?.match ?? 0;
    known.next = given?.next ?? Math.max(lastIndex, known.match + 1);
  }
  return calls.map((asked) => {
    try {
      state.setConfig(change(state.tracker.config, asked));
    } catch (error) {
      if (error instanceof ConfigChangeError) return { error: error.message };
      throw error;
    }
    const { voters, outgoing, learners, learnersNext, autoLeave } = state.tracker.config;
    return {
      config: { voters, outgoing, learners, learnersNext, autoLeave },
      progress: Object.fromEntries(
        [...state.tracker.progress].map(([id, { match, next, learner }]) => [id, { match, next, learner }]),
      ),
    };
  });
};
