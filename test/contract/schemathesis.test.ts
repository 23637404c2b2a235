import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { login, startLocalCluster, untilServing, type LocalCluster } from '../harness/local-cluster.ts';
import { send } from './agent-client.ts';
import { users } from './route-calls.ts';

const python = process.env.OLLAMAMAX_SCHEMATHESIS_PYTHON ?? '';
const folder = fileURLToPath(new URL('schemathesis', import.meta.url));

/** A registry on this machine that has no model: nothing is asked of one on the network. */
const registry = createServer((request, response) => {
  request.resume();
  response.writeHead(404).end();
});

let cluster: LocalCluster;
/** What the run said, and how it ended. */
let report = '';
let code: number | null;

/** @returns the backup's desired state, which a restore is to leave as it is */
const desiredOf = async (api: string, token: string): Promise<object> => {
  const { text } = await send(api, '/api/v1/cluster/backup', { token });
  return (JSON.parse(text) as { desired: object }).desired;
};

beforeAll(async () => {
  if (python === '') throw new Error('OLLAMAMAX_SCHEMATHESIS_PYTHON must name a Python with Schemathesis');
  registry.listen(0, '127.0.0.1');
  await once(registry, 'listening');
  cluster = await startLocalCluster({ users: Object.values(users) });
  const agent = cluster.agent('agent-0');
  const token = await login(agent, users.admin);
  await untilServing(cluster, token);
  // From a file: the route that a document came from is left out of a run.
  const served = join(cluster.folder, 'openapi.json');
  writeFileSync(served, (await send(agent.api, '/openapi.json')).text);
  const child = spawn(
    python,
    [
      ...['-B', '-m', 'schemathesis.cli', '--config-file', join(folder, 'schemathesis.toml')],
      ...['run', served, '--url', agent.api, '--no-color'],
    ],
    {
      // It keeps what it has found beside itself, and would begin the next run with that.
      cwd: cluster.folder,
      env: {
        PATH: process.env.PATH,
        PYTHONPATH: folder,
        PYTHONDONTWRITEBYTECODE: '1',
        OLLAMAMAX_TEST_TOKEN: token,
        OLLAMAMAX_TEST_REGISTRY: `127.0.0.1:${(registry.address() as AddressInfo).port}`,
        OLLAMAMAX_TEST_DESIRED: JSON.stringify(await desiredOf(agent.api, token)),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (report += text));
  [code] = (await once(child, 'close')) as [number | null];
}, 20 * 60_000);

afterAll(async () => {
  registry.closeAllConnections();
  registry.close();
  await cluster.stop();
});

describe('valid and wrong requests that Schemathesis makes from the served document', () => {
  test('are all answered as the document says', () => {
    // Each failure comes with the command that repeats it.
    const failures = report.slice(Math.max(0, report.search(/^=+ (FAILURES|ERRORS) =+$/m)));
    expect({ code, failures: code === 0 ? '' : failures }).toEqual({ code: 0, failures: '' });
  });

  test('reach every operation', async () => {
    const { text } = await send(cluster.agent('agent-0').api, '/openapi.json');
    const { paths } = JSON.parse(text) as { paths: Record<string, object> };
    const operations = Object.values(paths).flatMap((methods) => Object.keys(methods)).length;
    expect(Number(/^ *Tested: (\d+)$/m.exec(report)?.[1])).toBe(operations);
    expect(Number(/(\d+) generated/.exec(report)?.[1])).toBeGreaterThan(50 * operations);
  });

  test('leave the agent well and the model serving', async () => {
    const { status, text } = await send(cluster.agent('agent-0').api, '/api/v1/health');
    expect({ status, text }).toEqual({ status: 200, text: expect.stringContaining('"status":"pass"') });
  });
});
