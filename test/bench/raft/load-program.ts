import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BenchRefused } from '../harness/bench.ts';

const execute = promisify(execFile);
const folder = fileURLToPath(new URL('load/', import.meta.url));
const buildMs = 600_000;

/** Where the programs of this bench are kept from run to run. */
export const programCache = join(homedir(), '.cache', 'ollamamax', 'bench-raft');

/**
 * The load for both candidates, built anew when its source has changed.
 * @returns its path
 * @throws BenchRefused when there is no Go, or its modules cannot be had
 */
export const buildLoad = async (progress: (text: string) => void, signal: AbortSignal): Promise<string> => {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder).sort()) hash.update(readFileSync(join(folder, name)));
  const program = join(programCache, `load-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(program)) return program;
  progress('building the load');
  try {
    await mkdir(programCache, { recursive: true });
    await execute('go', ['build', '-o', program, '.'], { signal, timeout: buildMs, cwd: folder });
    return program;
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new BenchRefused(`the load cannot be built, which needs Go: ${reason}`, { cause: error });
  }
};
