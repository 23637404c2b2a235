import type { AgentStatus, OllamaClusterStatus } from '@ollamamax/api';

type Given = NonNullable<OllamaClusterStatus['desiredState']>;

/** Agents count the state of their own configuration as revision 1. */
const firstRevision = 2;

/**
 * Which revision a content has: that which it was given before, or a new one when it differs from that, when agents
 * know a newer one, or when they have another content of the same revision.
 * @param hash of the content that is wanted
 * @param before what was given last, if anything
 */
export const decideRevision = (
  hash: string,
  before: Given | undefined,
  reported: readonly Pick<AgentStatus, 'catalogRevision' | 'catalogHash'>[],
): Given => {
  const newest = Math.max(
    firstRevision - 1,
    before?.revision ?? 0,
    ...reported.map(({ catalogRevision }) => catalogRevision),
  );
  const disagree = reported.some(
    ({ catalogRevision, catalogHash }) =>
      catalogRevision > (before?.revision ?? 0) ||
      (catalogRevision === before?.revision && catalogHash !== undefined && catalogHash !== before.hash),
  );
  return before?.hash === hash && !disagree ? before : { revision: newest + 1, hash };
};
