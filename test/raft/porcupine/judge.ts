import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One operation on a register, as its client saw it. Times in any unit. */
export interface Observed {
  readonly client: number;
  readonly key: string;
  readonly op: 'write' | 'append' | 'read' | 'swap';
  readonly value: string;
  /** Of a swap: what it must find to take place. */
  readonly expected?: string;
  /** Of a read; of a swap `swapped` when it took place. */
  readonly output: string;
  readonly call: number;
  /** Left out when nothing was ever learned of it. */
  readonly return?: number;
}

export type Verdict = 'linearizable' | 'illegal' | 'undecided';

const folder = fileURLToPath(new URL('.', import.meta.url));
const buildMs = 300_000;
const judgeMs = 300_000;

/** The judge, built by Go once for each version of its sources. @throws when it cannot be built */
const program = (): string => {
  const sources = ['main.go', 'go.mod', 'go.sum'].map((name) => readFileSync(join(folder, name)));
  const version = createHash('sha256').update(Buffer.concat(sources)).digest('hex').slice(0, 16);
  const cache = join(homedir(), '.cache', 'ollamamax', 'porcupine');
  const path = join(cache, version);
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  const built = spawnSync('go', ['build', '-o', unfinished, '.'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: buildMs,
  });
  if (built.status !== 0)
    throw new Error(`Porcupine cannot be built: ${built.error?.message ?? built.stderr}`);
  renameSync(unfinished, path);
  return path;
};

/** Has Porcupine judge each of the histories. */
export const judge = (histories: readonly (readonly Observed[])[]): Promise<Verdict[]> =>
  new Promise((resolve, reject) => {
    const child = spawn(program(), [], { stdio: ['pipe', 'pipe', 'pipe'], timeout: judgeMs });
    let output = '';
    let problem = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (problem += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      const verdicts = output.split('\n').filter((line) => line !== '') as Verdict[];
      if (code === 0 && verdicts.length === histories.length) resolve(verdicts);
      else reject(new Error(`Porcupine ended with code ${code ?? 'none'}: ${problem}`));
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(histories.map((history) => `${JSON.stringify(history)}\n`).join(''));
  });
