import { Type, type Static } from 'typebox';
import { CreateBody, ProgressResponse } from '../rest/ollama-models.ts';
import { OwnModelName } from './own-models.ts';
import { ErrorOnWire } from './inference.ts';

const { model: _model, name: _name, stream: _stream, ...content } = CreateBody.properties;

const user = Type.String({ maxLength: 64, description: 'Who has asked for it.' });

/** Work on a model that only an agent with its files can do; it comes from the agent that a client has asked. */
export const ManageRequest = Type.Union([
  Type.Object(
    { kind: Type.Literal('create'), name: OwnModelName, user, content: Type.Object(content) },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      kind: Type.Literal('push'),
      name: OwnModelName,
      to: Type.String({
        maxLength: 620,
        description: 'Name in the registry, which may begin with a scheme.',
      }),
      insecure: Type.Boolean(),
    },
    { additionalProperties: false },
  ),
]);
export type ManageRequest = Static<typeof ManageRequest>;

/** What it yields, in order: any number of progress, then one done or error. */
export const ManageEvent = Type.Union([
  Type.Object({ type: Type.Literal('progress'), progress: ProgressResponse }),
  Type.Object({ type: Type.Literal('done') }),
  Type.Object({ type: Type.Literal('error'), error: ErrorOnWire }),
]);
export type ManageEvent = Static<typeof ManageEvent>;
