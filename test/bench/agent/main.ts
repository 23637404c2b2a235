import { toWireError } from '@ollamamax/api';
import { createLogger } from '@ollamamax/common';
import { createAgent } from '../../../agent/src/agent.ts';
import { loadConfig } from '../../../agent/src/config/load-config.ts';
import type { AgentMessage } from '../../../agent/src/main.ts';
import { createHttpEngine } from './http-engine.ts';

/*
 * A whole agent whose engine is the one at ENGINE_URL: same arguments, same messages to its parent as agent/src/main.ts.
 */

const tell = (message: AgentMessage): void => {
  process.send?.(message);
};

const main = async (): Promise<void> => {
  const { ENGINE_URL: engineUrl } = process.env;
  if (engineUrl === undefined) throw new Error('ENGINE_URL is not set');
  const [, , , file = ''] = process.argv;
  const { config } = await loadConfig({ file, cwd: process.cwd(), env: process.env });
  const logger = createLogger({ ...config.log, stream: process.stderr });
  const agent = await createAgent({ config, logger, engine: createHttpEngine(engineUrl) });
  const stop = (): void => {
    agent.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('disconnect', stop);
  tell({ type: 'ready', id: agent.id, ...(await agent.start()) });
};

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  tell({ type: 'failed', error: toWireError(error) });
  process.exit(1);
});
