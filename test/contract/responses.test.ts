import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  errorCatalogue,
  errorsOf,
  isErrorCode,
  type Dialect,
  type ErrorCode,
  type Route,
  type RouteId,
} from '@ollamamax/api';
import { read } from '../conventions/repository.ts';
import { startLocalCluster, untilServing, type LocalCluster } from '../harness/local-cluster.ts';
import {
  allRoutes,
  callRoute,
  errorCode,
  errorProblems,
  pathOf,
  send,
  type Answer,
  type SendOptions,
} from './agent-client.ts';
import { routeCalls } from './route-calls.ts';
import { problemsOf } from './strict-validator.ts';

const bodyBytes = 65_536;
let cluster: LocalCluster;
let base: string;

beforeAll(async () => {
  cluster = await startLocalCluster({ config: { limits: { bodyBytes } } });
  base = cluster.agent('agent-0').api;
  await untilServing(cluster);
});
afterAll(() => cluster.stop());

const available = allRoutes.filter(([, route]) => route.unavailable === undefined);
const unavailable = allRoutes.filter(([, route]) => route.unavailable !== undefined);
const streaming = available.filter(
  ([id, route]) => route.streams !== undefined && routeCalls[id].fails === undefined,
);
const withBody = available.filter(([, route]) => route.body !== undefined);
const withParameter = available.filter(
  // A digest names bytes: one that is not well formed is no name of something unknown.
  ([id, route]) => route.path.includes('{') && id !== 'blobHead' && id !== 'blobCreate',
);
const withModel = available.filter(
  ([id]) => routeCalls[id].body !== undefined && 'model' in routeCalls[id].body,
);
/** Those that ask for a model which is to be there. */
const withKnownModel = withModel.filter(([id]) => id !== 'create' && id !== 'pull' && id !== 'push');

/** Why a request cannot succeed here: without authentication nobody can log in. */
const failureOf = (id: RouteId): ErrorCode | undefined =>
  ['login', 'users', 'userPut', 'userRemove'].includes(id) ? 'auth_disabled' : routeCalls[id].fails;

const expectError = (answer: Answer, dialect: Dialect, code: string, status: number): void => {
  expect({ status: answer.status, code: errorCode(dialect, answer) }).toEqual({ status, code });
  expect(errorProblems(dialect, JSON.parse(answer.text))).toEqual([]);
  expect(isErrorCode(code)).toBe(true);
  expect(answer.headers.get('content-type')).toContain(
    dialect === 'native' ? 'application/problem+json' : 'application/json',
  );
  expect(answer.headers.get('x-request-id')).toMatch(/^[\w.-]{1,64}$/);
};

const expectRouteError = async (
  id: RouteId,
  route: Route,
  options: SendOptions,
  code: string,
  status: number,
): Promise<void> => {
  expectError(await callRoute(base, id, options), route.dialect, code, status);
  expect(errorsOf(route)).toContain(code);
};

describe('every available route', () => {
  test.each(available)('%s answers as its schema says', async (id, route) => {
    const answer = await callRoute(base, id);
    const failure = failureOf(id);
    if (failure !== undefined) {
      expect(errorsOf(route)).toContain(failure);
      if (route.method === 'head') expect(answer.status).toBe(errorCatalogue[failure].status);
      else expectError(answer, route.dialect, failure, errorCatalogue[failure].status);
      return;
    }
    expect(answer.status).toBe(200);
    expect(route.response).toBeDefined();
    if (route.response === undefined) return;
    const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true;
    const value: unknown = isJson ? JSON.parse(answer.text) : answer.text;
    expect(problemsOf(route.response, value)).toEqual([]);
  });

  const readable = available.filter(([id, route]) => route.method === 'get' && failureOf(id) === undefined);
  test.each(readable)('%s answers HEAD', async (id) => {
    const answer = await callRoute(base, id, { method: 'HEAD' });
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: '' });
  });

  test.each(allRoutes)('%s answers a preflight of a page on this machine', async (id) => {
    const origin = 'http://localhost:3000';
    const answer = await send(base, pathOf(id), {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-own' },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
    expect(answer.headers.get('access-control-allow-headers')).toBe('x-own');
    expect(answer.headers.get('access-control-allow-methods')).toContain('POST');
  });

  test.each(available)('%s refuses pages of other sites', async (id, route) => {
    const headers = { origin: 'https://evil.example' };
    if (route.method === 'head') {
      expect((await callRoute(base, id, { headers })).status).toBe(403);
      return;
    }
    await expectRouteError(id, route, { headers }, 'origin_not_allowed', 403);
  });
});

describe('every unavailable route', () => {
  test.each(unavailable)('%s says so in its dialect', async (id, route) => {
    const answer = await callRoute(base, id);
    if (route.method === 'head') {
      expect({ status: answer.status, text: answer.text }).toEqual({ status: 501, text: '' });
      return;
    }
    expectError(answer, route.dialect, 'not_implemented', 501);
  });
});

describe('streams', () => {
  const items = (route: Route, text: string): unknown[] =>
    route.streams === 'text/event-stream'
      ? text
          .split('\n')
          .filter((line) => line.startsWith('data: ') && line !== 'data: [DONE]')
          .map((line) => JSON.parse(line.slice('data: '.length)) as unknown)
      : text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown);

  test.each(streaming)('%s sends items as its schema says', async (id, route) => {
    const usage = route.dialect === 'openai' ? { stream_options: { include_usage: true } } : {};
    const body = { ...routeCalls[id].body, stream: true, ...usage };
    const answer = await callRoute(base, id, { body });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain(route.streams);
    const all = items(route, answer.text);
    // A short answer may come in one piece, with its end behind it: what nobody has read yet is put together.
    expect(all.length).toBeGreaterThan(1);
    const schema = route.streamItem;
    expect(schema).toBeDefined();
    if (schema === undefined) return;
    expect(all.flatMap((item) => problemsOf(schema, item))).toEqual([]);
  });

  test('Ollama streams end with done and its counters', async () => {
    for (const id of ['generate', 'chat'] as const) {
      const { text } = await callRoute(base, id, { body: { ...routeCalls[id].body, stream: true } });
      const lines = items({ streams: 'application/x-ndjson' } as Route, text) as { done: boolean }[];
      expect(lines.map(({ done }) => done)).toEqual([...lines.slice(1).map(() => false), true]);
      expect(lines.at(-1)).toEqual(
        expect.objectContaining({
          done_reason: 'length',
          eval_count: 4,
          total_duration: expect.any(Number),
          prompt_eval_count: expect.any(Number),
        }),
      );
    }
  });

  test('OpenAI streams begin with the role, carry the usage last and end with [DONE]', async () => {
    const body = {
      ...routeCalls.chatCompletions.body,
      stream: true,
      stream_options: { include_usage: true },
    };
    const { text } = await callRoute(base, 'chatCompletions', { body });
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    const chunks = items({ streams: 'text/event-stream' } as Route, text) as {
      choices: { delta: object; finish_reason: string | null }[];
      usage: { completion_tokens: number } | null;
    }[];
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' });
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('length');
    expect(chunks.at(-1)).toEqual(
      expect.objectContaining({ choices: [], usage: expect.objectContaining({ completion_tokens: 4 }) }),
    );
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  test('an empty conversation or prompt only loads and unloads the model', async () => {
    for (const [id, body] of [
      ['generate', { model: 'ollamamax-tiny' }],
      ['chat', { model: 'ollamamax-tiny', messages: [] }],
    ] as const)
      for (const [keepAlive, reason] of [
        [60, 'load'],
        [0, 'unload'],
      ] as const) {
        const answer = await callRoute(base, id, { body: { ...body, keep_alive: keepAlive, stream: false } });
        expect(JSON.parse(answer.text)).toEqual(expect.objectContaining({ done: true, done_reason: reason }));
      }
  });
});

/** A field of its body that is text, where it has no model. */
const textFields: Partial<Record<RouteId, string>> = {
  login: 'username',
  userPut: 'name',
  copy: 'source',
  clusterJoin: 'address',
  clusterLeave: 'agent',
  clusterTransfer: 'agent',
  clusterRestore: 'takenAt',
  nodeDrain: 'reason',
};

/** What is answered to a name in the path that nobody has, where it is none of a model. */
const unknownNames: Partial<Record<RouteId, ErrorCode>> = {
  node: 'node_not_found',
  nodeDrain: 'node_not_found',
  nodeUndrain: 'node_not_found',
  // Without authentication there are no users at all.
  userRemove: 'auth_disabled',
};

describe('errors', () => {
  test.each(withBody)('%s refuses what is not JSON', (id, route) =>
    expectRouteError(id, route, { body: '{"model": ' }, 'invalid_json', 400),
  );
  test.each(withBody.filter(([, route]) => route.bodyOptional !== true))('%s needs a body', (id, route) =>
    expectRouteError(id, route, { body: undefined }, 'missing_body', 400),
  );
  test.each(withBody)('%s names a field of the wrong type', async (id, route) => {
    const field = textFields[id] ?? 'model';
    const answer = await callRoute(base, id, { body: { ...routeCalls[id].body, [field]: 7 } });
    expectError(answer, route.dialect, 'invalid_request', 400);
    expect(answer.text).toContain(`${field} must be string`);
  });
  test.each(withBody)('%s refuses a body that is too large', (id, route) =>
    expectRouteError(id, route, { body: { filling: 'x'.repeat(bodyBytes) } }, 'body_too_large', 413),
  );
  test.each(withBody)('%s refuses an encoding it does not know', (id, route) =>
    expectRouteError(
      id,
      route,
      { headers: { 'content-encoding': 'compress' }, body: routeCalls[id].body },
      'unsupported_media_type',
      415,
    ),
  );
  test.each(withKnownModel)('%s does not know a model', (id, route) =>
    expectRouteError(
      id,
      route,
      { body: { ...routeCalls[id].body, model: 'nobody' } },
      'model_not_found',
      404,
    ),
  );
  test.each(withModel)('%s refuses a model name that is not well formed', (id, route) =>
    expectRouteError(
      id,
      route,
      { body: { ...routeCalls[id].body, model: 'a/b/c/d' } },
      'invalid_model_name',
      400,
    ),
  );
  test.each(withParameter)('%s does not know what the path names', async (id, route) => {
    const answer = await send(base, route.path.replace(/\{\w+\}/, 'nobody'), { method: route.method });
    expectError(answer, route.dialect, unknownNames[id] ?? 'model_not_found', 404);
  });
  test.each(withParameter)('%s refuses a path that cannot be decoded', async (_id, route) => {
    expectError(
      await send(base, route.path.replace(/\{\w+\}/, '%zz')),
      route.dialect,
      'invalid_request',
      400,
    );
  });

  test.each(allRoutes)('%s refuses other methods and says which it takes', async (id, route) => {
    const answer = await send(base, pathOf(id), { method: 'PUT', body: {} });
    expectError(answer, route.dialect, 'method_not_allowed', 405);
    const methods = allRoutes
      .filter(([, other]) => other.path === route.path)
      .flatMap(([, { method }]) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
    expect((answer.headers.get('allow') ?? '').split(', ').toSorted()).toEqual(methods.toSorted());
  });

  test.each([
    ['/nothing', 'ollama'],
    ['/api/nothing', 'ollama'],
    ['/v1/nothing', 'openai'],
    ['/api/v1/nothing', 'native'],
  ] as const)('%s does not exist, said in the dialect %s', async (path, dialect) => {
    expectError(await send(base, path), dialect, 'route_not_found', 404);
  });
});

describe('what describes the API', () => {
  const documents = ['/openapi.json', '/docs', '/docs/page.css', '/docs/page.js'];

  test('is the document of the reference, on the port of the dashboard too', async () => {
    const reference: unknown = JSON.parse(read('docs/reference/openapi.json'));
    for (const origin of [base, cluster.agent('agent-0').dashboard])
      expect(JSON.parse((await send(origin, '/openapi.json')).text)).toEqual(reference);
  });

  test.each(documents)('%s is kept by caches, and asked for again only by its tag', async (path) => {
    const { headers } = await send(base, path, { headers: { 'accept-encoding': 'gzip' } });
    expect(headers.get('cache-control')).toBe('public, no-cache');
    expect(headers.get('content-encoding')).toBe('gzip');
    const etag = headers.get('etag') ?? '';
    expect(etag).toMatch(/^W\/"[\w-]{22}"$/);
    const plain = await send(base, path, { headers: { 'accept-encoding': 'identity' } });
    expect([plain.headers.get('content-encoding'), plain.headers.get('etag')]).toEqual([null, etag]);
    // Of its own accord, this client would ask for a fresh one.
    const again = await send(base, path, {
      headers: { 'if-none-match': etag, 'cache-control': 'max-age=0' },
    });
    expect({ status: again.status, text: again.text }).toEqual({ status: 304, text: '' });
  });

  test('the page has every route with an anchor, and neither scripts nor styles of its own', async () => {
    const { headers, text } = await send(base, '/docs');
    expect(headers.get('content-security-policy')).toContain(
      "default-src 'none'; script-src 'self'; style-src 'self'",
    );
    for (const [id] of allRoutes) expect(text).toContain(`id="${id}"`);
    expect(text).not.toMatch(/<script(?! src=")|<style| style=| on\w+="/);
    expect([...text.matchAll(/(?:src|href)="(https?:[^"]+)"/g)]).toEqual([]);
  });
});

test('probes answer plain text', async () => {
  for (const path of ['/livez', '/readyz', '/startupz']) {
    const answer = await send(base, path);
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: 'ok\n' });
  }
});

test('the reference of the metrics names those that are served, and no other', async () => {
  const { text } = await send(cluster.agent('agent-0').metrics, '/metrics');
  const served = [...text.matchAll(/^# HELP (ollamamax_\w+) /gm)].map(([, name]) => name);
  const told = [...read('docs/reference/metrics.md').matchAll(/^\| `(ollamamax_\w+)` /gm)].map(
    ([, name]) => name,
  );
  expect(told.length).toBeGreaterThan(15);
  expect(served.toSorted()).toEqual(told.toSorted());
});
