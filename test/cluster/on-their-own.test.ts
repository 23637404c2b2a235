import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ClusterStatus } from '@ollamamax/api';
import { isWholeStory, story, streamChat, type StreamOutcome } from '../harness/chat-stream.ts';
import { clusterObject, createNamespace, isReady, isTrue, modelObject, type Namespace } from './namespace.ts';
import { startStack, type Stack } from './stack.ts';
import { until } from './kubernetes/until.ts';

interface Agent {
  readonly name: string;
  readonly node: number;
  readonly url: string;
}

let stack: Stack;
let space: Namespace;

beforeAll(async () => {
  stack = await startStack();
  space = await createNamespace(stack, 'on-their-own');
  await space.apply(
    clusterObject('demo', { auth: { enabled: false } }),
    modelObject('tiny', 'demo', { replicas: 3 }),
  );
  await space.untilModel('tiny', 'the model is on three agents', (one) => isTrue(one, 'Replicated'));
  await space.untilCluster('it is ready', isReady);
}, 20 * 60_000);
afterAll(async () => {
  await stack.cluster.unblockApiServer();
  await stack.cluster.kubectl(['-n', stack.operatorNamespace, 'scale', 'deploy', '--all', '--replicas=1']);
  await space.remove();
  await stack.stop();
}, 180_000);

const agentsNow = async (): Promise<Agent[]> => {
  const { items } = JSON.parse(
    await space.kubectl(['get', 'pods', '-l', 'ollamamax.io/cluster=demo', '-o', 'json']),
  ) as {
    items: { metadata: { name: string }; spec: { nodeName: string }; status: { podIP: string } }[];
  };
  return items.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    node: Number(spec.nodeName.replace('node-', '')),
    url: `http://${status.podIP}:8080`,
  }));
};

const statusOf = async ({ url }: Agent): Promise<ClusterStatus> =>
  (await (
    await fetch(`${url}/api/v1/cluster/status`, { signal: AbortSignal.timeout(10_000) })
  ).json()) as ClusterStatus;

/** The kubelet starts it again by itself: it needs no API server for that. */
const killAgent = async ({ name, node }: Agent): Promise<void> => {
  const ctr = (...args: string[]) => stack.cluster.execOnNode(node, ['ctr', '-n', 'k8s.io', ...args]);
  const labels = `labels."io.kubernetes.pod.name"==${name},labels."io.kubernetes.container.name"==agent`;
  const containers = (await ctr('containers', 'list', '--quiet', labels)).trim().split('\n');
  for (const id of containers) await ctr('tasks', 'kill', '--signal', 'SIGKILL', id).catch(() => undefined);
};

/** Again and again until it is acknowledged. */
const mark = ({ url }: Agent, reason: string): Promise<unknown> =>
  until(`${reason} is acknowledged`, async () => {
    const { status } = await fetch(`${url}/api/v1/nodes/demo-2/drain`, {
      method: 'POST',
      body: JSON.stringify({ reason }),
      signal: AbortSignal.timeout(10_000),
    }).catch(() => ({ status: 0 }));
    return status === 200;
  });

test('with operator and API server away, the agent that leads is killed: others lead, serve and lose nothing', async () => {
  const { cluster, operatorNamespace } = stack;
  const agents = await agentsNow();
  const [first] = agents;
  if (first === undefined) throw new Error('no agents');
  const { consensus } = await statusOf(first);
  const leader = agents.find(({ name }) => name === consensus.leader);
  const survivors = agents.filter(({ name }) => name !== consensus.leader);
  const [one, two] = survivors;
  if (leader === undefined || one === undefined || two === undefined) throw new Error('not three agents');
  await mark(leader, 'before');

  await cluster.kubectl(['-n', operatorNamespace, 'scale', 'deploy', '--all', '--replicas=0']);
  await until(
    'the operator is gone',
    async () => (await cluster.kubectl(['-n', operatorNamespace, 'get', 'pods', '-o', 'name'])).trim() === '',
  );
  await cluster.blockApiServer();
  const outcomes: StreamOutcome[] = [];
  try {
    let over = false;
    const clients = survivors.map(async ({ url }) => {
      while (!over) outcomes.push(await streamChat(url, { ...story, model: 'tiny' }));
    });
    await until('clients are served', () => outcomes.length > 2);
    await killAgent(leader);
    await mark(one, 'after');
    await until(
      'the other knows it',
      async () => (await statusOf(two)).nodes['demo-2']?.drained?.reason === 'after',
    );
    expect((await statusOf(one)).consensus.leader).not.toBe(leader.name);
    await until('the one that was killed is back and knows it', async () => {
      const told = await statusOf(leader).catch(() => undefined);
      return told?.nodes['demo-2']?.drained?.reason === 'after' && told.consensus.leader !== null;
    });
    over = true;
    await Promise.all(clients);
  } finally {
    await cluster.unblockApiServer();
  }
  // Only what the killed one was computing at that moment can end early, and it says so.
  for (const { complete, text, code, broken } of outcomes) {
    expect(broken).toBe(undefined);
    if (complete) expect(isWholeStory(text)).toBe(true);
    else expect(code).toBe('agent_unreachable');
  }
  expect(outcomes.filter(({ complete }) => !complete).length).toBeLessThanOrEqual(survivors.length);
  const undrained = await fetch(`${one.url}/api/v1/nodes/demo-2/undrain`, { method: 'POST' });
  expect(undrained.status).toBe(200);
  await cluster.kubectl(['-n', operatorNamespace, 'scale', 'deploy', '--all', '--replicas=1']);
  await space.untilCluster('it is ready again', isReady, { timeoutMs: 180_000 });
}, 600_000);
