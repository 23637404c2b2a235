/**
 * Inside an image build: starts the agent as the user it will run as, lets the bundled model answer once and stops
 * it. What Node compiled is kept in FOLDER; later starts use it when NODE_COMPILE_CACHE names that folder, and when
 * they have the same Node and user. Usage: `node scripts/docker-warm.mjs FOLDER`.
 */
import { spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { folderOf, seal, user } from './docker-compile-cache.mjs';

const deadline = AbortSignal.timeout(120_000);
const cache = process.argv[2];
if (cache === undefined) throw new Error('Name the folder that keeps what Node compiles.');
const data = '/data';
for (const folder of [cache, data]) folderOf(user, folder);

const [api, dashboard, metrics] = await Promise.all([freeAddress(), freeAddress(), freeAddress()]);
const agent = spawn(process.execPath, ['agent/src/main.ts', '--config', '/etc/ollamamax/node.yaml'], {
  uid: user,
  gid: user,
  stdio: 'inherit',
  env: {
    ...process.env,
    API_LISTEN: api,
    DASHBOARD_LISTEN: dashboard,
    METRICS_LISTEN: metrics,
    NODE_COMPILE_CACHE: cache,
    OLLAMAMAX_INSECURE: 'true',
  },
});
/** @type {Promise<number | null>} */
const ended = new Promise((resolve, reject) => {
  agent.on('error', reject).on('exit', resolve);
});
try {
  while (!(await ready())) await sleep(50, undefined, { signal: deadline });
  await chatOnce();
} finally {
  agent.kill('SIGTERM');
}
const code = await Promise.race([ended, sleep(60_000, null, { ref: false })]);
if (code !== 0) throw new Error(`The agent ended with code ${code ?? 'unknown'} after SIGTERM.`);
for (const name of readdirSync(data)) rmSync(join(data, name), { recursive: true, force: true });
seal(cache);

/** A build may share the host's network, where the usual ports may be taken. */
async function freeAddress() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('No free port.');
  return `127.0.0.1:${address.port}`;
}

async function ready() {
  if (agent.exitCode !== null) throw new Error(`The agent ended with code ${agent.exitCode}, see above.`);
  try {
    return (await fetch(`http://${metrics}/readyz`, { signal: deadline })).ok;
  } catch (error) {
    if (deadline.aborted) throw error;
    return false;
  }
}

/** The model's file may still be read when the agent is ready: 503 until then. */
async function chatOnce() {
  for (;;) {
    const answer = await fetch(`http://${api}/api/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'ollamamax-tiny',
        stream: false,
        messages: [{ role: 'user', content: 'Hello' }],
        options: { num_predict: 4 },
      }),
      signal: deadline,
    });
    const text = await answer.text();
    if (answer.ok) return;
    if (answer.status !== 503) throw new Error(`The bundled model does not answer: ${text}`);
    await sleep(200, undefined, { signal: deadline });
  }
}
