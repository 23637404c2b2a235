import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromRunner, ToRunner } from '../runner/protocol.ts';
import type { LoadedBackend } from './loaded-backend.ts';

const defaultTimeoutMs = 30_000;

/** Numbers of Vulkan devices are those of all of them, as runners are told of some by these numbers. */
const hiddenFromProbe = 'GGML_VK_VISIBLE_DEVICES';

/**
 * Lets a process of its own load node-llama-cpp and tell of the devices it finds. A driver that crashes or hangs ends
 * that process and nothing else.
 * @param module program of the runner
 * @returns undefined when the process has ended, failed or taken too long
 */
export const askBackend = async (
  module: URL,
  environment: Readonly<Record<string, string>>,
  timeoutMs = defaultTimeoutMs,
): Promise<LoadedBackend | undefined> => {
  const { [hiddenFromProbe]: _hidden, ...env } = environment;
  const child = fork(fileURLToPath(module), [], {
    serialization: 'advanced',
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const ended = new Promise<undefined>((resolve) => {
    child.once('error', () => resolve(undefined));
    child.once('exit', () => resolve(undefined));
  });
  const answered = new Promise<LoadedBackend | undefined>((resolve) => {
    child.on('message', (message: FromRunner) => {
      if (message.type === 'devices') resolve(message.backend);
    });
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const question: ToRunner = { type: 'devices' };
  child.send(question, () => undefined);
  try {
    return await Promise.race([answered, ended]);
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
  }
};
