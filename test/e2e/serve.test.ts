import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { formatYaml } from '@ollamamax/common';
import { descendantsOf, ollamamax, outcome, stillRunning, type Running } from '../harness/cli.ts';
import { eventually, freePorts, tinyModel } from '../harness/local-cluster.ts';
import { askFrance, cleanUp, newFolder, paris, patienceMs } from '../harness/local-up.ts';

jest.setTimeout(2 * patienceMs);

const left: Running[] = [];
afterAll(async () => {
  for (const running of left) running.signal('SIGKILL');
  await cleanUp();
});

/** A folder with a node.yaml. */
const nodeFolder = async (extra: object = {}): Promise<{ folder: string; port: number; metrics: number }> => {
  const folder = newFolder();
  const [port = 0, dashboard = 0, metrics = 0] = await freePorts(3);
  const config = {
    node: { id: 'solo' },
    listen: {
      api: `127.0.0.1:${port}`,
      dashboard: `127.0.0.1:${dashboard}`,
      metrics: `127.0.0.1:${metrics}`,
    },
    storage: { dataDir: 'state', modelDir: 'models', cacheDir: 'cache' },
    models: [{ name: 'tiny', source: { file: tinyModel }, preload: true }],
    drain: { delaySeconds: 0, graceSeconds: 10 },
    ...extra,
  };
  writeFileSync(join(folder, 'node.yaml'), formatYaml(config));
  return { folder, port, metrics };
};

const serve = async (folder: string, metrics: number): Promise<Running> => {
  const running = ollamamax(['serve'], { cwd: folder });
  left.push(running);
  await eventually(
    'the agent is ready',
    async () => (await fetch(`http://127.0.0.1:${metrics}/readyz`).catch(() => undefined))?.status === 200,
    patienceMs,
  );
  return running;
};

describe('serve', () => {
  test('runs one agent from node.yaml; SIGTERM drains it', async () => {
    const { folder, port, metrics } = await nodeFolder();
    const running = await serve(folder, metrics);
    await eventually(
      'the model is there',
      async () => (await askFrance(port, 'tiny')).status === 200,
      patienceMs,
    );
    expect(await askFrance(port, 'tiny')).toEqual(paris);
    const runners = descendantsOf(running.pid);
    expect(runners.length).toBeGreaterThan(0);
    running.signal('SIGTERM');
    expect(await running.ended).toBe(0);
    await eventually('its runners are gone', () => stillRunning(runners).length === 0, patienceMs);
  });

  test('says all three things that are wrong at once, and where', async () => {
    const { folder } = await nodeFolder({ log: { level: 'loud' }, limits: { bodyBytes: -1 }, nods: {} });
    for (const command of [['serve'], ['config', 'check']]) {
      const { code, stdout, stderr } = await outcome(ollamamax(command, { cwd: folder }));
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(
        /^Error: The configuration has problems\.\n {2}Why: {4}The configuration has 3 problems:\n/,
      );
      for (const path of ['log.level', 'limits.bodyBytes', 'nods'])
        expect(stderr).toMatch(new RegExp(`- node\\.yaml:\\d+:\\d+: ${path.replace('.', '\\.')} `));
      expect(stderr).toContain('To do:  Correct each named setting');
      expect(stderr).not.toContain('    at ');
    }
  });

  test('a configuration file that is not there is one sentence', async () => {
    const { code, stderr } = await outcome(ollamamax(['serve', '--config', 'no.yaml'], { cwd: newFolder() }));
    expect(code).toBe(1);
    expect(stderr).toContain('The configuration file no.yaml does not exist.');
  });

  test('a port that is in use is named', async () => {
    const { folder, port, metrics } = await nodeFolder({ models: [] });
    const first = await serve(folder, metrics);
    const [free1 = 0, free2 = 0] = await freePorts(2);
    const { code, stderr } = await outcome(
      ollamamax(['serve'], {
        cwd: folder,
        env: {
          METRICS_LISTEN: `127.0.0.1:${free1}`,
          DASHBOARD_LISTEN: `127.0.0.1:${free2}`,
          OLLAMA_DATA_DIR: join(folder, 'state2'),
        },
      }),
    );
    expect(code).toBe(1);
    expect(stderr).toContain(`Port ${port} for`);
    expect(stderr).toContain('Code:   port_in_use');
    first.signal('SIGTERM');
    expect(await first.ended).toBe(0);
  });
});

describe('users from the command line', () => {
  test('a user added with a password on standard input logs in; one that is disabled does not', async () => {
    const secret = 'a secret of the test that is long enough';
    const { folder, port, metrics } = await nodeFolder({
      auth: { enabled: true, usersFile: 'users.yaml', jwtSecret: secret },
      models: [],
    });
    const user = (args: readonly string[], input = '') =>
      outcome(ollamamax(['user', ...args, '--users-file', 'users.yaml'], { cwd: folder, input }));
    expect(await user(['list'])).toMatchObject({ code: 3, stderr: expect.stringContaining('no_users_file') });
    expect(await user(['add', 'ada', '--role', 'admin'], 'correct horse\n')).toMatchObject({
      code: 0,
      stdout: '',
    });
    expect(await user(['add', 'eve'], 'battery staple\n')).toMatchObject({ code: 0 });
    expect(await user(['set', 'eve', '--disable'])).toMatchObject({ code: 0 });
    expect((await user(['list'])).stdout).toBe(
      'NAME  ROLE      DISABLED\nada   admin     no\neve   user      yes\n',
    );
    expect(readFileSync(join(folder, 'users.yaml'), 'utf8')).not.toContain('horse');

    for (const form of ['yaml', 'json', 'origin']) {
      const shown = await outcome(ollamamax(['config', 'show', '-o', form], { cwd: folder }));
      expect(shown.code).toBe(0);
      expect(shown.stdout).toContain('[redacted]');
      expect(shown.stdout).not.toContain(secret);
    }

    const running = await serve(folder, metrics);
    const login = async (username: string, password: string): Promise<number> => {
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username, password }),
      });
      return response.status;
    };
    expect(await login('ada', 'correct horse')).toBe(200);
    expect(await login('ada', 'wrong')).toBe(401);
    expect(await login('eve', 'battery staple')).toBe(401);
    expect(await user(['remove', 'ada', '--yes'])).toMatchObject({ code: 0 });
    await eventually(
      'the agent has seen that ada is gone',
      async () => (await login('ada', 'correct horse')) === 401,
      patienceMs,
    );
    running.signal('SIGTERM');
    expect(await running.ended).toBe(0);
  });
});
