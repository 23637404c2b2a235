import { flushCompileCache } from 'node:module';
import { createLogger } from '@ollamamax/common';
import { toWireError, type WireError } from '@ollamamax/api';
import { createAgent, type AgentAddresses } from './agent.ts';
import { reportError } from './cli/print-error.ts';
import { loadConfig } from './config/load-config.ts';
import { runnerEnvironment } from './inference/runner-engine.ts';

/** What an agent tells the process that started it, over IPC. */
export type AgentMessage =
  | ({ readonly type: 'ready'; readonly id: string } & AgentAddresses)
  | { readonly type: 'failed'; readonly error: WireError };

const requiredMajor = 24;

const tell = (message: AgentMessage): void => {
  if (process.connected) process.send?.(message);
};

const fail = async (error: unknown): Promise<never> => {
  tell({ type: 'failed', error: toWireError(error) });
  process.exit(await reportError(error, process.stderr));
};

const configFile = (argv: readonly string[]): string | undefined => {
  const at = argv.indexOf('--config');
  return at < 0 ? undefined : argv[at + 1];
};

const main = async (): Promise<void> => {
  const [major = '0'] = process.versions.node.split('.');
  if (Number(major) < requiredMajor) {
    process.stderr.write(
      `Error: the agent needs Node ${requiredMajor} or newer; this is ${process.version}.\nStart it with "npm start", which brings its own Node.\n`,
    );
    process.exit(1);
  }
  const file = configFile(process.argv.slice(2));
  const { config, warnings } = await loadConfig({
    ...(file === undefined ? {} : { file }),
    cwd: process.cwd(),
    env: process.env,
  });
  const logger = createLogger({ ...config.log, stream: process.stderr });
  for (const warning of warnings) logger.warn(warning);
  const log = logger.child({ agent: config.node.id });
  const agent = await createAgent({ config, logger: log, runnerEnvironment: runnerEnvironment(process.env) });

  const hurry = new AbortController();
  let stopping = false;
  const stop = (why: string): void => {
    if (stopping) {
      hurry.abort();
      return;
    }
    stopping = true;
    log.info('stopping', { why });
    agent
      .stop(hurry.signal)
      .then(async (clean) => {
        await logger.close();
        process.exit(clean ? 0 : 3);
      })
      .catch(fail);
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  // The supervisor is gone: nobody would stop this agent any more.
  process.on('disconnect', () => stop('the parent process ended'));
  process.on('unhandledRejection', (error) => {
    log.error('unhandled rejection', { error });
  });

  const addresses = await agent.start();
  tell({ type: 'ready', id: agent.id, ...addresses });
  // Node writes its cache of compiled sources at a clean exit only: one that is killed would help no later start.
  flushCompileCache();
};

main().catch(fail);
