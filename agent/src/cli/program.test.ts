import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { CliContext } from './context.ts';
import { runCli } from './program.ts';
import { portRange } from './up/port-plan.ts';

let folder = '';

const run = async (args: readonly string[], stdin = '', env: Record<string, string> = {}) => {
  let stdout = '';
  let stderr = '';
  const replaced: { file: string; args: readonly string[] }[] = [];
  const context: CliContext = {
    env,
    cwd: folder,
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout: { write: (text) => void (stdout += text) },
    stderr: { write: (text) => void (stderr += text) },
    onSignal: () => () => undefined,
    replaceProcess: (file, given) => {
      replaced.push({ file, args: given });
      return undefined as never;
    },
  };
  const code = await runCli(args, context);
  return { code, stdout, stderr, replaced };
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe('usage', () => {
  test('the version is data', async () => {
    expect(await run(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: '',
    });
    expect((await run(['version'])).stdout).toBe((await run(['--version'])).stdout);
  });

  test.each([[['--help']], [['up', '--help']], [['user', 'add', '--help']]])(
    '%j begins with examples',
    async (args) => {
      const { code, stdout } = await run(args);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^Examples:\n {2}ollamamax /);
    },
  );

  test('every command is listed with a line', async () => {
    const { stdout } = await run(['--help']);
    for (const name of ['up', 'serve', 'user', 'config', 'raft', 'backup', 'restore', 'version'])
      expect(stdout).toMatch(new RegExp(`^ {2}${name}( .*)? {2,}[A-Z]`, 'm'));
  });

  test.each<[string[], string[]]>([
    [['upp'], ["Unknown command 'upp'", 'Did you mean up?']],
    [
      ['up', '--agent', '3'],
      ["Unknown option '--agent'", '--agents'],
    ],
    [['up', '--agents', 'x'], ['whole number']],
    [
      ['up', '--agents', '0'],
      ['--agents 0', '1 to 9'],
    ],
    [
      ['up', '--agents', '2', '--replicas', '3'],
      ['--replicas 3', '1 to 2'],
    ],
    [
      ['up', '--port', '80'],
      ['--port 80', `from ${portRange.from}`],
    ],
    [['up', '--model', 'x'], ['NAME=FILE']],
    [['up', '--model', 'a=b', '--model', 'A:latest=c'], ['given twice']],
    [['user', 'add'], ["missing required argument 'name'"]],
    [['user', 'add', 'a', '--role', 'king'], ['admin, user, readonly']],
    [['user', 'add', 'a'], ['No password was given']],
    [['user', 'set', 'a'], ['Nothing to change']],
    [['user', 'remove', 'a'], ['--yes']],
    [['config', 'show', '-o', 'xml'], ['yaml, json or origin']],
  ])('%j is refused with exit code 2', async (args, fragments) => {
    const { code, stdout, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    for (const fragment of [...fragments, 'Error: ', 'Why: ', 'To do: ', 'Code:   usage'])
      expect(stderr.toLowerCase()).toContain(fragment.toLowerCase());
    expect(stderr).not.toContain('    at ');
  });
});

describe('started by npm', () => {
  const npm = { npm_lifecycle_event: 'start' };

  test('options that npm kept for itself are not lost in silence', async () => {
    const { code, stderr } = await run(['up', '9000'], '', { ...npm, npm_config_port: 'true' });
    expect(code).toBe(2);
    expect(stderr).toContain('npm start -- --port');
  });

  test('the way to the help is the one through npm', async () => {
    const { code, stderr } = await run(['up', '--prot', '9000'], '', npm);
    expect(code).toBe(2);
    expect(stderr).toContain('Did you mean --port?');
    expect(stderr).toContain('"npm start -- --help"');
  });
});

describe('user', () => {
  const file = ['--users-file', 'users.yaml'];

  test('adds, lists, changes and removes', async () => {
    expect(await run(['user', 'add', 'ada', '--role', 'admin', ...file], 'geheim\n')).toMatchObject({
      code: 0,
      stdout: '',
    });
    const made = await run(['user', 'add', 'bot', '--generate', ...file]);
    expect(made.stdout).toMatch(/^[\w-]{16}\n$/);
    expect((await stat(join(folder, 'users.yaml'))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(folder, 'users.yaml'), 'utf8')).not.toContain('geheim');
    expect((await run(['user', 'set', 'bot', '--disable', '--role', 'readonly', ...file])).code).toBe(0);
    expect(JSON.parse((await run(['user', 'list', '-o', 'json', ...file])).stdout)).toEqual([
      { name: 'ada', role: 'admin', disabled: false },
      { name: 'bot', role: 'readonly', disabled: true },
    ]);
    expect((await run(['user', 'remove', 'bot', '--yes', ...file])).code).toBe(0);
    expect((await run(['user', 'list', '-o', 'name'], '', { AUTH_USERS_FILE: 'users.yaml' })).stdout).toBe(
      'ada\n',
    );
  });

  test('says what is not there and what is there already', async () => {
    expect(await run(['user', 'list', ...file])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('no_users_file'),
    });
    await run(['user', 'add', 'ada', ...file], 'x');
    expect(await run(['user', 'add', 'ada', ...file], 'x')).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('user_exists'),
    });
    expect(await run(['user', 'remove', 'eve', '--yes', ...file])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('user_not_found'),
    });
  });
});

describe('config', () => {
  test('check says everything that is wrong', async () => {
    await writeFile(join(folder, 'node.yaml'), 'nods: {}\nlog: { level: loud }');
    const { code, stdout, stderr } = await run(['config', 'check']);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    for (const fragment of ['2 problems', 'node.yaml:1:1', 'node.yaml:2:15', 'Code:   config_invalid'])
      expect(stderr).toContain(fragment);
  });

  test('show hides secrets and names where values come from', async () => {
    await writeFile(join(folder, 'node.yaml'), `auth: { jwtSecret: "${'s3cr3t-'.repeat(6)}" }`);
    for (const form of ['yaml', 'json', 'origin']) {
      const { code, stdout } = await run(['config', 'show', '-o', form], '', { NODE_ID: 'mine' });
      expect(code).toBe(0);
      expect(stdout).toContain('mine');
      expect(stdout).not.toContain('s3cr3t');
    }
    expect((await run(['config', 'show', '-o', 'origin'], '', { NODE_ID: 'mine' })).stdout).toContain(
      'node.id = "mine"  # NODE_ID\n',
    );
  });
});

describe('serve', () => {
  test('becomes the agent', async () => {
    const { replaced } = await run(['serve', '--config', 'a.yaml']);
    expect(replaced).toEqual([
      { file: expect.stringMatching(/agent\/src\/main\.ts$/), args: ['--config', 'a.yaml'] },
    ]);
  });
});

describe('up refuses before it starts anything', () => {
  test('a port that is in use, with its holder', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      const { code, stderr } = await run(['up', '--data-dir', 'd', '--port', String(port)]);
      expect(code).toBe(1);
      expect(stderr).toContain(`Port ${port}, for the API of agent-0, is in use by`);
      expect(stderr).toContain(`process ${process.pid}`);
      expect(stderr).toContain('"ollamamax up --port ');
    } finally {
      server.close();
    }
  });

  test.each([
    ['is not there', undefined, 'source_file_missing', 'does not exist'],
    ['is not GGUF', 'GIF89a', 'model_file_invalid', 'GGUF'],
  ])('a model file that %s', async (_name, content, errorCode, fragment) => {
    if (content !== undefined) await writeFile(join(folder, 'm.gguf'), content);
    const base = String(20_000 + Math.floor(Math.random() * 20_000));
    const { code, stderr } = await run([
      'up',
      '--agents',
      '1',
      '--data-dir',
      'd',
      '--port',
      base,
      '--model',
      'm=m.gguf',
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain(`Code:   ${errorCode}`);
    expect(stderr).toContain(fragment);
  });

  test('a data directory that cannot be written', async () => {
    await writeFile(join(folder, 'd'), 'a file');
    expect(await run(['up', '--data-dir', 'd'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('data_dir_unusable'),
    });
  });

  test('a data directory that another one uses', async () => {
    await run(['up', '--data-dir', 'd', '--model', 'm=no.gguf', '--port', '31000']);
    await writeFile(join(folder, 'd', 'up.lock'), `${process.pid} \n`);
    const { code, stderr } = await run(['up', '--data-dir', 'd']);
    expect(code).toBe(5);
    expect(stderr).toContain(`in use by process ${process.pid}`);
  });
});
