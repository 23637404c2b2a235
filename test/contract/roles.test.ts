import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCatalogue, roles, type ErrorCode, type Role, type Route, type RouteId } from '@ollamamax/api';
import { Tokens } from '../../agent/src/auth/tokens.ts';
import { login, startLocalCluster, untilServing, type LocalCluster } from '../harness/local-cluster.ts';
import { allRoutes, callRoute, errorCode, errorProblems } from './agent-client.ts';
import { routeCalls, users } from './route-calls.ts';

const callers = ['nobody', 'bad token', 'foreign token', 'expired token', ...roles] as const;
type Caller = (typeof callers)[number];

const rank: Readonly<Record<Role, number>> = { readonly: 0, user: 1, admin: 2 };

/** What one who may do it gets: a status, and the code when it is an error. */
const allowed = (route: Route, fails: ErrorCode | undefined): { status: number; code?: string } => {
  if (route.unavailable !== undefined) return { status: 501, code: 'not_implemented' };
  return fails === undefined ? { status: 200 } : { status: errorCatalogue[fails].status, code: fails };
};

/** What a caller is to get. */
const expected = (id: RouteId, route: Route, caller: Caller): { status: number; code?: string } => {
  const done = allowed(route, routeCalls[id].fails);
  if (route.access === 'public') return done;
  switch (caller) {
    case 'nobody':
    case 'bad token':
    case 'foreign token':
      return { status: 401, code: 'unauthenticated' };
    case 'expired token':
      return { status: 401, code: 'token_expired' };
    default:
      return rank[caller] >= rank[route.access] ? done : { status: 403, code: 'forbidden' };
  }
};

describe('with authentication on', () => {
  let cluster: LocalCluster;
  const tokens: Partial<Record<Caller, string>> = {};

  beforeAll(async () => {
    cluster = await startLocalCluster({ users: Object.values(users) });
    const agent = cluster.agent('agent-0');
    for (const role of roles) tokens[role] = await login(agent, users[role]);
    const secret = readFileSync(join(cluster.folder, 'jwt.secret'), 'utf8');
    const issue = (lifetimeSeconds: number, name: string): string =>
      new Tokens({ secret, cluster: name, lifetimeSeconds }).issue(users.admin.name, 'admin').token;
    tokens['bad token'] = 'not.a.token';
    tokens['foreign token'] = issue(600, 'another');
    tokens['expired token'] = issue(-60, 'test');
    await untilServing(cluster, tokens.admin);
  });
  afterAll(() => cluster.stop());

  test('every route has a row in the table of calls', () => {
    expect(Object.keys(routeCalls).toSorted()).toEqual(allRoutes.map(([id]) => id).toSorted());
  });

  describe.each(callers)('%s', (caller) => {
    test.each(allRoutes)('calls %s', async (id, route) => {
      const answer = await callRoute(cluster.agent('agent-0').api, id, { token: tokens[caller] });
      const { status, code } = expected(id, route, caller);
      expect({ status: answer.status, text: answer.text.slice(0, 500) }).toEqual({
        status,
        text: expect.any(String),
      });
      expect(answer.headers.get('www-authenticate')).toBe(status === 401 ? 'Bearer' : null);
      if (code === undefined || route.method === 'head') return;
      expect(errorProblems(route.dialect, JSON.parse(answer.text))).toEqual([]);
      expect(errorCode(route.dialect, answer)).toBe(code);
    });
  });
});
