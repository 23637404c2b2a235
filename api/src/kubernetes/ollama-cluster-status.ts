import { Type, type Static } from 'typebox';
import type { Immutable } from '../immutable.ts';
import { oneOf } from '../one-of.ts';
import type { OllamaClusterSpec } from './ollama-cluster.ts';
import { Condition, keyedList, plainList, type ObjectMeta } from './schema.ts';

export const clusterPhases = [
  'Pending',
  'Progressing',
  'Available',
  'Degraded',
  'Paused',
  'Deleting',
] as const;
export type ClusterPhase = (typeof clusterPhases)[number];

const agentNameText = Type.String({ maxLength: 253, description: 'Name of an agent.' });

export const OllamaClusterStatus = Type.Object(
  {
    observedGeneration: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Newest generation that a whole pass has brought about.' }),
    ),
    phase: Type.Optional(oneOf(clusterPhases, { description: 'The state in one word, for people.' })),
    conditions: Type.Optional(
      keyedList(Condition, ['type'], { maxItems: 32, description: 'Conditions of the cluster.' }),
    ),
    replicas: Type.Optional(Type.Integer({ minimum: 0, description: 'Pods that exist.' })),
    readyReplicas: Type.Optional(Type.Integer({ minimum: 0, description: 'Pods that serve.' })),
    updatedReplicas: Type.Optional(Type.Integer({ minimum: 0, description: 'Pods of the newest template.' })),
    selector: Type.Optional(
      Type.String({ maxLength: 1024, description: 'Selector of the pods, for the scale subresource.' }),
    ),
    endpoint: Type.Optional(Type.String({ maxLength: 2048, description: 'URL that clients use.' })),
    image: Type.Optional(Type.String({ maxLength: 512, description: 'Image that agents are to run.' })),
    models: Type.Optional(
      Type.Object(
        {
          total: Type.Integer({ minimum: 0, description: 'OllamaModels of this cluster.' }),
          ready: Type.Integer({ minimum: 0, description: 'Those that are ready.' }),
        },
        { description: 'Models at a glance.' },
      ),
    ),
    desiredState: Type.Optional(
      Type.Object(
        {
          revision: Type.Integer({ minimum: 0, description: 'Revision of what the agents were last given.' }),
          hash: Type.String({ maxLength: 64, description: 'SHA-256 of its content.' }),
        },
        { description: 'What the agents were last given.' },
      ),
    ),
    consensus: Type.Optional(
      Type.Object(
        {
          clusterId: Type.String({
            maxLength: 64,
            description: 'Id of the group of agents that agree. Written here before any agent is told of it.',
          }),
          begun: Type.Boolean({ description: 'An agent has said that it is a member of it.' }),
          leader: Type.Optional(
            Type.String({ maxLength: 253, description: 'Agent that leads; absent while none does.' }),
          ),
          term: Type.Optional(Type.Integer({ minimum: 0, description: 'Counts the elections.' })),
          voters: plainList(agentNameText, { maxItems: 100, description: 'Agents that have a vote.' }),
          learners: plainList(agentNameText, {
            maxItems: 100,
            description: 'Agents that follow without a vote.',
          }),
        },
        { description: 'What the agents have made out among themselves (Raft), as last heard.' },
      ),
    ),
    agents: Type.Optional(
      keyedList(
        Type.Object(
          {
            name: Type.String({ maxLength: 253, description: 'Name of the pod.' }),
            node: Type.Optional(Type.String({ maxLength: 253, description: 'Node it runs on.' })),
            phase: oneOf(['Pending', 'Starting', 'Ready', 'Draining', 'Unreachable', 'Failed'], {
              description: 'What it does.',
            }),
            version: Type.Optional(Type.String({ maxLength: 64, description: 'Version it runs.' })),
            revision: Type.Optional(
              Type.Integer({ minimum: 0, description: 'Revision of the desired state that it has.' }),
            ),
            message: Type.Optional(Type.String({ maxLength: 1024, description: 'What is wrong with it.' })),
          },
          { description: 'One agent.' },
        ),
        ['name'],
        { maxItems: 100, description: 'The agents.' },
      ),
    ),
    lastError: Type.Optional(
      Type.String({ maxLength: 4096, description: 'What stopped the last pass, in a sentence.' }),
    ),
  },
  { description: 'What is.' },
);
export type OllamaClusterStatus = Immutable<Static<typeof OllamaClusterStatus>>;

/** A cluster of agents. */
export interface OllamaCluster {
  readonly apiVersion: string;
  readonly kind: 'OllamaCluster';
  readonly metadata: ObjectMeta;
  readonly spec: OllamaClusterSpec;
  readonly status?: OllamaClusterStatus;
}
