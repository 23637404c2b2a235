import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { clusterObject, condition, createNamespace, isReady, type Namespace } from './namespace.ts';
import { documentedSteps } from './documented-steps.ts';
import { operatorNamespace, startStack, type Stack } from './stack.ts';
import { until } from './kubernetes/until.ts';

let stack: Stack;
let space: Namespace;
let token: string;

beforeAll(async () => {
  stack = await startStack();
  space = await createNamespace(stack, 'consensus');
}, 20 * 60_000);
afterAll(async () => {
  await space.remove();
  await stack.stop();
}, 120_000);

const annotate = (annotation: string) => space.kubectl(['annotate', 'oc', 'demo', annotation, '--overwrite']);
const scale = (replicas: number) => space.kubectl(['scale', 'oc', 'demo', `--replicas=${replicas}`]);

const ask = async (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${await space.serviceUrl()}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(30_000),
  });

/** Until as many agents as asked for are members, no others, with as many voters as they should have. */
const untilMembers = (count: number, voters: number, timeoutMs = 240_000) =>
  space.untilCluster(
    `${count} members`,
    (one) => {
      const { consensus } = one.status ?? {};
      const members = [...(consensus?.voters ?? []), ...(consensus?.learners ?? [])].sort();
      const names = Array.from({ length: count }, (_unused, ordinal) => `demo-${ordinal}`);
      return (
        isReady(one) &&
        consensus?.voters.length === voters &&
        JSON.stringify(members) === JSON.stringify(names)
      );
    },
    { timeoutMs },
  );

/** Has the agents agree on something again and again, until it is stopped: it changes nothing that is served. */
const startWriting = () => {
  let agreed = 0;
  let agreedAt = performance.now();
  let longestMs = 0;
  const stopped = new AbortController();
  const writing = (async () => {
    while (!stopped.signal.aborted) {
      // An agent that goes takes its connections with it.
      const response = await ask('/api/v1/nodes/demo-0/undrain', { method: 'POST' }).catch(() => undefined);
      if (response?.ok === true) {
        agreed += 1;
        longestMs = Math.max(longestMs, performance.now() - agreedAt);
        agreedAt = performance.now();
      }
      await sleep(300);
    }
  })();
  return {
    agreed: () => agreed,
    /** Gives the longest time in which nothing was agreed on. */
    stop: async (): Promise<number> => {
      stopped.abort();
      await writing;
      return longestMs;
    },
  };
};

/** Asks for other defaults of inference, and waits until every agent has them. */
const change = async (contextSize: number): Promise<void> => {
  const { status } = await space.cluster();
  const patch = JSON.stringify({ spec: { inference: { contextSize } } });
  await space.kubectl(['patch', 'oc', 'demo', '--type=merge', `-p=${patch}`]);
  await space.untilCluster('every agent has what is asked for', (one) => {
    const revision = one.status?.desiredState?.revision ?? 0;
    return (
      revision > (status?.desiredState?.revision ?? 0) &&
      one.status?.agents?.every((agent) => agent.revision === revision) === true
    );
  });
};

/** Longer than an election, and much shorter than a restart. */
const pauseMs = 20_000;

describe('agents that agree', () => {
  test('begin by themselves', async () => {
    await space.apply(clusterObject('demo'));
    const cluster = await untilMembers(3, 3);
    expect(condition(cluster, 'QuorumReady')).toMatchObject({ status: 'True', reason: 'MajorityReady' });
    expect(cluster.status?.consensus).toMatchObject({ begun: true, leader: expect.any(String) });
    expect((await space.events()).map(({ reason }) => reason)).toContain('GroupBegan');
    token = await space.token();
  }, 300_000);

  test('become five and three again while they go on agreeing', async () => {
    const writer = startWriting();
    await scale(5);
    await untilMembers(5, 5);
    await change(1024);
    await scale(3);
    await untilMembers(3, 3);
    await change(2048);
    expect(writer.agreed()).toBeGreaterThan(10);
    expect(await writer.stop()).toBeLessThan(pauseMs);
  }, 600_000);

  test('are restarted one by one while they go on agreeing', async () => {
    const { clusterId } = (await space.cluster()).status?.consensus ?? {};
    const writer = startWriting();
    const quorums = new Set<unknown>();
    const uids = async () =>
      (await space.kubectl(['get', 'pods', '-o', 'jsonpath={.items[*].metadata.uid}'])).split(' ');
    const earlier = await uids();
    await annotate('ollamamax.io/restarted-at=now');
    await until(
      'all are restarted',
      async () => {
        quorums.add(condition(await space.cluster(), 'QuorumReady')?.status);
        const now = await uids();
        return earlier.every((uid) => !now.includes(uid));
      },
      { timeoutMs: 400_000 },
    );
    await untilMembers(3, 3);
    expect(await writer.stop()).toBeLessThan(pauseMs);
    expect([...quorums]).toEqual(['True']);
    expect((await space.cluster()).status?.consensus?.clusterId).toBe(clusterId);
  }, 600_000);

  test('take one that has lost its volume in as a new member', async () => {
    await space.kubectl(['delete', 'pvc/data-demo-1', 'pod/demo-1', '--wait=false']);
    await space.untilCluster('it is noticed', (one) => !isReady(one));
    await untilMembers(3, 3);
    await change(1024);
  }, 400_000);

  test('become fewer although the operator is killed between two steps', async () => {
    const operator = (...args: readonly string[]) =>
      stack.cluster.kubectl(['-n', operatorNamespace, ...args]);
    const deployment = 'deployment/ollamamax-operator';
    const set = async (failpoints: string): Promise<void> => {
      await operator('set', 'env', deployment, failpoints);
      await operator('rollout', 'status', deployment, '--timeout=120s');
    };
    await scale(4);
    await untilMembers(4, 3);
    await set('OLLAMAMAX_FAILPOINTS=after call leave demo-3=crash');
    await scale(3);
    await untilMembers(3, 3);
    const restarts = await operator(
      'get',
      'pods',
      '-o',
      'jsonpath={.items[*].status.containerStatuses[*].restartCount}',
    );
    expect(Math.max(...restarts.split(' ').map(Number))).toBeGreaterThan(0);
    await set('OLLAMAMAX_FAILPOINTS-');
  }, 600_000);

  test('that have lost two of three are not repaired: it is said what to do', async () => {
    const user = { name: 'kept', password: 'correct horse battery', role: 'readonly' };
    expect((await ask('/api/v1/users', { method: 'POST', body: JSON.stringify(user) })).status).toBe(200);
    await space.kubectl([
      'delete',
      'pvc/data-demo-1',
      'pvc/data-demo-2',
      'pod/demo-1',
      'pod/demo-2',
      '--wait=false',
    ]);
    const cluster = await space.untilCluster(
      'the majority is missed',
      (one) => condition(one, 'QuorumReady')?.reason === 'MajorityMissing',
    );
    expect(condition(cluster, 'QuorumReady')?.message).toContain('ollamamax raft recover');
    await scale(1);
    const blocked = await space.untilCluster(
      'nobody is taken away',
      (one) => condition(one, 'Progressing')?.reason === 'ScaleDownBlocked',
    );
    expect(condition(blocked, 'Progressing')?.message).toContain('set spec.replicas back to 3');
    await sleep(10_000);
    expect((await space.cluster()).status?.replicas).toBe(3);
  }, 400_000);

  test('come back by the documented steps, with all that was agreed on', async () => {
    await scale(3);
    const { cluster, agentImage } = stack;
    const path = 'docs/raft/operations.md';
    const steps = await documentedSteps(cluster.kubeconfig, space, path, '### In Kubernetes');
    const [stop, pod, look, recover, forget, goOn] = steps.blocks;
    try {
      await steps.run(stop!);
      const image = `image: ${agentImage}\n      imagePullPolicy: Never`;
      await steps.save('raft-tools.yaml', pod!.replace(/image: REGISTRY.*/, image));
      const seen = await steps.run(look!);
      expect(seen).toContain('sound');
      expect(seen).toContain('Agent:       demo-0');
      // The volumes that came in place of the lost ones hold nothing.
      const [apply, ready] = look!.split('\n');
      await steps.run(`${apply}\n${ready}`.replaceAll('demo-0', 'demo-1'));
      const [plan, recovery] = recover!.trim().split('\n');
      await expect(steps.run(plan!)).rejects.toThrow('--yes');
      await steps.run(recovery!);
      await steps.run(forget!);
      await steps.run('kubectl delete pvc data-demo-2');
      expect(await steps.run(goOn!)).toContain('demo');
    } finally {
      await steps.remove();
    }
    await untilMembers(3, 3);
    expect((await space.events()).map(({ reason }) => reason)).toContain('GroupAdopted');
    token = await space.token();
    const users = (await (await ask('/api/v1/users')).json()) as { users: { name: string }[] };
    expect(users.users.map(({ name }) => name)).toContain('kept');
  }, 900_000);
});
