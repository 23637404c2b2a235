import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { annotations } from '@ollamamax/api';
import type { OllamaClusterStatus } from '@ollamamax/api';
import { createLogger } from '@ollamamax/common';
import { createKubeClient, kubeconfigConnection } from '../../operator/src/kube/index.ts';
import type { KubeClient } from '../../operator/src/kube/index.ts';
import { FakeAgents, playedByBench } from '../bench/operator/fake-agents.ts';
import type { FakeCluster } from '../bench/operator/fake-cluster.ts';
import { until } from '../cluster/kubernetes/until.ts';
import { conditionOf, eventsAbout, untilCondition } from './harness/conditions.ts';
import { cluster } from './harness/documents.ts';
import { operatorUser, startPlane, startTimeoutMs } from './harness/plane.ts';
import type { Plane } from './harness/plane.ts';

const namespace = 'agreeing';

let plane: Plane;
let client: KubeClient;
let agents: FakeAgents;
/** Agents that went while they were members and had to be taken out before, by cluster. */
const losses: string[] = [];
/** Their groups were without a majority, at some moment. */
const stuck: string[] = [];
let replicas = 3;

const look = ({ name, group }: FakeCluster, agent: string): void => {
  const isMember = group.members.some((member) => member.agent === agent);
  const isGoing = group.agents.get(agent)?.up !== true && Number(agent.split('-').at(-1)) >= replicas;
  if (isMember && isGoing) losses.push(`${name}: ${agent}`);
  if (group.voters.length > 1 && !group.hasQuorum()) stuck.push(`${name}: ${agent}`);
};

beforeAll(async () => {
  plane = await startPlane();
  await plane.control.addFakeNodes(3);
  await plane.namespace(namespace);
  client = createKubeClient({
    connection: await kubeconfigConnection({ file: plane.control.kubeconfig }),
    log: createLogger({ level: 'warn', format: 'text', stream: process.stderr }),
    userAgent: 'ollamamax-test',
  });
  agents = new FakeAgents({ client, namespace, keepVolumes: true, onChange: look });
  await agents.start(AbortSignal.timeout(30_000));
}, startTimeoutMs);
afterAll(async () => {
  await agents.stop();
  await client.close();
  await plane.stop();
});
beforeEach(() => {
  losses.length = 0;
  stuck.length = 0;
});

const create = (name: string, count: number): Promise<unknown> => {
  replicas = count;
  const spec = {
    replicas: count,
    storage: { ephemeral: true, size: '1Gi' },
    pod: { annotations: playedByBench },
  };
  return plane.objects.create(cluster(name, spec, { namespace }));
};

const scale = async (name: string, count: number): Promise<void> => {
  replicas = count;
  await plane.objects.edit('OllamaCluster', namespace, name, { '/spec/replicas': count });
};

const remove = async (name: string): Promise<void> => {
  await plane.objects.remove('OllamaCluster', namespace, name);
  await until('its pods are gone', async () => {
    const pods = await plane.objects.list('Pod', namespace);
    return pods.every(({ metadata }) => !metadata.name.startsWith(`${name}-`));
  });
};

const statusOf = async (name: string): Promise<OllamaClusterStatus> =>
  (await plane.objects.get('OllamaCluster', namespace, name)).status as OllamaClusterStatus;

const untilReady = (name: string, timeoutMs = 60_000) =>
  untilCondition(
    plane,
    { kind: 'OllamaCluster', namespace, name },
    'Ready',
    { status: 'True', reason: 'AllGood' },
    timeoutMs,
  );

/** Until as many agents as asked for are members, and no others, and the status says so. */
const untilMembers = (name: string, count: number) => {
  const names = Array.from({ length: count }, (_unused, ordinal) => `${name}-${ordinal}`);
  return until(
    `${name} has ${count} members`,
    async () => {
      const { consensus, replicas: pods } = await statusOf(name);
      const members = [...(consensus?.voters ?? []), ...(consensus?.learners ?? [])].sort();
      return pods === count && JSON.stringify(members) === JSON.stringify(names) && consensus;
    },
    { timeoutMs: 60_000 },
  );
};

const kindsOf = (name: string): readonly string[] => agents.cluster(name).calls.map(({ kind }) => kind);

describe('an operator', () => {
  beforeAll(async () => {
    await plane.operator();
  });

  test('begins a group once, and gives it the desired state by way of the one that leads', async () => {
    await create('first', 3);
    await untilReady('first');
    const consensus = await untilMembers('first', 3);
    expect(consensus).toMatchObject({ begun: true, leader: 'first-0', learners: [] });
    const { calls, given, group } = agents.cluster('first');
    expect(calls).toEqual([{ kind: 'bootstrap', at: 'first-0', clusterId: consensus.clusterId }]);
    expect(group.clusterId).toBe(consensus.clusterId);
    await until('it was given', () => given.length > 0);
    expect(new Set(given)).toEqual(new Set(['first-0']));
    const quorum = conditionOf(await plane.objects.get('OllamaCluster', namespace, 'first'), 'QuorumReady');
    expect(quorum).toMatchObject({ status: 'True', reason: 'MajorityReady' });
    expect(await eventsAbout(plane, namespace, 'first')).toContainEqual(
      expect.stringMatching(/^GroupBegan: /),
    );
  }, 90_000);

  test('takes members out before their pods go', async () => {
    await scale('first', 5);
    await untilMembers('first', 5);
    await scale('first', 3);
    await untilMembers('first', 3);
    await untilReady('first');
    expect([losses, stuck]).toEqual([[], []]);
    expect(kindsOf('first').slice(1)).toEqual(['leave', 'leave']);
  }, 180_000);

  test('hands the lead over before it restarts the one that has it, and never leaves the majority', async () => {
    const before = await plane.objects.list('Pod', namespace);
    await plane.objects.edit('OllamaCluster', namespace, 'first', {
      [`/metadata/annotations/${annotations.restart.replace('/', '~1')}`]: 'now',
    });
    await until(
      'all have been restarted',
      async () => {
        const uids = new Set(
          (await plane.objects.list('Pod', namespace)).map(({ metadata }) => metadata.uid),
        );
        return before.every(({ metadata }) => !uids.has(metadata.uid));
      },
      { timeoutMs: 90_000 },
    );
    await untilReady('first');
    expect(stuck).toEqual([]);
    expect(kindsOf('first')).toContain('transfer');
    // Nobody's volume was lost.
    expect(agents.cluster('first').group.members.map(({ id }) => id)).toEqual([1, 2, 3]);
  }, 180_000);

  test('writes nothing while nothing happens', async () => {
    await sleep(3000);
    const writes = () =>
      plane.control
        .auditedWrites()
        .filter(({ user, resource }) => user === operatorUser && resource !== 'events');
    const before = writes().length;
    await sleep(15_000);
    expect(writes().slice(before)).toEqual([]);
  }, 30_000);

  test('of three of which two are lost repairs nothing, refuses to take any away, and says what to do', async () => {
    for (const name of ['first-1', 'first-2']) agents.silence(name);
    const object = { kind: 'OllamaCluster', namespace, name: 'first' } as const;
    const { message } = await untilCondition(plane, object, 'QuorumReady', {
      status: 'False',
      reason: 'MajorityMissing',
    });
    expect(message).toContain('ollamamax raft recover');
    const calls = kindsOf('first').length;
    await scale('first', 1);
    const blocked = await untilCondition(plane, object, 'Progressing', {
      status: 'True',
      reason: 'ScaleDownBlocked',
    });
    expect(blocked.message).toContain('set spec.replicas back to 3');
    await sleep(3000);
    expect((await plane.objects.get('StatefulSet', namespace, 'first')).spec).toMatchObject({ replicas: 3 });
    expect(kindsOf('first')).toHaveLength(calls);
    await remove('first');
  }, 120_000);
});

describe('an operator that is killed', () => {
  beforeAll(async () => {
    await plane.stopOperators();
  });

  const crashAt = async (place: string): Promise<void> => {
    const operator = await plane.operator({
      doomed: true,
      env: { OLLAMAMAX_FAILPOINTS: `${place}=crash` },
    });
    const end = await Promise.race([operator.ended, sleep(45_000, 'it went on', { ref: false })]);
    expect({ place, end }).toEqual({ place, end: 'SIGKILL' });
  };

  test('around the beginning of a group begins it under the id that it has written down', async () => {
    await create('second', 3);
    await crashAt('before call bootstrap second-0');
    const { consensus } = await statusOf('second');
    expect(consensus).toMatchObject({ begun: false });
    expect(kindsOf('second')).toEqual([]);
    await crashAt('after call bootstrap second-0');
    const operator = await plane.operator();
    await untilReady('second');
    expect((await untilMembers('second', 3)).clusterId).toBe(consensus?.clusterId);
    expect(new Set(kindsOf('second'))).toEqual(new Set(['bootstrap']));
    await operator.stop();
  }, 180_000);

  test('between taking a member out and its pod goes on where it was', async () => {
    await scale('second', 1);
    for (const place of [
      'before call leave second-2',
      'after call leave second-2',
      'before apply StatefulSet second',
      'after apply StatefulSet second',
      'after call leave second-1',
    ])
      await crashAt(place);
    const operator = await plane.operator();
    await untilMembers('second', 1);
    await untilReady('second');
    expect([losses, stuck]).toEqual([[], []]);
    expect(agents.cluster('second').group.members.map(({ agent }) => agent)).toEqual(['second-0']);
    await operator.stop();
  }, 240_000);

  test('and asked for more again starts the one anew that has left already', async () => {
    await scale('second', 3);
    const first = await plane.operator();
    await untilMembers('second', 3);
    await first.stop();
    await scale('second', 2);
    await crashAt('after call leave second-2');
    await scale('second', 3);
    const operator = await plane.operator();
    await until('it is a member again', () =>
      agents.cluster('second').group.members.some(({ agent }) => agent === 'second-2'),
    );
    await untilReady('second');
    await operator.stop();
  }, 240_000);
});
