import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '@ollamamax/api/errors';
import { writeFileAtomic } from '@ollamamax/common/atomic-file';
import type { NodeId } from '../core/types.ts';

/** Who this member is, for as long as its disk lives. */
export interface MemberIdentity {
  /** Made once, when the cluster begins: another cluster of the same name has another one. */
  readonly clusterId: string;
  readonly memberId: NodeId;
  /** Drawn when this disk was set up. */
  readonly incarnation: string;
  /** The agent's id: a disk that another agent mounts is not its own. */
  readonly agent: string;
  /** Its log was begun. Before that it has taken part in nothing, and may begin anew. */
  readonly setUp: boolean;
}

const fileName = 'identity.json';

const corrupt = (path: string, reason: string, cause?: unknown): ApiError =>
  new ApiError('state_corrupt', `${path} is damaged: ${reason}.`, { cause });

/**
 * @returns undefined while this disk belongs to no member
 * @throws ApiError state_corrupt when the file cannot be read or is another agent's
 */
export const readIdentityFile = async (
  directory: string,
  agent: string,
): Promise<MemberIdentity | undefined> => {
  const path = join(directory, fileName);
  let value: Partial<MemberIdentity & { format: number }> | null;
  try {
    value = JSON.parse(await readFile(path, 'utf8')) as typeof value;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw corrupt(path, code === undefined ? 'it is not JSON' : `it cannot be read (${code})`, error);
  }
  const { format, clusterId, memberId, incarnation } = value ?? {};
  if (format !== 1) throw corrupt(path, 'it is not of format 1');
  const texts = [clusterId, incarnation, value?.agent];
  const whole = texts.every((text) => typeof text === 'string' && text !== '');
  if (!whole || !Number.isSafeInteger(memberId) || (memberId ?? 0) < 1)
    throw corrupt(path, 'something is missing in it');
  if (value?.agent !== agent)
    throw new ApiError(
      'state_corrupt',
      `${path} belongs to agent ${String(value?.agent)}, and this is agent ${agent}: mount the volume of this agent.`,
    );
  return { clusterId, memberId, incarnation, agent, setUp: value.setUp === true } as MemberIdentity;
};

/** Durable when it resolves. */
export const writeIdentityFile = async (directory: string, identity: MemberIdentity): Promise<void> => {
  await mkdir(directory, { recursive: true });
  const text = `${JSON.stringify({ format: 1, ...identity }, null, 2)}\n`;
  await writeFileAtomic(join(directory, fileName), text, 0o600);
};

export const newIncarnation = (): string => randomUUID();
