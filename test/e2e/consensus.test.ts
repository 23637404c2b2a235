import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ConsensusStatus } from '@ollamamax/api';
import { streamChat } from '../harness/chat-stream.ts';
import { askAgent, clusterStatusOf, consensusOf, untilLed } from '../harness/consensus.ts';
import { eventually, startLocalCluster, untilServing, type LocalCluster } from '../harness/local-cluster.ts';

const hello = {
  messages: [{ role: 'user', content: 'What is the capital of France?' }],
  options: { temperature: 0 },
};

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await startLocalCluster({ agents: 3 });
  await untilServing(cluster);
  await untilLed(cluster, 3);
});
afterAll(() => cluster.stop());

describe('three agents', () => {
  test('are one group, and each says the same of it', async () => {
    // One that has just come in hears who leads before it has entries.
    await eventually('each has entries', async () => {
      const all = await Promise.all(cluster.agents.map(clusterStatusOf));
      return all.every(({ consensus }) => consensus.log_index > 0);
    });
    const told = await Promise.all(cluster.agents.map(clusterStatusOf));
    const [first] = told;
    expect(first?.cluster_id).toMatch(/^test-group$/);
    for (const [index, one] of told.entries()) {
      expect(one.answered_by).toBe(`agent-${index}`);
      expect(one.cluster_id).toBe(first?.cluster_id);
      expect(one.consensus).toMatchObject({
        leader: first?.consensus.leader,
        voters: ['agent-0', 'agent-1', 'agent-2'],
        learners: [],
      });
      expect(Object.keys(one.nodes)).toEqual(['agent-0', 'agent-1', 'agent-2']);
      for (const node of Object.values(one.nodes)) {
        expect(node).toMatchObject({ status: 'online', capabilities: ['inference', 'storage'] });
        expect(node.resources.memory_gb).toBeGreaterThan(0.1);
        expect(node.resources.storage_gb).toBeGreaterThan(0.1);
      }
    }
    const leader = await askAgent(cluster.agent('agent-1'), 'cluster/leader');
    expect(leader).toMatchObject({
      status: 200,
      body: { leader: first?.consensus.leader, api_url: expect.stringMatching(/^http/) },
    });
  });

  test('append nothing while nothing is changed', async () => {
    const [agent] = cluster.agents;
    if (agent === undefined) throw new Error('no agent');
    const before = (await consensusOf(agent)).commitIndex ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 8000));
    expect(((await consensusOf(agent)).commitIndex ?? 0) - before).toBeLessThan(8);
  });

  test('a drain mark set at one is known to all; that agent is given nothing new until it is taken away', async () => {
    const marked = await askAgent(cluster.agent('agent-1'), 'nodes/agent-2/drain', { reason: 'new disk' });
    expect(marked).toMatchObject({ status: 200, body: { id: 'agent-2', phase: 'draining' } });
    for (const agent of cluster.agents)
      await eventually(`${agent.id} knows of it`, async () => {
        const { nodes } = await clusterStatusOf(agent);
        return nodes['agent-2']?.status === 'draining' && nodes['agent-2'].drained?.reason === 'new disk';
      });
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => streamChat(cluster.agent('agent-2').api, hello)),
    );
    for (const { servedBy, complete } of answers) {
      expect(complete).toBe(true);
      expect(servedBy).not.toBe('agent-2');
    }
    expect((await fetch(`${cluster.agent('agent-2').metrics}/readyz`)).status).toBe(503);
    expect((await fetch(`${cluster.agent('agent-2').metrics}/livez`)).status).toBe(200);
    expect(await askAgent(cluster.agent('agent-0'), 'nodes/agent-2/undrain', {})).toMatchObject({
      status: 200,
    });
    await eventually(
      'it is ready again',
      async () => (await fetch(`${cluster.agent('agent-2').metrics}/readyz`)).status === 200,
    );
    expect(await askAgent(cluster.agent('agent-0'), 'nodes/nobody/drain', {})).toMatchObject({
      status: 404,
      body: { code: 'node_not_found' },
    });
  });

  test('whoever is told to lead does', async () => {
    const leader = await untilLed(cluster, 3);
    const heir = cluster.agents.find(({ id }) => id !== leader.id);
    const told = await askAgent(leader, 'cluster/transfer', { agent: heir?.id ?? '' });
    expect(told).toMatchObject({ status: 200, body: { leader: heir?.id } });
    expect((await untilLed(cluster, 3)).id).toBe(heir?.id);
    expect(await askAgent(leader, 'cluster/transfer', { agent: 'nobody' })).toMatchObject({
      status: 404,
      body: { code: 'node_not_found' },
    });
  });

  test('the leader leaves and another leads; it comes back as a new member', async () => {
    const leader = await untilLed(cluster, 3);
    const before = await consensusOf(leader);
    const left = await askAgent(leader, 'cluster/leave', {});
    expect(left).toMatchObject({ status: 200, body: { state: 'left' } });
    const others = cluster.agents.filter(({ id }) => id !== leader.id);
    for (const agent of others)
      await eventually(`${agent.id} knows that it is out`, async () => {
        const { voters, learners, leader: now } = await consensusOf(agent);
        return now !== undefined && ![...voters, ...learners].includes(leader.id);
      });
    // It still answers, and by way of the others it still changes things no more.
    expect((await streamChat(leader.api, hello)).complete).toBe(true);
    expect(await askAgent(leader, 'nodes/agent-0/drain', {})).toMatchObject({
      status: 503,
      body: { code: 'not_a_member' },
    });
    const joined = await askAgent(leader, 'cluster/join', {});
    expect(joined).toMatchObject({ status: 200, body: { state: 'member', clusterId: before.clusterId } });
    expect((joined.body as ConsensusStatus).memberId).toBeGreaterThan(3);
    await untilLed(cluster, 3);
    expect(await askAgent(leader, 'cluster/join', {})).toMatchObject({
      status: 409,
      body: { code: 'already_member' },
    });
  });

  test('an agent that another one takes out stays out until it is told to join', async () => {
    const leader = await untilLed(cluster, 3);
    const other = cluster.agents.find(({ id }) => id !== leader.id);
    if (other === undefined) throw new Error('no other agent');
    expect(await askAgent(leader, 'cluster/leave', { agent: other.id })).toMatchObject({ status: 200 });
    expect((await consensusOf(other)).state).toBe('left');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect((await consensusOf(other)).state).toBe('left');
    expect((await askAgent(other, 'cluster/join', {})).status).toBe(200);
    await untilLed(cluster, 3);
  });

  test('a snapshot is written, and a backup holds what is asked for', async () => {
    const agent = cluster.agent('agent-0');
    const { commitIndex } = await consensusOf(agent);
    const told = await askAgent(agent, 'cluster/snapshot', {});
    expect(told.status).toBe(200);
    expect((told.body as { index: number }).index).toBeGreaterThanOrEqual(commitIndex ?? 0);
    expect(await askAgent(agent, 'cluster/backup')).toMatchObject({
      status: 200,
      body: {
        format: 1,
        clusterId: 'test-group',
        desired: { models: [{ name: 'ollamamax-tiny' }] },
        desiredOrigin: 'configuration',
      },
    });
  });
});
