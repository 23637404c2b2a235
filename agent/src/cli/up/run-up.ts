import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canonicalModelName, isApiError, type ModelSpec } from '@ollamamax/api';
import { sleep, writeFileAtomic } from '@ollamamax/common';
import { PasswordHasher } from '../../auth/password.ts';
import { editUsers } from '../../auth/users-file.ts';
import { readAvailableMemory } from '../../available-memory.ts';
import { interruptedError, usageError } from '../cli-error.ts';
import { agentProgram, treeRoot, upCommand, type CliContext } from '../context.ts';
import { AgentProcess } from './agent-process.ts';
import { ensureSecretFile, prepareCredentials } from './credentials.ts';
import { createInternalClient } from './internal-client.ts';
import {
  agentEnvironment,
  localGraceSeconds,
  localPollMs,
  writeNodeFile,
  type LocalCluster,
} from './node-files.ts';
import { maxLocalAgents, planPorts, portRange } from './port-plan.ts';
import { checkMemory, checkModelFile, checkPorts, claimDataDir } from './preflight.ts';
import { Progress } from './progress.ts';
import { pushDesiredState, untilModelsReady, type RollOutOptions } from './roll-out.ts';
import { welcome } from './welcome.ts';

export interface UpOptions {
  readonly agents: number;
  readonly port: number;
  readonly dataDir?: string;
  /** `NAME=FILE`; the bundled models when there is none. */
  readonly model?: readonly string[];
  readonly replicas?: number;
  readonly auth?: boolean;
}

/** What differs in tests. */
export interface UpDependencies {
  /** Program of an agent. */
  readonly program: string;
  readonly modelFolder: string;
  readonly now: () => number;
}

const clusterName = 'local';
const startTimeoutMs = 60_000;
const rollOutTimeoutMs = 120_000;
/** Beyond the drain's own grace: closing sockets and runners. */
const stopSlackMs = 5000;
const portStep = 100;

export const defaultUpDependencies: UpDependencies = {
  program: fileURLToPath(agentProgram),
  modelFolder: fileURLToPath(new URL('models/', treeRoot)),
  now: Date.now,
};

const bundledModels = (folder: string): ModelSpec[] => [
  {
    name: 'ollamamax-tiny',
    source: { file: join(folder, 'ollamamax-tiny-q8_0.gguf') },
    preload: true,
  },
  { name: 'ollamamax-tiny-v2', source: { file: join(folder, 'ollamamax-tiny-v2-q8_0.gguf') } },
];

/** @throws CliError usage; ApiError invalid_model_name */
export const modelsFrom = (options: UpOptions, folder: string, cwd: string): readonly ModelSpec[] => {
  const replicas = options.replicas ?? options.agents;
  if (options.model === undefined || options.model.length === 0)
    return bundledModels(folder).map((model) => ({ ...model, replicas }));
  const seen = new Set<string>();
  return options.model.map((text) => {
    const at = text.indexOf('=');
    if (at <= 0 || at === text.length - 1)
      throw usageError(
        `--model ${text} is not NAME=FILE.`,
        'Give for example --model mine=/models/mine.gguf.',
      );
    const name = text.slice(0, at);
    const canonical = canonicalModelName(name);
    if (seen.has(canonical))
      throw usageError(`--model ${name} is given twice.`, 'Give each model another name.');
    seen.add(canonical);
    return { name, source: { file: resolve(cwd, text.slice(at + 1)) }, replicas, preload: seen.size === 1 };
  });
};

const checkUsage = (options: UpOptions): void => {
  const { agents, replicas } = options;
  if (!Number.isInteger(agents) || agents < 1 || agents > maxLocalAgents)
    throw usageError(`--agents ${agents} is not usable.`, `Choose a number from 1 to ${maxLocalAgents}.`);
  if (replicas !== undefined && (!Number.isInteger(replicas) || replicas < 1 || replicas > agents))
    throw usageError(
      `--replicas ${replicas} is not usable.`,
      `Choose a number from 1 to ${agents}, the number of agents.`,
    );
};

/** @returns the password of the new administrator, undefined when the users file was there already */
const prepareAuth = async (
  dataDir: string,
): Promise<{ auth: NonNullable<LocalCluster['auth']>; password: string | undefined }> => {
  const usersFile = join(dataDir, 'users.yaml');
  const jwtSecretFile = join(dataDir, 'jwt-secret');
  await ensureSecretFile(jwtSecretFile);
  let password: string | undefined;
  const generated = randomBytes(12).toString('base64url');
  const passwordHash = await new PasswordHasher().hash(generated);
  await editUsers(usersFile, (users) => {
    if (users.length > 0) return users;
    password = generated;
    return [{ name: 'admin', role: 'admin', passwordHash }];
  });
  return { auth: { usersFile, jwtSecretFile }, password };
};

interface LastPush {
  readonly revision: number;
  readonly models: string;
}

const readLastPush = async (file: string): Promise<LastPush | undefined> => {
  try {
    const last = JSON.parse(await readFile(file, 'utf8')) as Partial<LastPush>;
    return typeof last.revision === 'number' && typeof last.models === 'string'
      ? { revision: last.revision, models: last.models }
      : undefined;
  } catch {
    return undefined;
  }
};

/** Ctrl-C once: stop in order. Twice: kill. */
class StopSignals {
  readonly controller = new AbortController();
  readonly stopped: Promise<'SIGINT' | 'SIGTERM'>;
  readonly #release: () => void;
  #count = 0;

  constructor(context: CliContext, onFirst: () => void, onAgain: () => void) {
    let resolveStopped: (signal: 'SIGINT' | 'SIGTERM') => void;
    this.stopped = new Promise((resolve) => {
      resolveStopped = resolve;
    });
    this.#release = context.onSignal((signal) => {
      this.#count += 1;
      if (this.#count > 1) {
        onAgain();
        return;
      }
      onFirst();
      resolveStopped(signal);
      this.controller.abort(interruptedError('The local cluster was not started.'));
    });
  }

  get forced(): boolean {
    return this.#count > 1;
  }

  release(): void {
    this.#release();
  }
}

/**
 * Runs a local cluster until it is stopped by a signal.
 * @returns once every agent has ended; an interrupted start and a forced stop are errors
 * @throws CliError, ApiError
 */
export const runUp = async (
  options: UpOptions,
  context: CliContext,
  dependencies: UpDependencies = defaultUpDependencies,
): Promise<void> => {
  checkUsage(options);
  const plan = planPorts(options.agents, options.port);
  const models = modelsFrom(options, dependencies.modelFolder, context.cwd);
  const dataDir =
    options.dataDir === undefined
      ? fileURLToPath(new URL('data', treeRoot))
      : resolve(context.cwd, options.dataDir);
  const progress = new Progress(context.stderr, context.env);
  const agents: AgentProcess[] = [];
  const signals = new StopSignals(
    context,
    () =>
      progress.say(
        `Stopping: running answers get up to ${localGraceSeconds} s per agent; Ctrl-C again ends them now.`,
      ),
    () => {
      progress.say('Killing all agents.');
      for (const agent of agents) agent.kill();
    },
  );
  try {
    progress.doing('Checking ports, models and memory');
    const lock = await claimDataDir(dataDir);
    try {
      const suggestion =
        options.port + portStep > portRange.to ? options.port - portStep : options.port + portStep;
      await checkPorts(plan, `${upCommand(context.env)} --port ${suggestion}`);
      const sizes: { bytes: number; replicas: number }[] = [];
      for (const model of models)
        sizes.push({ bytes: await checkModelFile(model), replicas: model.replicas ?? options.agents });
      checkMemory(await readAvailableMemory(), options.agents, sizes);

      const agentIds = plan.map((_ports, index) => `agent-${index}`);
      const credentials = await prepareCredentials(dataDir, clusterName, agentIds, dependencies.now());
      const auth = options.auth === true ? await prepareAuth(dataDir) : undefined;
      const cluster: LocalCluster = {
        name: clusterName,
        dataDir,
        agentIds,
        ports: plan,
        credentials,
        ...(auth === undefined ? {} : { auth: auth.auth }),
      };
      for (const [index, id] of agentIds.entries()) {
        const configFile = await writeNodeFile(cluster, index);
        agents.push(
          new AgentProcess({
            id,
            args: [dependencies.program, '--config', configFile],
            env: agentEnvironment(context.env),
            logFile: join(dataDir, id, 'agent.log'),
            startTimeoutMs,
            onEvent: (sentence) => progress.say(sentence),
          }),
        );
      }
      signals.controller.signal.throwIfAborted();
      await startAll(agents, signals, progress);
      await rollOut(cluster, models, join(dataDir, 'last-push.json'), signals, progress);
      progress.say(`Models ready: ${models.map(({ name }) => name).join(', ')}`);
      welcome(context, {
        ports: plan,
        model: models[0]?.name ?? '',
        dataDir,
        ...(auth === undefined ? {} : { auth: { password: auth.password, usersFile: auth.auth.usersFile } }),
      });
      await signals.stopped;
      await stopAll(agents, progress);
      if (signals.forced)
        throw interruptedError('The agents were killed before they had finished their work.');
      progress.say('All agents have stopped.');
    } catch (error) {
      await stopAll(agents, progress);
      throw error;
    } finally {
      await lock.release();
    }
  } finally {
    signals.release();
  }
};

const startAll = async (
  agents: readonly AgentProcess[],
  signals: StopSignals,
  progress: Progress,
): Promise<void> => {
  let up = 0;
  const tell = (): void => progress.doing(`Starting agents: ${up} of ${agents.length} are up`);
  tell();
  const aborted = new Promise<never>((_resolve, reject) => {
    signals.controller.signal.addEventListener(
      'abort',
      () => reject(signals.controller.signal.reason as Error),
      { once: true },
    );
  });
  const starts = agents.map((agent) =>
    agent.start().then(() => {
      up += 1;
      tell();
    }),
  );
  // Those that lose the race are stopped by the caller and reject then; nobody asks for that.
  void Promise.allSettled([...starts, aborted]);
  await Promise.race([Promise.all(starts), aborted]);
  progress.say(`Agents up: ${agents.map(({ id }) => id).join(', ')}`);
};

const rollOut = async (
  cluster: LocalCluster,
  models: readonly ModelSpec[],
  lastPushFile: string,
  signals: StopSignals,
  progress: Progress,
): Promise<void> => {
  const client = await createInternalClient(cluster.name, cluster.credentials);
  try {
    const rollOutOptions: RollOutOptions = {
      client,
      agents: cluster.agentIds.map((id, index) => ({ id, port: cluster.ports[index]?.internal ?? 0 })),
      models,
      last: await readLastPush(lastPushFile),
      timeoutMs: rollOutTimeoutMs,
      signal: signals.controller.signal,
      onProgress: (text) => progress.doing(`Waiting for models: ${text}`),
    };
    progress.doing('Handing the models to the agents');
    const revision = await pushDesiredState(rollOutOptions);
    await writeFileAtomic(lastPushFile, JSON.stringify({ revision, models: JSON.stringify(models) }), 0o600);
    await untilModelsReady(rollOutOptions);
    if (models.some(({ replicas = cluster.agentIds.length }) => replicas < cluster.agentIds.length)) {
      progress.doing('Letting the agents tell each other what they hold');
      await sleep(2 * localPollMs, signals.controller.signal);
    }
  } catch (error) {
    // What interrupts a wait shows as the wait's error, or as a request that was cut off.
    if (
      signals.controller.signal.aborted &&
      (isApiError(error) || error === signals.controller.signal.reason)
    )
      signals.controller.signal.throwIfAborted();
    throw error;
  } finally {
    client.close();
  }
};

/** The last agent first, one after the other, so that running requests have somewhere to go as long as possible. */
const stopAll = async (agents: readonly AgentProcess[], progress: Progress): Promise<void> => {
  for (const [index, agent] of agents.toReversed().entries()) {
    progress.doing(`Stopping agents: ${index} of ${agents.length} have ended`);
    if ((await agent.stop(localGraceSeconds * 1000 + stopSlackMs)) === 'killed')
      progress.say(`${agent.id} did not end within its grace time and was killed.`);
  }
};
