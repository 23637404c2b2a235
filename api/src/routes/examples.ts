import { Type } from 'typebox';
import type { CatalogBackup } from '../wire/consensus.ts';

// What the examples of the documents name: they can be sent as they are to an agent with the bundled model.

export const exampleModel = 'ollamamax-tiny';

export const exampleMessages = [{ role: 'user', content: 'What is the capital of France?' }];

export const exampleAgent = 'agent-0';

export const exampleBackup: CatalogBackup = {
  format: 1,
  takenAt: '2026-01-01T00:00:00.000Z',
  clusterId: '0f6d3c1a',
  index: 42,
  desired: { revision: 3, models: [], settings: {} },
  desiredOrigin: 'pushed',
  drains: {},
  users: [],
};

/** A model's name as part of the path; slashes in it are sent as `%2F`. */
export const ModelInPath = Type.String({
  minLength: 1,
  description: 'Name of the model; the tag defaults to latest.',
  examples: [exampleModel],
});

export const AgentInPath = Type.String({
  minLength: 1,
  description: 'Id of the agent.',
  examples: [exampleAgent],
});

export const UserInPath = Type.String({
  minLength: 1,
  description: 'Name of the user.',
  examples: ['anna'],
});
