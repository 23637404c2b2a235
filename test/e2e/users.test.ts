import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  eventually,
  login,
  startLocalCluster,
  type AgentHandle,
  type LocalCluster,
} from '../harness/local-cluster.ts';

const root = { name: 'root', password: 'from the file of each agent', role: 'admin' } as const;
let cluster: LocalCluster;
let token = '';

beforeAll(async () => {
  cluster = await startLocalCluster({ agents: 2, users: [root] });
  token = await login(cluster.agent('agent-0'), root);
});
afterAll(() => cluster.stop());

const call = async (
  { api }: AgentHandle,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly body: unknown }> => {
  const answer = await fetch(`${api}/api/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
};

test('a user added at one agent logs in at another, and is out everywhere once removed', async () => {
  const [one, two] = [cluster.agent('agent-0'), cluster.agent('agent-1')];
  const ada = { name: 'ada', password: 'agreed on by all of them', role: 'readonly' } as const;
  const added = await call(one, 'POST', 'users', ada);
  expect(added).toEqual({
    status: 200,
    body: { name: 'ada', role: 'readonly', disabled: false, from: 'cluster' },
  });
  await eventually('the other agent knows her', () =>
    login(two, ada).then(
      () => true,
      () => false,
    ),
  );
  const adas = await login(two, ada);
  const tags = (): Promise<number> =>
    fetch(`${two.api}/api/tags`, { headers: { authorization: `Bearer ${adas}` } }).then(
      ({ status }) => status,
    );
  expect(await tags()).toBe(200);

  const listed = (await call(two, 'GET', 'users')).body;
  expect(listed).toEqual({
    users: [
      { name: 'ada', role: 'readonly', disabled: false, from: 'cluster' },
      { name: 'root', role: 'admin', disabled: false, from: 'file' },
    ],
  });
  expect(JSON.stringify(listed)).not.toMatch(/argon2|hash/i);

  // What is left out stays: she keeps her password.
  expect((await call(two, 'POST', 'users', { name: 'ada', role: 'user' })).body).toMatchObject({
    role: 'user',
  });
  await eventually('she may do more', () =>
    login(one, ada).then(
      () => true,
      () => false,
    ),
  );
  expect((await call(one, 'POST', 'users', { name: 'ada', disabled: true })).status).toBe(200);
  await eventually('she is out', async () => (await tags()) === 401);
  await expect(login(one, ada)).rejects.toThrow(/401/);
  expect((await call(two, 'DELETE', 'users/ada')).status).toBe(200);
  expect(await call(two, 'DELETE', 'users/ada')).toMatchObject({
    status: 404,
    body: { code: 'user_not_found' },
  });
});

test('a user of the file is changed there, and a new one needs a password', async () => {
  const agent = cluster.agent('agent-1');
  for (const refused of [
    await call(agent, 'POST', 'users', { name: 'root', password: 'x' }),
    await call(agent, 'DELETE', 'users/root'),
  ])
    expect(refused).toMatchObject({ status: 409, body: { code: 'user_in_file' } });
  expect(await call(agent, 'POST', 'users', { name: 'bob' })).toMatchObject({
    status: 400,
    body: { code: 'invalid_request', param: 'password' },
  });
});
