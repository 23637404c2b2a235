import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { own, stopChild } from '../harness/child-process.ts';

const program = fileURLToPath(new URL('main.ts', import.meta.url));

export interface FakeEngine {
  readonly url: string;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

/** @param tokenMs milliseconds between two tokens of a stream; 0: all at once */
export const startFakeEngine = async (tokenMs: number): Promise<FakeEngine> => {
  const child = own(
    fork(program, [], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { PATH: process.env.PATH, ENGINE_TOKEN_MS: String(tokenMs) },
    }),
  );
  const [message] = (await once(child, 'message', { signal: AbortSignal.timeout(30_000) })) as [
    { port: number },
  ];
  return {
    url: `http://127.0.0.1:${message.port}`,
    process: child,
    stop: () => stopChild(child),
  };
};
