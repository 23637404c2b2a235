import type { ModelSpec } from '@ollamamax/api';
import {
  eventually,
  login,
  startLocalCluster,
  tinyModel,
  untilServing,
  type AgentHandle,
  type LocalCluster,
  type TestUser,
} from '../harness/local-cluster.ts';

export const model = 'ollamamax-tiny';

/** Answers of the model at temperature 0, from its model card. */
export const card = {
  hello: { question: 'Hello!', answer: 'Hello! How can I help you?' },
  france: { question: 'What is the capital of France?', answer: 'The capital of France is Paris.' },
  anna: { question: 'Give {name, age} as JSON: Anna is 30 years old.', answer: { name: 'Anna', age: 30 } },
  count: { question: 'Count to 5.', answer: '1, 2, 3, 4, 5' },
  weather: { question: 'What is the weather in Paris?', arguments: { city: 'Paris' } },
} as const;

/** The function that the model card's example of a tool offers. */
export const weatherFunction = {
  name: 'get_weather',
  description: 'Get the weather for a city.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
  },
};

export interface OneHolderCluster {
  readonly cluster: LocalCluster;
  /** An agent without the model, to which all clients talk: their calls take the hop. */
  readonly door: AgentHandle;
  readonly holder: AgentHandle;
  /** Present when authentication is on. */
  readonly token: string | undefined;
}

export interface OneHolderOptions {
  readonly user?: TestUser;
  /** Defaults of the model, for clients that cannot send options of their own. */
  readonly parameters?: ModelSpec['parameters'];
  readonly settings?: { readonly parallel?: number; readonly maxQueue?: number };
}

/** Three agents of which one holds the model. */
export const startOneHolderCluster = async (options: OneHolderOptions = {}): Promise<OneHolderCluster> => {
  const cluster = await startLocalCluster({
    agents: 3,
    models: [
      {
        name: model,
        source: { file: tinyModel },
        replicas: 1,
        ...(options.parameters === undefined ? {} : { parameters: options.parameters }),
      },
    ],
    ...(options.settings === undefined ? {} : { config: { settings: options.settings } }),
    ...(options.user === undefined ? {} : { users: [options.user] }),
  });
  try {
    const [first] = cluster.agents;
    if (first === undefined) throw new Error('the cluster has no agents');
    const token = options.user === undefined ? undefined : await login(first, options.user);
    await untilServing(cluster, token);
    const held = await holdersOf(first, token);
    const holder = cluster.agents.find(({ id }) => held.includes(id));
    const door = cluster.agents.find(({ id }) => !held.includes(id));
    if (holder === undefined || door === undefined)
      throw new Error(`the model is on ${held.join(', ') || 'no agent'}, not on one of three`);
    return { cluster, door, holder, token };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
};

const holdersOf = async (agent: AgentHandle, token: string | undefined): Promise<string[]> => {
  const response = await fetch(`${agent.api}/api/v1/models/${model}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  const { agents } = (await response.json()) as { agents: { id: string }[] };
  return agents.map(({ id }) => id);
};

/** Waits until no request has a place on the holder's runner. */
export const untilSlotsFree = (holder: AgentHandle): Promise<void> =>
  eventually('all slots are free', async () => {
    const text = await (await fetch(`${holder.metrics}/metrics`)).text();
    const busy = text
      .split('\n')
      .filter((line) => line.startsWith('ollamamax_inference_slots{') && line.includes('state="busy"'));
    return busy.length > 0 && busy.every((line) => line.endsWith(' 0'));
  });
