import type { EventReason, OllamaClusterStatus } from '@ollamamax/api';

/** Something that is worth an Event. */
export interface Transition {
  readonly type: 'Normal' | 'Warning';
  readonly reason: EventReason;
  readonly note: string;
}

/** What became different between two statuses of a cluster, for people who look at its events. */
export const clusterTransitions = (
  before: OllamaClusterStatus | undefined,
  after: OllamaClusterStatus,
): readonly Transition[] => {
  const find = (status: OllamaClusterStatus | undefined, type: string) =>
    status?.conditions?.find((condition) => condition.type === type);
  const was = (type: string) => find(before, type);
  const is = (type: string) => find(after, type);
  const became = (type: string): boolean => is(type)?.status === 'True' && was(type)?.status !== 'True';
  const rolls = (reason: string | undefined): boolean =>
    reason === 'RollingOut' || reason === 'RolloutBlocked';
  const found: Transition[] = [];
  const degraded = is('Degraded');
  if (degraded?.status === 'True' && was('Degraded')?.reason !== degraded.reason)
    found.push({
      type: 'Warning',
      reason: degraded.reason === 'NameConflict' ? 'NameConflict' : 'Degraded',
      note: `${degraded.reason}: ${degraded.message}`,
    });
  if (degraded?.status === 'False' && was('Degraded')?.status === 'True')
    found.push({ type: 'Normal', reason: 'Recovered', note: 'Nothing needs attention any more.' });
  if (became('Available'))
    found.push({ type: 'Normal', reason: 'Available', note: is('Available')?.message ?? '' });
  // Something else may have come over a roll, such as a scale-down.
  const { replicas = 0, updatedReplicas } = after;
  const allUpdated = replicas > 0 && updatedReplicas === replicas;
  if (rolls(was('Progressing')?.reason) && !rolls(is('Progressing')?.reason) && allUpdated)
    found.push({ type: 'Normal', reason: 'RolledOut', note: 'All agents run the new template.' });
  const [group, earlier] = [after.consensus, before?.consensus];
  if (group?.begun === true && (earlier?.begun !== true || earlier.clusterId !== group.clusterId))
    found.push({
      type: 'Normal',
      reason: 'GroupBegan',
      note: `The agents agree as group ${group.clusterId}.`,
    });
  if (earlier?.begun === true && group !== undefined && group.clusterId !== earlier.clusterId)
    found.push(
      is('QuorumReady')?.reason === 'AllVolumesLost'
        ? {
            type: 'Warning',
            reason: 'GroupLost',
            note: `All agents have lost their volumes: what was agreed on in group ${earlier.clusterId} is gone, but for what this cluster asks for. They begin anew as ${group.clusterId}.`,
          }
        : {
            type: 'Warning',
            reason: 'GroupAdopted',
            note: `The agents belong to group ${group.clusterId}, not to ${earlier.clusterId} any more.`,
          },
    );
  if (became('Paused')) found.push({ type: 'Normal', reason: 'Paused', note: is('Paused')?.message ?? '' });
  return found;
};
