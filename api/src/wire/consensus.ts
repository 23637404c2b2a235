import { Type, type Static } from 'typebox';
import { oneOf } from '../one-of.ts';
import { agentIdPattern, DesiredState } from './desired-state.ts';
import { UserRecord } from '../users.ts';
import { OwnModel, OwnModelName } from './own-models.ts';

const closed = { additionalProperties: false } as const;
const agentId = Type.String({ pattern: agentIdPattern, description: 'Id of an agent.' });
const clusterId = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9-]{0,63}$',
  description: 'Drawn when the group began; another cluster of the same name has another one.',
});
const memberId = Type.Integer({ minimum: 1, description: "Raft's number of one life of an agent's disk." });
const incarnation = Type.String({
  minLength: 1,
  maxLength: 64,
  description: "Drawn when the agent's disk was set up.",
});
const address = Type.String({
  pattern: '^(\\[[0-9A-Fa-f:.]{2,45}\\]|[A-Za-z0-9._-]{1,253}):[0-9]{1,5}$',
  description: 'host:port of its Raft transport; IPv6 in brackets.',
});

/** One member as the leader knows it. */
export const ConsensusMember = Type.Object({
  agent: Type.String(),
  memberId,
  address: Type.String(),
  voting: Type.Boolean({ description: 'A voter; otherwise a learner, which follows without a vote.' }),
  alive: Type.Boolean({ description: 'The leader has heard of it lately.' }),
  matchIndex: Type.Integer({ description: 'Newest entry that it is known to hold.' }),
});
export type ConsensusMember = Static<typeof ConsensusMember>;

/** How an agent takes part in what the agents agree on. */
export const ConsensusStatus = Type.Object({
  state: oneOf(['none', 'member', 'left', 'refused', 'failed'], {
    description:
      'none: not in a group yet. left: was asked to leave. refused: the group does not take this volume. failed: its log cannot be written or read.',
  }),
  clusterId: Type.Optional(clusterId),
  memberId: Type.Optional(memberId),
  incarnation: Type.Optional(incarnation),
  address: Type.Optional(Type.String({ description: 'Where its Raft transport is reached.' })),
  role: Type.Optional(oneOf(['leader', 'candidate', 'follower', 'learner'])),
  leader: Type.Optional(
    Type.String({ description: 'Agent that leads, as far as this one knows; absent when none does.' }),
  ),
  term: Type.Optional(Type.Integer()),
  commitIndex: Type.Optional(Type.Integer()),
  appliedIndex: Type.Optional(Type.Integer()),
  lastIndex: Type.Optional(Type.Integer()),
  voters: Type.Array(Type.String(), { description: 'Agents that have a vote.' }),
  learners: Type.Array(Type.String(), { description: 'Agents that follow without a vote.' }),
  changing: Type.Optional(
    Type.Boolean({ description: 'A change of the members is under way or still to come.' }),
  ),
  blocked: Type.Optional(
    Type.String({ description: 'Of the leader: why it cannot change the members now.' }),
  ),
  members: Type.Optional(Type.Array(ConsensusMember, { description: 'Only from the leader.' })),
  problem: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
});
export type ConsensusStatus = Static<typeof ConsensusStatus>;

/** Begins a new group with this agent as its only member. The same call twice changes nothing. */
export const BootstrapRequest = Type.Object({ clusterId }, closed);
export type BootstrapRequest = Static<typeof BootstrapRequest>;

/** An agent asks for membership, or whether it still has it. `memberId`: that of the disk which it has. */
export const AdmissionRequest = Type.Object(
  {
    agent: agentId,
    incarnation,
    address,
    clusterId: Type.Optional(clusterId),
    memberId: Type.Optional(memberId),
  },
  closed,
);
export type AdmissionRequest = Static<typeof AdmissionRequest>;

export const Admission = Type.Object({
  clusterId,
  memberId,
  members: Type.Array(
    Type.Object({ id: memberId, agent: Type.String(), incarnation: Type.String(), address: Type.String() }),
  ),
});
export type Admission = Static<typeof Admission>;

/** An agent that is to be no member any more, or to lead. */
export const MemberRequest = Type.Object({ agent: agentId }, closed);
export type MemberRequest = Static<typeof MemberRequest>;

/** What a cluster has agreed on, without what belongs to its very members: for another cluster to begin with. */
export const CatalogBackup = Type.Object(
  {
    format: Type.Literal(1),
    takenAt: Type.String({ maxLength: 64, description: 'ISO time.' }),
    clusterId,
    index: Type.Integer({ minimum: 0, description: 'Entry up to which it was taken.' }),
    desired: Type.Object(
      { ...DesiredState.properties, revision: Type.Integer({ minimum: 0 }) },
      { additionalProperties: false },
    ),
    desiredOrigin: oneOf(['configuration', 'pushed']),
    drains: Type.Record(
      Type.String(),
      Type.Object({ since: Type.Integer({ minimum: 0 }), reason: Type.String({ maxLength: 1024 }) }, closed),
    ),
    users: Type.Array(UserRecord),
    ownModels: Type.Optional(
      Type.Array(Type.Object({ name: OwnModelName, model: OwnModel }, closed), {
        description:
          "Models managed through Ollama's API, without their bytes. Left out: those of the cluster stay as they are.",
      }),
    ),
  },
  closed,
);
export type CatalogBackup = Static<typeof CatalogBackup>;
