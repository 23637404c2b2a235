import { ApiError, canonicalModelName, isApiError, type AgentStatus, type ModelSpec } from '@ollamamax/api';
import { backoffDelay, sleep } from '@ollamamax/common';
import { CliError, exitCodes } from '../cli-error.ts';
import type { InternalClient } from './internal-client.ts';

export interface RollOutTarget {
  readonly id: string;
  readonly port: number;
}

export interface RollOutOptions {
  readonly client: InternalClient;
  readonly agents: readonly RollOutTarget[];
  readonly models: readonly ModelSpec[];
  /** Revision and content of the last push with this data directory, if any. */
  readonly last: { readonly revision: number; readonly models: string } | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
}

const retried = async <T>(options: RollOutOptions, deadline: number, work: () => Promise<T>): Promise<T> => {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isApiError(error) || !error.retryable || Date.now() > deadline) throw error;
      await sleep(backoffDelay(attempt, { minMs: 100, maxMs: 2000 }), options.signal);
    }
  }
};

const statuses = (options: RollOutOptions, deadline: number): Promise<AgentStatus[]> =>
  Promise.all(
    options.agents.map(({ id, port }) => retried(options, deadline, () => options.client.status(id, port))),
  );

/** How many agents must hold a model. */
const wantedReplicas = (model: ModelSpec, agents: number): number => Math.min(model.replicas ?? 3, agents);

/**
 * Gives every agent the desired state. The revision rises only when the models differ from the last push, or
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
    try {
      await Promise.all(
        options.agents.map(({ id, port }) =>
          retried(options, deadline, () =>
            options.client.push(id, port, { revision, models: [...options.models], settings: {} }),
          ),
        ),
      );
      return revision;
    } catch (error) {
      // Somebody else pushed between our question and our answer.
      if (!isApiError(error) || error.code !== 'stale_revision' || attempt >= 3) throw error;
    }
  }
};

/**
 * Waits until every model is ready on as many agents as wanted.
 * @throws ApiError why a model failed; CliError models_not_ready
 */
export const untilModelsReady = async (options: RollOutOptions): Promise<void> => {
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
    if (states.every(({ ready, wanted }) => ready >= wanted)) return;
    const failed = states.find((state) => state.failed !== undefined)?.failed;
    if (failed !== undefined)
      throw new ApiError(
        'model_load_failed',
        `${failed.id} cannot serve ${failed.status.name}: ${failed.status.error?.message ?? 'no reason given'}`,
      );
    const text = states
      .map(({ name, ready, wanted }) => `${name} on ${ready} of ${wanted} agents`)
      .join(', ');
    options.onProgress(text);
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
