import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { eventually, freePorts } from './local-cluster.ts';

export interface LlamaServer {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * A real llama-server on loopback.
 * @param folder with the program and the libraries that it loads
 * @param args without address and port
 */
export const startLlamaServer = async (folder: string, args: readonly string[]): Promise<LlamaServer> => {
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    join(folder, 'llama-server'),
    [...args, '--host', '127.0.0.1', '--port', String(port), '--no-webui'],
    {
      cwd: folder,
      env: { PATH: process.env.PATH, LD_LIBRARY_PATH: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4000);
  });
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  try {
    await eventually('llama-server answers', async () => {
      if (child.exitCode !== null) throw new Error(`llama-server ended: ${said}`);
      return (await fetch(`${url}/health`).catch(() => undefined))?.ok === true;
    });
  } catch (error) {
    if (child.exitCode === null) await stop();
    throw error;
  }
  return { url, stop };
};
