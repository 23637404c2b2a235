/** A Docker daemon for the container suite: the one that answers, or one started for this run and stopped after it. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram } from './program.mjs';

/** @returns {Promise<import('./machine.mjs').Tool | import('./machine.mjs').Missing>} */
export async function startDocker() {
  if (findProgram('docker') === undefined) return { missing: 'no Docker: install docker.io' };
  if (answers(process.env)) return { env: { OLLAMAMAX_DOCKER: '1' } };
  const daemon = findProgram('dockerd');
  if (daemon === undefined) return { missing: 'no Docker daemon answers and there is no dockerd to start' };
  if (process.getuid?.() !== 0) return { missing: 'no Docker daemon answers and only root can start one' };
  return startDaemon(daemon);
}

/** @param {NodeJS.ProcessEnv} env */
function answers(env) {
  return spawnSync('docker', ['info'], { env, stdio: 'ignore', timeout: 20_000 }).status === 0;
}

/**
 * @param {string} daemon
 * @returns {Promise<import('./machine.mjs').Tool | import('./machine.mjs').Missing>}
 */
async function startDaemon(daemon) {
  const images = join(homedir(), '.cache', 'ollamamax', 'docker');
  const folder = mkdtempSync(join(tmpdir(), 'ollamamax-docker-'));
  mkdirSync(images, { recursive: true });
  const host = `unix://${join(folder, 'docker.sock')}`;
  const log = join(folder, 'dockerd.log');
  const output = openSync(log, 'w');
  const child = spawn(
    daemon,
    [
      `--host=${host}`,
      `--data-root=${images}`,
      `--exec-root=${join(folder, 'exec')}`,
      `--pidfile=${join(folder, 'pid')}`,
    ],
    { stdio: ['ignore', output, output], detached: true },
  );
  const running = () => child.exitCode === null && child.signalCode === null;
  const stop = async () => {
    child.kill('SIGTERM');
    for (let waited = 0; running() && waited < 20_000; waited += 100) await sleep(100);
    if (running()) child.kill('SIGKILL');
    // The daemon leaves the mount behind by which it names its network.
    spawnSync('umount', [join(folder, 'exec', 'netns', 'default')], { stdio: 'ignore' });
    rmSync(folder, { recursive: true, force: true });
  };
  const env = { OLLAMAMAX_DOCKER: '1', DOCKER_HOST: host };
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline && running()) {
    if (answers({ ...process.env, ...env })) return { env, stop };
    await sleep(300);
  }
  const last = readFileSync(log, 'utf8').trim().split('\n').slice(-5).join('\n    ');
  await stop();
  return { missing: `dockerd does not start:\n    ${last}` };
}
