import {
  ApiError,
  canonicalModelName,
  fromWireError,
  isApiError,
  isErrorCode,
  type AgentStatus,
  type ModelSpec,
} from '@ollamamax/api';
import { backoffDelay, sleep } from '@ollamamax/common';
import { CliError, exitCodes } from '../cli-error.ts';
import type { InternalClient } from './internal-client.ts';

export interface RollOutTarget {
  readonly id: string;
  readonly port: number;
}

/** The agents of a local cluster, and how long they have. */
export interface RollOut {
  readonly client: InternalClient;
  readonly agents: readonly RollOutTarget[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
}

export interface RollOutOptions extends RollOut {
  readonly models: readonly ModelSpec[];
  /** Revision and content of the last push with this data directory, if any. */
  readonly last: { readonly revision: number; readonly models: string } | undefined;
}

const retried = async <T>(options: RollOut, deadline: number, work: () => Promise<T>): Promise<T> => {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isApiError(error) || !error.retryable || Date.now() > deadline) throw error;
      await sleep(backoffDelay(attempt, { minMs: 100, maxMs: 2000 }), options.signal);
    }
  }
};

const statuses = (options: RollOut, deadline: number): Promise<AgentStatus[]> =>
  Promise.all(
    options.agents.map(({ id, port }) => retried(options, deadline, () => options.client.status(id, port))),
  );

/** How many agents must hold a model. */
const wantedReplicas = (model: ModelSpec, agents: number): number => Math.min(model.replicas ?? 3, agents);

/**
 * Sees to it that the agents are one group: begins one unless somebody belongs to one already, and waits until all do.
 * @param clusterId of the group that may have to be begun
 * @throws ApiError what an agent answered, or why one cannot join; CliError no_group after the deadline
 */
export const bringTogether = async (options: RollOut, clusterId: string): Promise<void> => {
  const { client, agents, signal, timeoutMs, onProgress } = options;
  const deadline = Date.now() + timeoutMs;
  const [first] = agents;
  if (first === undefined) return;
  let isBegun = false;
  for (;;) {
    const parts = (await statuses(options, deadline)).map(({ id, consensus }) => ({ id, consensus }));
    const together = parts.filter(({ consensus }) => consensus?.leader !== undefined);
    if (together.length === agents.length) return;
    if (!isBegun && parts.every(({ consensus }) => consensus?.state === 'none'))
      await retried(options, deadline, () => client.bootstrap(first.id, first.port, clusterId));
    isBegun = true;
    const broken = parts.find(({ consensus }) => consensus?.problem !== undefined);
    if (broken?.consensus?.problem !== undefined && isErrorCode(broken.consensus.problem.code))
      throw fromWireError({
        code: broken.consensus.problem.code,
        message: `${broken.id}: ${broken.consensus.problem.message}`,
      });
    onProgress(`Bringing the agents together: ${together.length} of ${agents.length} have found a leader`);
    if (Date.now() > deadline)
      throw new CliError({
        code: 'no_group',
        what: 'The agents did not find together in time.',
        why: `After ${timeoutMs / 1000} s ${together.length} of ${agents.length} agents know who leads.`,
        action: 'Read the agent.log of each agent in the data directory.',
        exitCode: exitCodes.timedOut,
      });
    await sleep(100, signal);
  }
};

/**
 * Has the last agents leave the group, so that the others can agree without them.
 * @param staying how many stay
 * @throws ApiError what an agent answered; CliError no_group
 */
export const shrink = async (options: RollOut, clusterId: string, staying: number): Promise<void> => {
  await bringTogether(options, clusterId);
  const deadline = Date.now() + options.timeoutMs;
  for (const { id, port } of options.agents.slice(staying).reverse()) {
    options.onProgress(`${id} leaves the cluster`);
    // Who leads may change at any moment. An agent that has left already says so again.
    await retried(options, deadline, () => options.client.leave(id, port));
  }
};

/**
 * Gives the group of agents its desired state. The revision rises only when the models differ from the last push, or
 * when the agents know of a newer one.
 * @returns the revision that holds now
 * @throws ApiError what an agent answered; agent_unreachable after the deadline
 */
export const pushDesiredState = async (options: RollOutOptions): Promise<number> => {
  const deadline = Date.now() + options.timeoutMs;
  for (let attempt = 0; ; attempt += 1) {
    const known = Math.max(
      0,
      ...(await statuses(options, deadline)).map(({ catalogRevision }) => catalogRevision),
    );
    const unchanged =
      attempt === 0 &&
      options.last?.revision === known &&
      options.last.models === JSON.stringify(options.models);
    const revision = unchanged ? known : known + 1;
    let turn = 0;
    try {
      // Any of them will do, so a try that failed goes to the next one.
      await retried(options, deadline, () => {
        const { id, port } = options.agents[turn % options.agents.length] ?? { id: '', port: 0 };
        turn += 1;
        return options.client.push(id, port, { revision, models: [...options.models], settings: {} });
      });
      return revision;
    } catch (error) {
      // Somebody else pushed between our question and our answer.
      if (!isApiError(error) || error.code !== 'stale_revision' || attempt >= 3) throw error;
    }
  }
};

/**
 * Waits until every agent has learned of that revision, and every model is ready on as many agents as wanted.
 * @throws ApiError why a model failed; CliError models_not_ready
 */
export const untilModelsReady = async (options: RollOutOptions, revision: number): Promise<void> => {
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    const answers = await statuses(options, deadline);
    const states = options.models.map((model) => {
      const name = canonicalModelName(model.name);
      const found = answers.flatMap(({ id, models }) =>
        models.filter((status) => canonicalModelName(status.name) === name).map((status) => ({ id, status })),
      );
      return {
        name: model.name,
        ready: found.filter(({ status }) => status.state === 'ready').length,
        wanted: wantedReplicas(model, options.agents.length),
        failed: found.find(({ status }) => status.state === 'failed'),
      };
    });
    const informed = answers.every(({ catalogRevision }) => catalogRevision >= revision);
    if (informed && states.every(({ ready, wanted }) => ready >= wanted)) return;
    const failed = states.find((state) => state.failed !== undefined)?.failed;
    if (failed !== undefined)
      throw new ApiError(
        'model_load_failed',
        `${failed.id} cannot serve ${failed.status.name}: ${failed.status.error?.message ?? 'no reason given'}`,
      );
    const text = states
      .map(({ name, ready, wanted }) => `${name} on ${ready} of ${wanted} agents`)
      .join(', ');
    options.onProgress(`Waiting for models: ${text}`);
    if (Date.now() > deadline)
      throw new CliError({
        code: 'models_not_ready',
        what: 'The models were not ready in time.',
        why: `After ${options.timeoutMs / 1000} s: ${text}.`,
        action: 'Read the agent.log of each agent in the data directory, or start with a smaller model.',
        exitCode: exitCodes.timedOut,
      });
    await sleep(150, options.signal);
  }
};
