import { fileURLToPath } from 'node:url';
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
import { model } from './model-card.ts';

/** A user of a cluster with authentication. */
export const anna: TestUser = { name: 'anna', password: 'correct horse battery', role: 'user' };

/** The bundled embedding model. */
export const embedder = {
  name: 'ollamamax-tiny-embed',
  source: {
    file: fileURLToPath(new URL('../../models/ollamamax-tiny-embed-f16.gguf', import.meta.url)),
  },
} satisfies ModelSpec;

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
  /** Other models, which every agent holds unless they say otherwise. */
  readonly more?: readonly ModelSpec[];
}

/** Three agents of which one holds the chat model. */
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
      ...(options.more ?? []),
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
