import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, freePorts, tinyModel } from '../harness/local-cluster.ts';

export interface Oracle {
  readonly url: string;
  stop(): Promise<void>;
}

const modelfile = `FROM ${tinyModel}
TEMPLATE """{{ range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""
`;

/** The real Ollama on loopback with the bundled model under the given name, in a folder of its own. */
export const startOracle = async (command: string, model: string): Promise<Oracle> => {
  const folder = mkdtempSync(join(tmpdir(), 'ollamamax-oracle-'));
  const [port = 0] = await freePorts(1);
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    OLLAMA_HOST: `127.0.0.1:${port}`,
    OLLAMA_MODELS: join(folder, 'models'),
  };
  const url = `http://${env.OLLAMA_HOST}`;
  const server = spawn(command, ['serve'], { env, stdio: 'ignore' });
  const ended = once(server, 'exit');
  const stop = async (): Promise<void> => {
    server.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await eventually('the real Ollama answers', async () => {
      const response = await fetch(url).catch(() => undefined);
      return response?.ok === true;
    });
    writeFileSync(join(folder, 'Modelfile'), modelfile);
    const made = spawnSync(command, ['create', model, '-f', join(folder, 'Modelfile')], {
      env,
      encoding: 'utf8',
      timeout: 60_000,
    });
    if (made.status !== 0) throw new Error(`the real Ollama took no model: ${made.stderr}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
};
