import { join } from 'node:path';
import { RecoveryRefusedError } from '../../catalog/offline/recover-member.ts';
import { StorageError } from '../../raft/storage/storage-error.ts';
import { CliError, exitCodes } from '../cli-error.ts';

export const noMemberError = (dataDir: string): CliError =>
  new CliError({
    code: 'no_member',
    what: 'There is no member of a group here.',
    why: `${join(dataDir, 'raft')} holds no member: the agent has never joined a group, or has left it.`,
    action: 'Name the data directory of an agent (storage.dataDir of its configuration) with --data-dir.',
    exitCode: exitCodes.notFound,
  });

const refusedRecovery = (error: RecoveryRefusedError, dataDir: string): CliError => {
  switch (error.reason) {
    case 'noMember':
      return noMemberError(dataDir);
    case 'empty':
      return new CliError({
        code: 'nothing_to_recover',
        what: 'This member holds nothing that could be kept.',
        why: error.message,
        action:
          'Recover another member of the group: the one with the newest entry, as "ollamamax raft status" tells of each.',
        exitCode: exitCodes.conflict,
      });
    case 'alone':
      return new CliError({
        code: 'nothing_to_recover',
        what: 'This member has not lost its majority.',
        why: error.message,
        action: 'Start the agent.',
        exitCode: exitCodes.conflict,
      });
  }
};

/** What is wrong with a member's disk, in the form of the command line; anything else as it is. */
export const explainDisk = (error: unknown, dataDir: string): unknown => {
  if (error instanceof RecoveryRefusedError) return refusedRecovery(error, dataDir);
  if (error instanceof StorageError)
    return new CliError({
      code: error.code,
      what: 'The disk of this member cannot be used as it is.',
      why: error.message,
      action: `"ollamamax raft verify" tells of everything that is wrong. ${error.action}`,
      exitCode: exitCodes.unhealthy,
    });
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  return new CliError({
    code: 'disk_unreadable',
    what: 'The disk of this member cannot be read or written.',
    why: `${path ?? dataDir}: ${code}.`,
    action: 'Check the volume, its free space, and that you are the user that the agent runs as.',
    exitCode: exitCodes.failure,
  });
};
