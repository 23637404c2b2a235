import { Type, type Static } from 'typebox';
import { UserName, UserRecord } from '../users.ts';
import { DesiredState } from './desired-state.ts';
import { OwnModel, OwnModelName } from './own-models.ts';

/** Longest text that says why an agent is drained. */
export const maxReasonCharacters = 1024;

const agentId = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$' });
const op = <Name extends string, Fields extends Parameters<typeof Type.Object>[0]>(
  name: Name,
  fields: Fields,
) => Type.Object({ op: Type.Literal(name), ...fields }, { additionalProperties: false });

/** What agents agree on, one at a time. A new kind, or a new field, raises the feature level. */
export const CatalogOperation = Type.Union([
  op('setDesired', { origin: Type.Enum(['configuration', 'pushed']), state: DesiredState }),
  op('setDrain', {
    agent: agentId,
    since: Type.Integer({ minimum: 0 }),
    reason: Type.String({ maxLength: maxReasonCharacters }),
  }),
  op('clearDrain', { agent: agentId }),
  op('putUser', { user: UserRecord }),
  op('removeUser', { name: UserName }),
  op('admitMember', {
    agent: agentId,
    incarnation: Type.String({ minLength: 1, maxLength: 64 }),
    address: Type.String({
      pattern: '^(\\[[0-9A-Fa-f:.]{2,45}\\]|[A-Za-z0-9._-]{1,253}):[0-9]{1,5}$',
      description: 'host:port of its Raft transport; IPv6 in brackets.',
    }),
  }),
  op('removeMember', { id: Type.Integer({ minimum: 1 }) }),
  // As of feature level 2.
  op('putOwnModel', {
    name: OwnModelName,
    model: OwnModel,
    evenIfDeclared: Type.Optional(
      Type.Literal(true, {
        description: 'Of a backup: it is there, and hidden by the one that is declared.',
      }),
    ),
  }),
  op('removeOwnModel', { name: OwnModelName }),
  op('raiseFeatureLevel', { to: Type.Integer({ minimum: 1, maximum: 1_000_000 }) }),
]);
export type CatalogOperation = Static<typeof CatalogOperation>;

/** Which try of which client a command is. */
export const CatalogSession = Type.Object(
  {
    client: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$' }),
    sequence: Type.Integer({ minimum: 1 }),
  },
  { additionalProperties: false },
);

/** `session`: a client that tries again under the same number gets the first answer, whatever became of the first try. */
export interface CatalogCommand {
  readonly format: 1;
  readonly session?: Static<typeof CatalogSession>;
  readonly operation: CatalogOperation;
}
