import type { ClusterReason } from '@ollamamax/api';
import type { AgentReport } from '../agents/report.ts';
import { claimName } from './desired/stateful-set.ts';
import { isReady, type Claim, type ContainerStatus, type Pod } from './objects.ts';

/** What keeps a pod from serving. */
export interface PodProblem {
  readonly reason: ClusterReason<'Degraded'>;
  readonly message: string;
}

/** A pod that is merely starting has no problem before so many milliseconds. */
const patienceMs = 120_000;

const pullReasons: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
]);

const configReasons: ReadonlySet<string> = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);

/** Agents that ended so lately, and more than once, are about to end again. */
const crashMemoryMs = 600_000;

/** The same text for the same state: kubelet puts counters and waiting times into its messages. */
const stable = (text: string): string =>
  text
    .replace(/back-off \S+ restarting failed container.*/s, 'it waits before it is started again')
    .replaceAll(/\b(pod|container)(=|_)\S+/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 600);

/** What the registry answered: kubelet says it in one way while it tries, and in another one while it waits. */
const pullAnswer = (text: string): string =>
  stable(text)
    .replace(/^Back-off pulling image "[^"]*"(: )?/, '')
    .replace(/^(ErrImagePull|RegistryUnavailable): /, '')
    .replaceAll(/rpc error: code = \w+ desc = /g, '');

const ofContainer = (name: string, status: ContainerStatus, nowMs: number): PodProblem | undefined => {
  const waiting = status.state?.waiting;
  const last = status.lastState?.terminated ?? status.state?.terminated;
  const reason = waiting?.reason ?? '';
  if (pullReasons.has(reason)) {
    const answer = pullAnswer(waiting?.message ?? '');
    const sentence = `${name}: the image cannot be fetched`;
    return { reason: 'ImagePullFailed', message: answer === '' ? `${sentence}.` : `${sentence}: ${answer}` };
  }
  if (configReasons.has(reason))
    return { reason: 'PodFailed', message: `${name}: ${stable(waiting?.message ?? reason)}` };
  // Kept while it starts again: somebody who looks a minute later wants to know too.
  if (last?.reason === 'OOMKilled' && status.ready !== true)
    return {
      reason: 'OutOfMemory',
      message: `${name}: the agent used more memory than its limit and was ended.`,
    };
  // Kept while it starts again, too: else it would come and go with every try.
  const again =
    status.ready !== true &&
    (status.restartCount ?? 0) > 1 &&
    nowMs - Date.parse(last?.finishedAt ?? '') < crashMemoryMs;
  if (reason === 'CrashLoopBackOff' || again)
    return {
      reason: 'CrashLoop',
      message: `${name}: the agent ends again and again, last with ${
        last?.exitCode === undefined ? 'no exit code' : `exit code ${last.exitCode}`
      }: kubectl logs ${name} --previous tells why.`,
    };
  return undefined;
};

const ofScheduling = (name: string, pod: Pod, claim: Claim | undefined): PodProblem | undefined => {
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status !== 'False') return undefined;
  const message = stable(scheduled.message ?? 'no node fits');
  if (claim !== undefined && claim.status?.phase !== 'Bound' && /persistentvolumeclaim|volume/i.test(message))
    return { reason: 'VolumeNotBound', message: `${name}: its volume is not there: ${message}` };
  return { reason: 'Unschedulable', message: `${name}: no node fits: ${message}` };
};

/**
 * Whether its node is silent: then Kubernetes says that the pod is not ready, while what kubelet last said of its
 * containers stays. A pod that waits for a readiness gate looks the same but for the reason.
 */
const isLost = ({ status }: Pod): boolean => {
  const of = (type: string) => status?.conditions?.find((condition) => condition.type === type);
  const ready = of('Ready');
  return (
    ready !== undefined &&
    ready.status !== 'True' &&
    (ready.reason ?? '') === '' &&
    of('ContainersReady')?.status === 'True'
  );
};

/**
 * What is wrong with a pod, if anything.
 * @param claim its volume claim, when it has one
 * @param report what its agent says of itself, when it does
 */
export const podProblem = (
  pod: Pod,
  claim: Claim | undefined,
  nowMs: number,
  report?: AgentReport,
): PodProblem | undefined => {
  const name = pod.metadata.name ?? '';
  if (isReady(pod)) return undefined;
  if (isLost(pod))
    return {
      reason: 'NodeLost',
      message: `${name}: node ${pod.spec?.nodeName ?? ''} does not report any more.`,
    };
  if (pod.metadata.deletionTimestamp !== undefined) return undefined;
  const scheduling = ofScheduling(name, pod, claim);
  if (scheduling !== undefined) return scheduling;
  for (const status of pod.status?.containerStatuses ?? []) {
    const problem = ofContainer(name, status, nowMs);
    if (problem !== undefined) return problem;
  }
  if (pod.status?.phase === 'Failed')
    return {
      reason: 'PodFailed',
      message: `${name}: ${stable(pod.status.message ?? pod.status.reason ?? 'it has failed')}`,
    };
  // One that drains because it ends is being deleted, which was looked at above.
  if (report?.fresh === true && report.status?.phase === 'draining')
    return {
      reason: 'AgentDrained',
      message: `${name}: it was drained, and serves again after POST /api/v1/nodes/${name}/undrain.`,
    };
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  const since = Date.parse(ready?.lastTransitionTime ?? pod.metadata.creationTimestamp ?? '');
  if (Number.isNaN(since) || nowMs - since < patienceMs) return undefined;
  return { reason: 'PodNotReady', message: `${name}: it has not been ready for more than two minutes.` };
};

/** The same, for one that may have a claim and a report among these. */
export const problemOf = (
  pod: Pod,
  {
    claims,
    reports,
  }: { readonly claims: readonly Claim[]; readonly reports: ReadonlyMap<string, AgentReport> },
  nowMs: number,
): PodProblem | undefined => {
  const name = pod.metadata.name ?? '';
  const claim = claims.find(({ metadata }) => metadata.name === claimName(name));
  return podProblem(pod, claim, nowMs, reports.get(name));
};
