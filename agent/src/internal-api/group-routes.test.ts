import { afterEach, beforeAll, expect, test } from '@jest/globals';
import type { ConsensusStatus } from '@ollamamax/api';
import type { TlsMaterial } from '@ollamamax/common';
import type { Consensus } from '../catalog/catalog.ts';
import { Started, newAuthority, noConsensus } from '../p2p/wire.fixture.ts';
import { askAs, codeIn } from './ask.fixture.ts';

const started = new Started();
let own: TlsMaterial;
let agent: TlsMaterial;
let operator: TlsMaterial;

beforeAll(async () => {
  const authority = await newAuthority();
  [own, agent, operator] = await Promise.all([
    authority.agent('self'),
    authority.agent('a'),
    authority.operator(),
  ]);
});
afterEach(() => started.stop());

test('agents ask for themselves, and only the operator steers it', async () => {
  const calls: string[] = [];
  const status: ConsensusStatus = { state: 'none', voters: [], learners: [] };
  const called = (what: string) => async (name?: string) => {
    calls.push(`${what} ${name ?? ''}`);
    return status;
  };
  const consensus: Consensus = {
    ...noConsensus,
    bootstrap: called('bootstrap'),
    remove: called('remove'),
    leave: called('leave'),
    transfer: called('transfer'),
  };
  const { port } = await started.server(own, 'self', { consensus });
  const orders = [
    ['bootstrap', '{"clusterId":"group"}'],
    ['remove', '{"agent":"b"}'],
    ['transfer', '{"agent":"b"}'],
  ] as const;
  for (const [name, body] of orders) {
    const path = `/internal/v1/consensus/${name}`;
    expect(codeIn(await askAs(agent, port, 'POST', path, body))).toBe('forbidden');
    const done = await askAs(operator, port, 'POST', path, body);
    expect([done.status, JSON.parse(done.body)]).toEqual([200, status]);
  }
  expect(calls).toEqual(['bootstrap group', 'remove b', 'transfer b']);
  for (const tls of [agent, operator])
    expect((await askAs(tls, port, 'POST', '/internal/v1/consensus/leave', '{}')).status).toBe(200);
  const bad = await askAs(operator, port, 'POST', '/internal/v1/consensus/bootstrap', '{}');
  expect(codeIn(bad)).toBe('invalid_request');
  // Nobody is admitted for another one, not even by the operator.
  const body = '{"agent":"self","incarnation":"i","address":"h:1"}';
  expect(codeIn(await askAs(operator, port, 'POST', '/internal/v1/consensus/members', body))).toBe(
    'forbidden',
  );
});
