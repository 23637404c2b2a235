import { constants } from 'node:fs';
import { access, mkdir, open, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { ApiError, errorCatalogue, type ModelSpec } from '@ollamamax/api';
import { acquireFileLock, type FileLock } from '@ollamamax/common';
import { CliError, exitCodes } from '../cli-error.ts';
import { findPortHolder } from './port-holder.ts';
import type { AgentPorts } from './port-plan.ts';

const mebibyte = 1024 * 1024;
/** Resident memory of an agent without a model. */
const agentBytes = 200 * mebibyte;
/** What a runner needs beside the model file: process, context and scratch of a small model. */
const runnerBytes = 150 * mebibyte;

const purposes = {
  api: 'API',
  dashboard: 'dashboard',
  metrics: 'metrics',
  internal: 'internal API',
  raft: 'Raft transport',
} as const;
type UsedPort = keyof typeof purposes;

const tryListen = (port: number): Promise<string | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });

/** @throws ApiError port_in_use naming the port, who has it and which option chooses others */
export const checkPorts = async (plan: readonly AgentPorts[], suggestion: string): Promise<void> => {
  for (const [index, ports] of plan.entries())
    for (const name of Object.keys(purposes) as UsedPort[]) {
      const port = ports[name];
      const code = await tryListen(port);
      if (code === undefined) continue;
      const holder = code === 'EADDRINUSE' ? await findPortHolder(port) : undefined;
      const why =
        code !== 'EADDRINUSE'
          ? `cannot be opened (${code})`
          : holder === undefined
            ? 'is in use by another program'
            : `is in use by ${holder.program} (process ${holder.pid})`;
      throw new ApiError(
        'port_in_use',
        `Port ${port}, for the ${purposes[name]} of agent-${index}, ${why}. "${suggestion}" moves all ports of the cluster.`,
      );
    }
};

/**
 * The model's file is there, readable and GGUF.
 * @returns its size in bytes
 * @throws CliError source_file_missing; ApiError model_file_invalid
 */
export const checkModelFile = async (model: ModelSpec): Promise<number> => {
  if (!('file' in model.source)) return 0;
  const { file } = model.source;
  try {
    const facts = await stat(file);
    if (!facts.isFile())
      throw new ApiError('model_file_invalid', `${file}, for the model ${model.name}, is not a file.`);
    const handle = await open(file, 'r');
    try {
      const magic = Buffer.alloc(4);
      await handle.read(magic, 0, 4, 0);
      if (magic.toString('latin1') !== 'GGUF')
        throw new ApiError(
          'model_file_invalid',
          `${file}, for the model ${model.name}, does not begin with "GGUF"${
            magic.toString('latin1') === 'vers'
              ? '; it is a Git LFS pointer, fetch it with "git lfs pull"'
              : ''
          }.`,
        );
    } finally {
      await handle.close();
    }
    return facts.size;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'ENOTDIR') throw error;
    throw new CliError({
      code: 'source_file_missing',
      what: errorCatalogue.source_file_missing.summary,
      why: `${file}, for the model ${model.name}, ${code === 'EACCES' ? 'may not be read by this user' : 'does not exist'}.`,
      action: 'Check the path and its permissions; --model NAME=FILE names another file.',
      exitCode: exitCodes.failure,
    });
  }
};

const inMebibytes = (bytes: number): string => `${Math.ceil(bytes / mebibyte)} MiB`;

/** @throws ApiError insufficient_memory */
export const checkMemory = (
  available: number,
  agents: number,
  models: readonly { readonly bytes: number; readonly replicas: number }[],
): void => {
  const needed =
    agents * agentBytes +
    models.reduce((sum, { bytes, replicas }) => sum + replicas * (bytes + runnerBytes), 0);
  if (needed <= available) return;
  throw new ApiError(
    'insufficient_memory',
    `${agents} agents with their models need about ${inMebibytes(needed)}, and ${inMebibytes(available)} are free. Fewer agents ("--agents 1") or replicas ("--replicas 1") need less.`,
  );
};

/** Like `mkdir` with `recursive`, which never returns where a kernel file system has no place for new folders. */
const makeFolder = async (folder: string): Promise<void> => {
  const make = (): Promise<void> => mkdir(folder, { mode: 0o700 });
  try {
    await make();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error;
    await makeFolder(dirname(folder));
    await make();
  }
};

/**
 * Makes the data directory and takes its lock.
 * @throws CliError data_dir_unusable or already_running
 */
export const claimDataDir = async (dataDir: string): Promise<FileLock> => {
  try {
    await makeFolder(dataDir);
    await access(dataDir, constants.W_OK | constants.X_OK);
    const lock = await acquireFileLock(`${dataDir}/up.lock`);
    if (!('heldBy' in lock)) return lock;
    throw new CliError({
      code: 'already_running',
      what: 'A local cluster already runs with this data directory.',
      why: `${dataDir} is in use by process ${lock.heldBy.pid}.`,
      action:
        'Use that cluster, stop it with Ctrl-C, or choose another folder with --data-dir and other ports with --port.',
      exitCode: exitCodes.conflict,
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || error instanceof CliError) throw error;
    throw new CliError({
      code: 'data_dir_unusable',
      what: 'The data directory cannot be used.',
      why: `${dataDir} cannot be written (${code}).`,
      action: 'Choose a folder you may write to with --data-dir.',
      exitCode: exitCodes.failure,
    });
  }
};
