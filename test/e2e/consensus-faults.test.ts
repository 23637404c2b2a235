import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { streamChat } from '../harness/chat-stream.ts';
import { askAgent, clusterStatusOf, consensusOf, untilLed } from '../harness/consensus.ts';
import {
  eventually,
  freePorts,
  startLocalCluster,
  untilServing,
  type AgentHandle,
  type LocalCluster,
} from '../harness/local-cluster.ts';

const hello = {
  messages: [{ role: 'user', content: 'What is the capital of France?' }],
  options: { temperature: 0 },
};
const paris = 'The capital of France is Paris.';

let cluster: LocalCluster;
beforeEach(async () => {
  cluster = await startLocalCluster({ agents: 3 });
  await untilServing(cluster);
  await untilLed(cluster, 3);
});
afterEach(() => cluster.stop());

const raftOf = (id: string): string => join(cluster.folder, id, 'data', 'raft');

const others = (id: string): AgentHandle[] => cluster.agents.filter((agent) => agent.id !== id);

/** Until it is acknowledged. */
const mark = (agent: AgentHandle, reason: string): Promise<void> =>
  eventually(`${agent.id} acknowledges ${reason}`, async () => {
    const { status } = await askAgent(agent, 'nodes/agent-0/drain', { reason });
    return status === 200;
  });

const reasonAt = async (agent: AgentHandle): Promise<string | undefined> =>
  (await clusterStatusOf(agent)).nodes['agent-0']?.drained?.reason;

describe('kill -9', () => {
  test('of the leader: clients of the others notice nothing, what was acknowledged stays, and it comes back', async () => {
    // Marked while clients chat: an agent that is drained still answers what comes to it.
    const leader = await untilLed(cluster, 3);
    await mark(leader, 'before');
    const survivors = others(leader.id);
    let over = false;
    const outcomes: { complete: boolean; text: string; error: string | undefined }[] = [];
    const clients = survivors.map(async ({ api }) => {
      while (!over) outcomes.push(await streamChat(api, hello));
    });
    await cluster.kill(leader.id, 'SIGKILL');
    const [one, two] = survivors;
    if (one === undefined || two === undefined) throw new Error('two');
    await mark(one, 'after');
    await eventually('the other knows it', async () => (await reasonAt(two)) === 'after');
    over = true;
    await Promise.all(clients);
    // Requests that had been passed on to the one that was killed are tried elsewhere, or say so.
    for (const { complete, text, error } of outcomes)
      expect(complete ? text : error).toMatch(complete ? paris : /agent/i);
    expect(outcomes.filter(({ complete }) => complete).length).toBeGreaterThan(0);
    const back = await cluster.start(leader.id);
    await untilLed(cluster, 3);
    expect(await reasonAt(back)).toBe('after');
  });

  test('of two of three: the last one serves on, also after a restart, and changes nothing; then they agree again', async () => {
    const survivor = cluster.agent('agent-2');
    await mark(survivor, 'kept');
    for (const { id } of others('agent-2')) await cluster.kill(id, 'SIGKILL');
    expect((await streamChat(survivor.api, hello)).text).toBe(paris);
    await eventually(
      'it knows that nobody leads',
      async () => (await consensusOf(survivor)).leader === undefined,
    );
    expect(await askAgent(survivor, 'cluster/leader')).toMatchObject({
      status: 503,
      body: { code: 'no_leader' },
    });
    const refused = await askAgent(survivor, 'nodes/agent-0/drain', { reason: 'lost' });
    expect(refused).toMatchObject({ status: expect.any(Number), body: { code: expect.any(String) } });
    expect(refused.status).toBeGreaterThanOrEqual(500);
    expect(await askAgent(survivor, 'cluster/leave', { agent: 'agent-1' })).toMatchObject({
      status: 503,
      body: { code: 'no_leader' },
    });
    await cluster.kill('agent-2', 'SIGTERM');
    const again = await cluster.start('agent-2');
    await eventually('it serves', async () => (await streamChat(again.api, hello)).text === paris);
    await cluster.start('agent-0');
    await cluster.start('agent-1');
    await untilLed(cluster, 3);
    for (const agent of cluster.agents)
      await eventually(`${agent.id} knows what was acknowledged`, async () =>
        ['kept', 'lost'].includes((await reasonAt(agent)) ?? ''),
      );
    const agreed = await Promise.all(cluster.agents.map(reasonAt));
    expect(new Set(agreed).size).toBe(1);
  });
});

describe('a volume', () => {
  test('that is lost comes back as a new member, and the old one is removed', async () => {
    const before = (await consensusOf(cluster.agent('agent-1'))).memberId;
    await cluster.kill('agent-1', 'SIGKILL');
    rmSync(raftOf('agent-1'), { recursive: true });
    const back = await cluster.start('agent-1');
    await eventually('it is in', async () => (await consensusOf(back)).state === 'member');
    await untilLed(cluster, 3);
    const { memberId, voters } = await consensusOf(back);
    expect(memberId).toBeGreaterThan(before ?? 0);
    expect(voters).toEqual(['agent-0', 'agent-1', 'agent-2']);
  });

  test('of a member that was removed while it was away joins anew', async () => {
    const { memberId } = await consensusOf(cluster.agent('agent-2'));
    await cluster.kill('agent-2', 'SIGKILL');
    const [asked] = cluster.agents;
    if (asked === undefined) throw new Error('none');
    await eventually('it is taken out', async () => {
      const { status } = await askAgent(asked, 'cluster/leave', { agent: 'agent-2' });
      return status === 200;
    });
    const back = await cluster.start('agent-2');
    await eventually('it is another member', async () => {
      const now = await consensusOf(back);
      return now.state === 'member' && now.memberId !== memberId && now.leader !== undefined;
    });
    await untilLed(cluster, 3);
  });

  test('whose place another has taken, and one of another cluster, are refused in words', async () => {
    const old = join(cluster.folder, 'old-raft');
    await cluster.kill('agent-1', 'SIGKILL');
    cpSync(raftOf('agent-1'), old, { recursive: true });
    rmSync(raftOf('agent-1'), { recursive: true });
    await cluster.start('agent-1');
    await untilLed(cluster, 3);
    await cluster.kill('agent-1', 'SIGKILL');
    rmSync(raftOf('agent-1'), { recursive: true });
    cpSync(old, raftOf('agent-1'), { recursive: true });
    const stale = await cluster.start('agent-1');
    await eventually('it is refused', async () => (await consensusOf(stale)).state === 'refused');
    expect((await consensusOf(stale)).problem).toMatchObject({ code: 'member_replaced' });

    const foreign = await startLocalCluster({ agents: 1 });
    await foreign.kill('agent-0', 'SIGTERM');
    await cluster.kill('agent-1', 'SIGKILL');
    rmSync(raftOf('agent-1'), { recursive: true });
    cpSync(join(foreign.folder, 'agent-0', 'data', 'raft'), raftOf('agent-1'), { recursive: true });
    await foreign.stop();
    await expect(cluster.start('agent-1')).rejects.toThrow(
      /belongs to agent agent-0, and this is agent agent-1/,
    );
    const identity = join(raftOf('agent-1'), 'identity.json');
    writeFileSync(identity, readFileSync(identity, 'utf8').replace('"agent-0"', '"agent-1"'));
    const other = await cluster.start('agent-1');
    // It leads a group of its own: what is around it tells that it is in the wrong place.
    await eventually('it is refused', async () => (await consensusOf(other)).state === 'refused');
    expect((await consensusOf(other)).problem).toMatchObject({ code: 'other_cluster' });
    expect((await consensusOf(cluster.agent('agent-0'))).state).toBe('member');
    expect(await askAgent(cluster.agent('agent-0'), 'cluster/status')).toMatchObject({
      body: { consensus: { leader: expect.any(String) } },
    });
  });
});

test('all addresses change at once: the agents find each other again', async () => {
  await mark(cluster.agent('agent-0'), 'before the move');
  const ids = cluster.agents.map(({ id }) => id);
  await Promise.all(ids.map((id) => cluster.kill(id, 'SIGTERM')));
  const ports = await freePorts(3);
  for (const [index, id] of ids.entries()) {
    const file = join(cluster.folder, `${id}.yaml`);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace(/raft: 127\.0\.0\.1:\d+/, `raft: 127.0.0.1:${ports[index] ?? 0}`));
  }
  await Promise.all(ids.map((id) => cluster.start(id)));
  await untilLed(cluster, 3);
  await mark(cluster.agent('agent-2'), 'after the move');
  for (const agent of cluster.agents)
    await eventually(`${agent.id} knows it`, async () => (await reasonAt(agent)) === 'after the move');
});
