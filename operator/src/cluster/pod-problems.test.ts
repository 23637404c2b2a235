import { describe, expect, test } from '@jest/globals';
import { clusterConditions } from '@ollamamax/api';
import { byName, reportOf } from './agents.fixture.ts';
import { claimOf, nowMs, podOf, secondsAgo } from './cluster.fixture.ts';
import type { Claim, ContainerStatus, Pod, PodCondition } from './objects.ts';
import { podProblem, problemOf as problemAmong } from './pod-problems.ts';

/* The statuses are those that real kubelets and schedulers write. */

const scheduled: PodCondition = { type: 'PodScheduled', status: 'True' };
const notReadyFor = (seconds: number): PodCondition => ({
  type: 'Ready',
  status: 'False',
  reason: 'ContainersNotReady',
  message: 'containers with unready status: [agent]',
  lastTransitionTime: secondsAgo(seconds),
});

/** A pod whose container is in such a state. */
const withContainer = (status: Partial<ContainerStatus>, seconds = 10): Pod =>
  podOf(0, {
    status: {
      phase: 'Running',
      conditions: [scheduled, notReadyFor(seconds)],
      containerStatuses: [{ name: 'agent', ready: false, restartCount: 0, ...status }],
    },
  });

const waiting = (reason: string, message?: string, more: Partial<ContainerStatus> = {}): Pod =>
  withContainer({ state: { waiting: { reason, ...(message === undefined ? {} : { message }) } }, ...more });

const unscheduled = (message: string): Pod =>
  podOf(0, {
    node: undefined,
    status: {
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }],
    },
  });

/** As the node controller leaves it: it changes that one condition. */
const onSilentNode = (reason?: string): Pod =>
  podOf(0, {
    status: {
      phase: 'Running',
      conditions: [
        scheduled,
        { type: 'ContainersReady', status: 'True' },
        { type: 'Ready', status: 'False', lastTransitionTime: secondsAgo(1), ...(reason && { reason }) },
      ],
      containerStatuses: [{ name: 'agent', ready: true, restartCount: 0 }],
    },
  });

const problemOf = (pod: Pod, claim: Claim | undefined = claimOf(0)) => podProblem(pod, claim, nowMs);

const ended = (reason: string, exitCode: number, secondsBefore = 30) => ({
  terminated: { reason, exitCode, finishedAt: secondsAgo(secondsBefore) },
});

const answer =
  'failed to pull and unpack image "registry.example/agent:1": failed to resolve reference "registry.example/agent:1": registry.example/agent:1: not found';
const noCpu =
  '0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.';
const unbound =
  '0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';

describe('no problem', () => {
  test.each<[string, Pod]>([
    ['a ready pod', podOf(0)],
    ['one that is being deleted', podOf(0, { ready: false, deleting: true })],
    ['one that was just made', podOf(0, { node: undefined, status: { phase: 'Pending' } })],
    ['one whose container is being made', waiting('ContainerCreating')],
    ['one that waits for a readiness gate', onSilentNode('ReadinessGatesNotReady')],
    ['one that has started', withContainer({ state: {} })],
    ['one that ended once', withContainer({ restartCount: 1, lastState: ended('Error', 1) })],
    [
      'one that has often ended long ago',
      withContainer({ restartCount: 40, lastState: ended('Error', 1, 86_400) }),
    ],
    ['one that has not been ready for two minutes all but a second', withContainer({}, 119)],
  ])('%s', (_what, pod) => {
    expect(problemOf(pod)).toBeUndefined();
  });
});

describe('problems', () => {
  test.each<[string, Pod, string, string]>([
    [
      'an image that is not in the registry',
      waiting('ErrImagePull', `rpc error: code = NotFound desc = ${answer}`),
      'ImagePullFailed',
      `demo-0: the image cannot be fetched: ${answer}`,
    ],
    [
      'an image that may not be fetched',
      waiting('ErrImageNeverPull', 'Container image "agent:1" is not present with pull policy of Never'),
      'ImagePullFailed',
      'demo-0: the image cannot be fetched: Container image "agent:1" is not present with pull policy of Never',
    ],
    [
      'a name that is none',
      waiting(
        'InvalidImageName',
        'Failed to apply default image tag "A B": couldn\'t parse image name "A B"',
      ),
      'ImagePullFailed',
      'demo-0: the image cannot be fetched: Failed to apply default image tag "A B": couldn\'t parse image name "A B"',
    ],
    [
      'an image without a reason',
      waiting('ImagePullBackOff', 'Back-off pulling image "agent:1"'),
      'ImagePullFailed',
      'demo-0: the image cannot be fetched.',
    ],
    [
      'a Secret that is not there',
      waiting('CreateContainerConfigError', 'secret "demo-auth" not found'),
      'PodFailed',
      'demo-0: secret "demo-auth" not found',
    ],
    [
      'a program that is not in the image',
      waiting('RunContainerError', 'failed to create containerd task: exec: "agent": not found'),
      'PodFailed',
      'demo-0: failed to create containerd task: exec: "agent": not found',
    ],
    ['too few processors', unscheduled(noCpu), 'Unschedulable', `demo-0: no node fits: ${noCpu}`],
    [
      'ended for its memory, and waiting',
      waiting('CrashLoopBackOff', 'back-off 20s', { restartCount: 3, lastState: ended('OOMKilled', 137) }),
      'OutOfMemory',
      'demo-0: the agent used more memory than its limit and was ended.',
    ],
    [
      'ended for its memory, and starting again',
      withContainer({ restartCount: 1, state: {}, lastState: ended('OOMKilled', 137) }),
      'OutOfMemory',
      'demo-0: the agent used more memory than its limit and was ended.',
    ],
    [
      'ends again and again',
      waiting('CrashLoopBackOff', 'back-off 20s', { restartCount: 3, lastState: ended('Error', 2) }),
      'CrashLoop',
      'demo-0: the agent ends again and again, last with exit code 2: kubectl logs demo-0 --previous tells why.',
    ],
    [
      'evicted',
      podOf(0, {
        status: {
          phase: 'Failed',
          reason: 'Evicted',
          message: 'The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi.',
          conditions: [scheduled, notReadyFor(1)],
        },
      }),
      'PodFailed',
      'demo-0: The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi.',
    ],
    [
      'failed with a reason only',
      podOf(0, { status: { phase: 'Failed', reason: 'NodeShutdown' } }),
      'PodFailed',
      'demo-0: NodeShutdown',
    ],
    [
      'failed without a word',
      podOf(0, { status: { phase: 'Failed' } }),
      'PodFailed',
      'demo-0: it has failed',
    ],
    ['on a node that is silent', onSilentNode(), 'NodeLost', 'demo-0: node node-0 does not report any more.'],
    [
      'being deleted on a node that is silent',
      { ...onSilentNode(), metadata: { ...podOf(0, { deleting: true }).metadata } },
      'NodeLost',
      'demo-0: node node-0 does not report any more.',
    ],
    [
      'not ready for two minutes',
      withContainer({ state: {} }, 120),
      'PodNotReady',
      'demo-0: it has not been ready for more than two minutes.',
    ],
  ])('%s', (_what, pod, reason, message) => {
    expect(problemOf(pod)).toEqual({ reason, message });
    expect(Object.keys(clusterConditions.Degraded.reasons)).toContain(reason);
  });

  test.each([
    ['an agent that says so', true, 1, 'AgentDrained'],
    ['one that said so before it fell silent', false, 300, 'PodNotReady'],
  ] as const)('drained: %s', (_what, fresh, seconds, reason) => {
    const report = { ...reportOf('demo-0', { status: { phase: 'draining' } }), fresh };
    const pod = withContainer({ state: {} }, seconds);
    const found = podProblem(pod, claimOf(0), nowMs, report);
    expect(found?.reason).toBe(reason);
    expect(podProblem(podOf(0), claimOf(0), nowMs, report)).toBeUndefined();
  });

  test('a pod that no kubelet has taken note of for long is counted from its start', () => {
    const pod = podOf(0, { status: { phase: 'Pending' } });
    const old = { ...pod, metadata: { ...pod.metadata, creationTimestamp: secondsAgo(500) } };
    expect(problemOf(old)?.reason).toBe('PodNotReady');
  });

  test('a ready pod that was ended for its memory before has none any more', () => {
    const pod = podOf(0);
    const status = {
      ...pod.status,
      containerStatuses: [
        { name: 'agent', ready: true, restartCount: 5, lastState: ended('OOMKilled', 137) },
      ],
    };
    expect(problemOf({ ...pod, status })).toBeUndefined();
  });
});

describe('a pod that waits for a volume', () => {
  test.each<[string, Pod, Claim | undefined, string]>([
    ['its claim is not bound', unscheduled(unbound), claimOf(0, { phase: 'Pending' }), 'VolumeNotBound'],
    ['its claim is lost', unscheduled(unbound), claimOf(0, { phase: 'Lost' }), 'VolumeNotBound'],
    ['its claim is bound: another volume is meant', unscheduled(unbound), claimOf(0), 'Unschedulable'],
    ['it has no claim', unscheduled(unbound), undefined, 'Unschedulable'],
    [
      'it waits for processors as well',
      unscheduled(noCpu),
      claimOf(0, { phase: 'Pending' }),
      'Unschedulable',
    ],
  ])('%s', (_what, pod, claim, reason) => {
    expect(podProblem(pod, claim, nowMs)?.reason).toBe(reason);
  });
});

test('claim and report of a pod are those of its name', () => {
  const pod = unscheduled(unbound);
  const claims = [claimOf(10, { phase: 'Pending' }), claimOf(1, { phase: 'Pending' })];
  const reports = byName(reportOf('demo-1', { status: { phase: 'draining' } }));
  const reasonAmong = (...more: readonly Claim[]) =>
    problemAmong(pod, { claims: [...claims, ...more], reports }, nowMs)?.reason;
  expect(reasonAmong()).toBe('Unschedulable');
  expect(reasonAmong(claimOf(0))).toBe('Unschedulable');
  expect(reasonAmong(claimOf(0, { phase: 'Pending' }))).toBe('VolumeNotBound');
  expect(problemAmong(podOf(0), { claims, reports }, nowMs)).toBeUndefined();
  const other = podOf(1, { ready: false });
  expect(problemAmong(other, { claims: [], reports }, nowMs)?.reason).toBe('AgentDrained');
});

describe('the message is the same for the same state', () => {
  const same = (...pods: readonly Pod[]) => {
    const found = pods.map((pod) => problemOf(pod));
    expect(found[0]).toBeDefined();
    for (const one of found) expect(one).toEqual(found[0]);
  };

  test('while kubelet tries to fetch an image and while it waits', () => {
    same(
      waiting('ErrImagePull', `rpc error: code = NotFound desc = ${answer}`),
      waiting(
        'ImagePullBackOff',
        `Back-off pulling image "registry.example/agent:1": ErrImagePull: rpc error: code = NotFound desc = ${answer}`,
      ),
      waiting(
        'ImagePullBackOff',
        `Back-off pulling image "registry.example/agent:1": ErrImagePull: ${answer}`,
      ),
    );
  });

  test('whatever the waiting time of a crash loop, and while it runs for a moment', () => {
    const looping = (wait: string, restartCount: number) =>
      waiting(
        'CrashLoopBackOff',
        `back-off ${wait} restarting failed container=agent pod=demo-0_team(0b1f7a9e-3d4e-4f7c-9a54-6f1f6f0d2a11)`,
        { restartCount, lastState: ended('Error', 1) },
      );
    same(
      looping('10s', 2),
      looping('5m0s', 17),
      withContainer({ restartCount: 3, state: {}, lastState: ended('Error', 1, 200) }),
      withContainer({ restartCount: 3, state: ended('Error', 1, 1), lastState: ended('Error', 1, 200) }),
    );
  });

  test('whatever the incarnation of the pod in a message of kubelet', () => {
    const failing = (id: string, wait: string) =>
      waiting(
        'CreateContainerError',
        `failed to reserve container name: back-off ${wait} restarting failed container=agent pod=demo-0_team(${id})`,
      );
    same(failing('aaaa', '10s'), failing('bbbb', '40s'));
  });

  test('it is not longer than a condition can hold', () => {
    const pod = waiting('CreateContainerError', 'x'.repeat(100_000));
    expect(problemOf(pod)!.message.length).toBeLessThan(1000);
  });
});
