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
import { keepGroup, readGroup } from './group-file.ts';
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
import {
  bringTogether,
  pushDesiredState,
  shrink,
  untilModelsReady,
  type RollOut,
  type RollOutOptions,
} from './roll-out.ts';
import { startAll, stopAll } from './start-stop.ts';
import { StopSignals } from './stop-signals.ts';
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
      const sizes: { bytes: number; replicas: number }[] = [];
      for (const model of models)
        sizes.push({ bytes: await checkModelFile(model), replicas: model.replicas ?? options.agents });
      checkMemory(await readAvailableMemory(), options.agents, sizes);
      const auth = options.auth === true ? await prepareAuth(dataDir) : undefined;

      const start = async (count: number): Promise<LocalCluster> => {
        const ports = planPorts(count, options.port);
        const suggestion =
          options.port + portStep > portRange.to ? options.port - portStep : options.port + portStep;
        await checkPorts(ports, `${upCommand(context.env)} --port ${suggestion}`);
        const agentIds = ports.map((_ports, index) => `agent-${index}`);
        const cluster: LocalCluster = {
          name: clusterName,
          dataDir,
          agentIds,
          ports,
          credentials: await prepareCredentials(dataDir, clusterName, agentIds, dependencies.now()),
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
        return cluster;
      };

      const group = await readGroup(dataDir);
      if (group.agents > options.agents) {
        progress.say(
          `The cluster had ${group.agents} agents: all are started once, so that the last ${group.agents - options.agents} can leave it.`,
        );
        await withClient(await start(group.agents), signals, progress, (rollOutOptions) =>
          shrink(rollOutOptions, group.clusterId, options.agents),
        );
        await stopAll(agents.splice(0), progress);
      }
      await keepGroup(dataDir, { ...group, agents: options.agents });
      await withClient(await start(options.agents), signals, progress, (rollOutOptions) =>
        rollOut(rollOutOptions, group.clusterId, models, join(dataDir, 'last-push.json')),
      );
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

/** Does something with the agents by way of their internal API; what interrupts it is told as the interruption. */
const withClient = async (
  cluster: LocalCluster,
  { controller: { signal } }: StopSignals,
  progress: Progress,
  work: (options: RollOut) => Promise<void>,
): Promise<void> => {
  const client = await createInternalClient(cluster.name, cluster.credentials);
  try {
    await work({
      client,
      agents: cluster.agentIds.map((id, index) => ({ id, port: cluster.ports[index]?.internal ?? 0 })),
      timeoutMs: rollOutTimeoutMs,
      signal,
      onProgress: (text) => progress.doing(text),
    });
  } catch (error) {
    // What interrupts a wait shows as the wait's error, or as a request that was cut off.
    if (signal.aborted && (isApiError(error) || error === signal.reason)) signal.throwIfAborted();
    throw error;
  } finally {
    client.close();
  }
};

const rollOut = async (
  options: RollOut,
  clusterId: string,
  models: readonly ModelSpec[],
  lastPushFile: string,
): Promise<void> => {
  const { agents, signal, onProgress } = options;
  await bringTogether(options, clusterId);
  onProgress('Handing the models to the agents');
  const rollOutOptions: RollOutOptions = { ...options, models, last: await readLastPush(lastPushFile) };
  const revision = await pushDesiredState(rollOutOptions);
  await writeFileAtomic(lastPushFile, JSON.stringify({ revision, models: JSON.stringify(models) }), 0o600);
  await untilModelsReady(rollOutOptions, revision);
  if (models.some(({ replicas = agents.length }) => replicas < agents.length)) {
    onProgress('Letting the agents tell each other what they hold');
    await sleep(2 * localPollMs, signal);
  }
};
