import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startDocker } from '../../scripts/docker.mjs';

const run = promisify(execFile);

/**
 * Runs the docker command and gives back what it printed, trimmed.
 * @throws with all it said when it ends badly
 */
export async function docker(args: readonly string[], timeoutMs = 60_000): Promise<string> {
  const { stdout } = await run('docker', [...args], {
    // Jest's process.env is its own copy: without this the command would not see what `ensureDocker` found.
    env: process.env,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.trim();
}

/**
 * Makes sure that a Docker daemon answers, for testcontainers too. `npm test` has found or started one and says so
 * by OLLAMAMAX_DOCKER; Jest run by hand comes here without. Returns how to stop what was started.
 */
export async function ensureDocker(): Promise<() => Promise<void>> {
  // The container that would clean up after us could not be pulled; afterAll does it.
  process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
  if (process.env.OLLAMAMAX_DOCKER !== undefined) return () => Promise.resolve();
  const found = await startDocker();
  if ('missing' in found) throw new Error(found.missing);
  Object.assign(process.env, found.env);
  return found.stop ?? (() => Promise.resolve());
}
