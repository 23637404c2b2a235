import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseConfigFile } from '@ollamamax/common';
import { agentEnvironment, threadsPerAgent, writeNodeFile } from './node-files.ts';
import { planPorts } from './port-plan.ts';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'node-files-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test.each([
  [8, 3, 2],
  [9, 3, 3],
  [2, 1, 2],
  [2, 3, 1],
  [1, 9, 1],
])('%i cores for %i agents are %i threads each', (cores, agents, threads) => {
  expect(threadsPerAgent(cores, agents)).toBe(threads);
});

describe('node.yaml of an agent', () => {
  test('names its own ports, its peers and its share of the cores', async () => {
    const agentIds = ['agent-0', 'agent-1'];
    const pair = (id: string) => ({ certFile: `${id}.crt`, keyFile: `${id}.key` });
    const file = await writeNodeFile(
      {
        name: 'local',
        dataDir: folder,
        agentIds,
        ports: planPorts(2, 8080),
        credentials: { caFile: 'ca.crt', operator: pair('operator'), agents: agentIds.map(pair) },
      },
      1,
    );
    const { value, problems } = parseConfigFile(await readFile(file, 'utf8'), {
      variables: {},
      kindOf: () => undefined,
    });
    expect(problems).toEqual([]);
    expect(value).toMatchObject({
      node: { id: 'agent-1' },
      listen: { api: '127.0.0.1:8082', dashboard: '127.0.0.1:8083' },
      cluster: { peers: [{ id: 'agent-0', address: `127.0.0.1:${planPorts(1, 8080)[0]?.internal}` }] },
      internalTls: { certFile: 'agent-1.crt' },
      inference: { threads: threadsPerAgent(availableParallelism(), 2) },
    });
  });

  test('is not overridden by the environment, in which agents would collide', () => {
    expect(
      agentEnvironment({
        PATH: '/bin',
        LOG_LEVEL: 'debug',
        NODE_ID: 'x',
        API_LISTEN: ':1',
        NOT_SET: undefined,
      }),
    ).toEqual({ PATH: '/bin', LOG_LEVEL: 'debug' });
  });
});
