import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isApiError, type ApiError } from '@ollamamax/api';
import { createCertificateAuthority, issueCertificate } from '@ollamamax/common';
import { loadConfig } from './load-config.ts';

let folder = '';
const secret = 'a secret that is long enough, really';
const lookup = (host: string): Promise<string[]> =>
  host === 'localhost'
    ? Promise.resolve(['127.0.0.1', '::1'])
    : host === 'lan.example'
      ? Promise.resolve(['10.0.0.7'])
      : Promise.reject(new Error('ENOTFOUND'));

const load = async (yaml: string | undefined, env: Record<string, string> = {}) => {
  if (yaml !== undefined) await writeFile(join(folder, 'test.yaml'), yaml);
  return loadConfig({ ...(yaml === undefined ? {} : { file: 'test.yaml' }), cwd: folder, env, lookup });
};

const refusal = async (yaml: string | undefined, env: Record<string, string> = {}): Promise<ApiError> => {
  const error: unknown = await load(yaml, env).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isApiError(error)) throw new Error(`expected a refusal, got ${String(error)}`);
  return error;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-'));
  const ca = await createCertificateAuthority({ commonName: 'test CA', days: 10 });
  const leaf = (uriSan: string) => issueCertificate(ca, { uriSan, days: 5 });
  const agent = await leaf('spiffe://local/agent/agent-0');
  const other = await leaf('spiffe://local/agent/agent-9');
  const files: Record<string, string> = {
    'ca.pem': ca.cert,
    'agent.pem': agent.cert,
    'agent.key': agent.key,
    'other.pem': other.cert,
    'other.key': other.key,
    'garbage.pem': 'not a certificate',
    'short-secret': 'short',
    'long-secret': `${secret}\n`,
    'users.yaml': 'users: []\n',
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const internalTls = 'internalTls: { caFile: ca.pem, certFile: agent.pem, keyFile: agent.key }';

/** What is wrong, the file, fragments that the message must have, and the environment. */
const bad: readonly [string, string | undefined, readonly string[], Record<string, string>?][] = [
  ['unknown section', 'nods: {}', ['test.yaml:1:1', 'nods is not known here', 'did you mean node?']],
  ['unknown setting', 'listen:\n  apy: x:1', ['test.yaml:2:8', 'listen.apy', 'did you mean api?']],
  ['unknown, far from all', 'node: { zzzzzzzz: 1 }', ['node.zzzzzzzz is not known here', 'known are id']],
  [
    'id of wrong form',
    'node: { id: A_B }',
    ['test.yaml:1:13', 'node.id is "A_B"', 'expected form', '"agent-0"'],
  ],
  ['id of wrong type', 'node: { id: 7 }', ['node.id is 7 and must be string']],
  ['address without port', 'listen: { api: localhost }', ['listen.api is "localhost"', '"127.0.0.1:8080"']],
  [
    'port too large',
    'listen: { api: "127.0.0.1:70000" }',
    ['listen.api has the port 70000', 'at most 65535'],
  ],
  ['p2p is no multiaddress', 'listen: { p2p: "127.0.0.1:9000" }', ['listen.p2p', '/ip4/127.0.0.1/tcp/9000']],
  [
    'two listeners on one port',
    'listen: { api: "127.0.0.1:5000", metrics: "127.0.0.1:5000" }',
    ['listen.metrics has the port 5000, which listen.api has already'],
  ],
  ['section is a list', 'limits: [1]', ['limits must be object']],
  ['number is text', 'limits: { bodyBytes: many }', ['limits.bodyBytes is "many" and must be integer']],
  ['number too small', 'limits: { bodyBytes: 1 }', ['limits.bodyBytes is 1 and must be >= 1024']],
  ['number too large', 'cluster: { pollMs: 99999999 }', ['cluster.pollMs', 'must be <= 60000']],
  ['boolean is text', 'auth: { enabled: "no" }', ['auth.enabled is "no" and must be boolean']],
  ['word not in list', 'log: { level: loud }', ['log.level is "loud"', '"debug", "info", "warn", "error"']],
  ['not YAML', 'node: [', ['test.yaml:', 'is not valid YAML']],
  ['key twice', 'node: {}\nnode: {}', ['test.yaml:2:1', 'unique']],
  ['two documents', '--- {}\n--- {}', ['is not valid YAML']],
  ['not a mapping', '- 1', ['must be a mapping']],
  ['alias bomb', 'a: &a [x]\nb: [*a]', ['is not known here']],
  [
    'missing variables',
    'node: { id: "${A1}" }\ncluster: { name: "${B2}" }',
    ['A1, B2', 'are not set', '${NAME:-default}'],
  ],
  ['broken variable', 'node: { id: "${9}" }', ['node.id has a "${"']],
  [
    'peers without TLS',
    'cluster: { peers: [{ id: b, address: "b:1" }] }',
    ['internalTls is required when cluster.peers'],
  ],
  [
    'DNS peers without TLS',
    'cluster: { peersDns: agents.svc }',
    ['internalTls is required when cluster.peersDns'],
  ],
  [
    'peer is the agent itself',
    `cluster: { peers: [{ id: agent-0, address: "b:1" }] }\n${internalTls}`,
    ['test.yaml:1:26', 'cluster.peers[0].id is "agent-0", this agent itself'],
  ],
  [
    'peer twice',
    `cluster: { peers: [{ id: b, address: "b:1" }, { id: b, address: "c:1" }] }\n${internalTls}`,
    ['cluster.peers[1].id', 'listed twice'],
  ],
  ['peer without address', 'cluster: { peers: [{ id: b }] }', ['cluster.peers[0].address is required']],
  [
    'certificate without key',
    'tls: { certFile: agent.pem }',
    ['tls.keyFile is required when tls.certFile is set'],
  ],
  [
    'key without certificate',
    'tls: { keyFile: agent.key }',
    ['tls.certFile is required when tls.keyFile is set'],
  ],
  [
    'certificate file missing',
    'tls: { certFile: no.pem, keyFile: agent.key }',
    ['tls.certFile names', 'does not exist'],
  ],
  [
    'certificate is garbage',
    'tls: { certFile: garbage.pem, keyFile: agent.key }',
    ['holds no PEM certificate'],
  ],
  [
    'key of another',
    'tls: { certFile: agent.pem, keyFile: other.key }',
    ['tls.keyFile', 'is not the key of'],
  ],
  ['key is garbage', 'tls: { certFile: agent.pem, keyFile: garbage.pem }', ['holds no PEM private key']],
  [
    'certificate of another agent',
    'internalTls: { caFile: ca.pem, certFile: other.pem, keyFile: other.key }',
    ['spiffe://local/agent/agent-9', 'needs one for spiffe://local/agent/agent-0'],
  ],
  ['folder instead of file', 'tls: { certFile: ".", keyFile: agent.key }', ['which is not a file']],
  [
    'auth without users',
    `auth: { enabled: true, jwtSecret: "${secret}" }`,
    ['auth.usersFile is required', 'user add'],
  ],
  [
    'auth without secret',
    'auth: { enabled: true, usersFile: users.yaml }',
    ['auth.jwtSecret', 'at least 32'],
  ],
  ['secret too short', 'auth: { jwtSecret: hunter2 }', ['auth.jwtSecret must NOT have fewer than 32']],
  ['secret file too short', 'auth: { jwtSecretFile: short-secret }', ['holds fewer than 32 characters']],
  [
    'both secrets',
    `auth: { jwtSecretFile: long-secret, jwtSecret: "${secret}" }`,
    ['cannot be set together with auth.jwtSecret'],
  ],
  ['model without source', 'models: [{ name: a }]', ['models[0].source is required']],
  [
    'model with bad name',
    'models: [{ name: "a b", source: { file: x } }]',
    ['models[0].name', 'not a valid model name'],
  ],
  [
    'model twice',
    'models: [{ name: a, source: { file: x } }, { name: "A:latest", source: { file: y } }]',
    ['models[1].name', 'same model as models[0]'],
  ],
  [
    'download without checksum',
    'models: [{ name: a, source: { http: "http://x/y" } }]',
    ['models[0].sha256 is required'],
  ],
  [
    'downloads beside a model without checksum',
    'models: [{ name: a, source: { file: x }, adapters: [{ source: { http: "http://x/y" } }], projector: { source: { http: "http://x/z" } }, draft: { source: { http: "http://x/d" } } }]',
    ['adapters[0]', 'projector', 'draft'].map((file) => `models[0].${file}.sha256 is required`),
  ],
  [
    'keep-alive of a model below -1',
    'models:\n  - name: a\n    source: { file: x }\n    keepAliveSeconds: -2',
    ['test.yaml:4:23: models[0].keepAliveSeconds is -2 and must be >= -1'],
  ],
  [
    'keep-alive of a model as a duration',
    'models: [{ name: a, source: { file: x }, keepAliveSeconds: 10m }]',
    ['models[0].keepAliveSeconds is "10m" and must be integer'],
  ],
  ['source of wrong scheme', 'models: [{ name: a, source: { http: "ftp://x" } }]', ['models[0].source']],
  ['host without address', 'listen: { api: "nowhere.invalid:1" }', ['listen.api', 'cannot be resolved']],
  ['environment: number', undefined, ['API_LISTEN', 'listen.api is "x"'], { API_LISTEN: 'x' }],
  [
    'environment: boolean',
    undefined,
    ['AUTH_ENABLED: auth.enabled must be true or false'],
    { AUTH_ENABLED: 'maybe' },
  ],
  ['environment: word', undefined, ['LOG_LEVEL: log.level is "loud"'], { LOG_LEVEL: 'loud' }],
  [
    'environment: half of a group',
    undefined,
    ['internalTls.certFile is required'],
    { INTERNAL_TLS_CA_FILE: 'ca.pem' },
  ],
];

describe('a bad configuration', () => {
  // A rest parameter: with a fourth named one Jest would take it for its own callback.
  test.each(bad)('%s', async (...[, yaml, fragments, env]) => {
    const error = await refusal(yaml, env);
    expect(error.code).toBe('config_invalid');
    for (const fragment of fragments) expect(error.message).toContain(fragment);
  });

  test('is refused with all problems at once, each with its place', async () => {
    const error = await refusal(
      [
        'node: { id: A_B }',
        'listen: { api: "0.0.0.0:1", metrics: foo }',
        'tls: { certFile: no.pem }',
        'models:',
        '  - { name: "a b", source: { http: "http://x/y" } }',
        '  - { name: b, source: { fle: c } }',
        'limits: { bodyBytes: "${MISSING}" }',
      ].join('\n'),
      { LOG_FORMAT: 'xml' },
    );
    for (const fragment of [
      'test.yaml:1:13: node.id',
      'test.yaml:2:16: listen.api is "0.0.0.0:1"',
      'test.yaml:2:38: listen.metrics',
      'test.yaml:3:1: tls.keyFile is required',
      'test.yaml:5:13: models[0].name',
      'models[0].sha256',
      'models[1].source.fle',
      'the variable MISSING',
      'LOG_FORMAT: log.format is "xml"',
    ])
      expect(error.message).toContain(fragment);
    expect(error.message).not.toContain('limits.bodyBytes');
  });

  test('never shows a secret', async () => {
    const error = await refusal('auth: { jwtSecret: hunter2 }');
    expect(error.message).not.toContain('hunter2');
  });

  test('names a file that is not there', async () => {
    const missing = loadConfig({ file: 'no.yaml', cwd: folder, env: {}, lookup });
    await expect(missing).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('no.yaml does not exist'),
    });
  });

  test('is refused when it is nested too deeply or too large', async () => {
    expect((await refusal(`node: ${'['.repeat(5000)}${']'.repeat(5000)}`)).message).toMatch(
      /nested too deeply|not valid YAML/,
    );
    expect((await refusal(`# ${'x'.repeat(1024 * 1024)}`)).message).toContain('larger than');
  });
});

describe('an address that others can reach', () => {
  test.each([
    '0.0.0.0:8080',
    ':8080',
    '[::]:8080',
    '10.0.0.1:8080',
    'lan.example:8080',
    '[::ffff:10.0.0.1]:80',
  ])('%s is refused without auth', async (address) => {
    const error = await refusal(`listen: { api: "${address}" }`);
    expect(error.code).toBe('insecure_listen');
    expect(error.message).toContain('listen.api');
    expect(error.action).toContain('auth.enabled');
  });

  test.each(['127.0.0.1:1', '127.8.9.1:1', '[::1]:1', 'localhost:1', '[::ffff:127.0.0.1]:1'])(
    '%s is loopback',
    async (address) => {
      const { config } = await load(`listen: { api: "${address}" }`);
      expect(config.listen.api).toBe(address);
    },
  );

  test('is allowed with auth, or when said explicitly, with a warning', async () => {
    const auth = `auth: { enabled: true, usersFile: users.yaml, jwtSecret: "${secret}" }`;
    const withAuth = await load(`listen: { api: "0.0.0.0:8080" }\n${auth}`);
    expect(withAuth.warnings).toEqual([expect.stringContaining('without tls.certFile')]);
    const open = await load('listen: { api: "0.0.0.0:8080" }', { OLLAMAMAX_INSECURE: 'true' });
    expect(open.warnings).toEqual([expect.stringContaining('everybody')]);
  });
});

describe('a good configuration', () => {
  test('is the defaults without a file', async () => {
    const { config, file, warnings } = await load(undefined);
    expect(file).toBeUndefined();
    expect(warnings).toEqual([]);
    expect(config.listen.api).toBe('127.0.0.1:8080');
    expect(config.storage.dataDir).toBe(join(folder, 'data'));
  });

  test('takes node.yaml of the current folder', async () => {
    await writeFile(join(folder, 'node.yaml'), 'node: { id: from-file }');
    try {
      const { config, originOf } = await load(undefined);
      expect(config.node.id).toBe('from-file');
      expect(originOf('node.id')).toBe('node.yaml:1:13');
      expect(originOf('log.level')).toBe('default');
    } finally {
      await rm(join(folder, 'node.yaml'));
    }
  });

  test('is overridden by typed environment variables; empty ones do not count', async () => {
    const { config, originOf } = await load('node: { id: a }\nlog: { level: warn }', {
      NODE_ID: 'b',
      LOG_LEVEL: '',
      OLLAMA_ORIGINS: 'http://a, http://b,',
      AUTH_ENABLED: 'off',
    });
    expect(config.node.id).toBe('b');
    expect(config.log.level).toBe('warn');
    expect(config.http.allowedOrigins).toEqual(['http://a', 'http://b']);
    expect(config.auth.enabled).toBe(false);
    expect(originOf('node.id')).toBe('NODE_ID');
  });

  test('substitutes variables after parsing, typed by the setting', async () => {
    const { config } = await load(
      'node: { id: "${ID:-x}-1" }\ncluster:\n  name: ${NAME}\nlimits:\n  bodyBytes: ${BYTES}\n  connections: "${N}"\nmodels: [{ name: m, source: { file: a }, system: "$${not} ${TEXT}" }]',
      { NAME: '007', BYTES: '2048', N: '5', TEXT: 'a: b\nc: [1]' },
    );
    expect(config.node.id).toBe('x-1');
    expect(config.cluster.name).toBe('007');
    expect(config.limits).toMatchObject({ bodyBytes: 2048, connections: 5 });
    expect(config.models[0]?.system).toBe('${not} a: b\nc: [1]');
  });

  test('reads the secret file and resolves paths beside the file', async () => {
    const { config } = await load(
      'auth: { enabled: true, usersFile: users.yaml, jwtSecretFile: long-secret }',
    );
    expect(config.auth.jwtSecret).toBe(secret);
    expect(config.auth.usersFile).toBe(join(folder, 'users.yaml'));
  });

  test('resolves paths of all files of a model', async () => {
    const { config } = await load(
      'models: [{ name: a, source: { file: m }, adapters: [{ source: { file: l } }], projector: { source: { file: p } }, draft: { source: { file: d } }, keepAliveSeconds: 0 }]',
    );
    expect(config.models[0]).toMatchObject({
      source: { file: join(folder, 'm') },
      adapters: [{ source: { file: join(folder, 'l') } }],
      projector: { source: { file: join(folder, 'p') } },
      draft: { source: { file: join(folder, 'd') } },
      keepAliveSeconds: 0,
    });
  });

  test('accepts peers with certificates', async () => {
    const { config } = await load(`cluster: { peers: [{ id: b, address: "127.0.0.1:1" }] }\n${internalTls}`);
    expect(config.internalTls?.caFile).toBe(join(folder, 'ca.pem'));
  });

  test('is frozen to its depth', async () => {
    const { config } = await load(undefined);
    expect(Object.isFrozen(config.listen)).toBe(true);
    expect(Object.isFrozen(config.http.allowedOrigins)).toBe(true);
  });

  test('warns of misspelt variables, not of those of others', async () => {
    const { warnings } = await load(undefined, {
      OLLAMA_DATADIR: 'x',
      OLLAMA_HOST: '127.0.0.1',
      OLLAMA_MODELS: 'x',
      OLLAMA_EDITOR: 'vi',
      LOG_LEVL: 'info',
      LOG_COLOURS_OF_THE_RAINBOW: '1',
      PATH: '/bin',
      OLLAMAMAX_SERVICE_HOST: '10.0.0.1',
    });
    expect(warnings).toEqual([
      expect.stringContaining('OLLAMA_DATADIR is not known and has no effect; did you mean OLLAMA_DATA_DIR?'),
      expect.stringContaining('did you mean LOG_LEVEL?'),
    ]);
  });
});
