import { join, resolve } from 'node:path';
import { acquireFileLock } from '@ollamamax/common';
import { planRecovery, recoverMember, type RecoveryPlan } from '../../catalog/offline/recover-member.ts';
import { foldersOf } from '../../catalog/offline/stopped-member.ts';
import { CliError, exitCodes, usageError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import { counted } from '../table.ts';
import { explainDisk } from './disk-error.ts';
import { warnWhileRunning, type DiskOptions } from './disk-status.ts';

export interface RecoverOptions extends DiskOptions {
  readonly yes?: boolean;
}

const planText = (plan: RecoveryPlan, dataDir: string): string => {
  const { old, index, term, uncommitted, voters } = plan;
  const folder = join(dataDir, 'raft');
  if (plan.goesOn)
    return `An earlier recovery of agent ${old.agent} in ${folder} was interrupted; it would be brought to its end.\n`;
  const unsure =
    uncommitted === 0
      ? ''
      : ` The last ${counted(uncommitted, 'entry', 'entries')} of them may not have been agreed on; they would count from now on.`;
  return [
    `Agent ${old.agent} is member ${old.memberId} of group ${old.clusterId}, whose voters were ${voters.join(', ')}.`,
    '',
    `1. All that its log holds, up to entry ${index} of term ${term}, would be kept.${unsure}`,
    `2. It would become the only member of a new group, and lead as soon as it is started.`,
    `3. What is in ${folder} now would be kept in ${folder}.before-recover-TIME.`,
    `4. The volumes of all other members would be refused (other_cluster): they join anew once their folders "raft" are gone.`,
    '',
    'Do this only when the majority of the voters is lost for good, on one agent only: the one with the newest entry.',
    '',
  ].join('\n');
};

/** `raft recover`: by hand, on one stopped agent. */
export const recoverCommand = async (options: RecoverOptions, context: CliContext): Promise<void> => {
  const dataDir = resolve(context.cwd, options.dataDir);
  const folders = foldersOf(dataDir);
  const explain = (error: unknown): never => {
    throw explainDisk(error, dataDir);
  };
  const plan = await planRecovery(dataDir).catch(explain);
  if (options.yes !== true) {
    await warnWhileRunning(folders, context);
    context.stdout.write(planText(plan, dataDir));
    throw usageError('Nothing was changed.', 'Say --yes if you mean it; docs/raft/operations.md says when.');
  }
  const lock = await acquireFileLock(folders.lock).catch(explain);
  if ('heldBy' in lock)
    throw new CliError({
      code: 'agent_running',
      what: 'The agent still runs.',
      why: `${folders.member} is in use by process ${lock.heldBy.pid}.`,
      action: 'Stop the agent and whatever would start it again, then run the command again.',
      exitCode: exitCodes.conflict,
    });
  try {
    for await (const step of recoverMember(dataDir, new Date())) context.stderr.write(stepTexts[step]);
  } catch (error) {
    explain(error);
  } finally {
    await lock.release();
  }
  context.stderr.write(
    `Agent ${plan.old.agent} is the only member of a new group. Start it; then remove the folder "raft" of every other agent and start those: they join it.\n`,
  );
};

const stepTexts = {
  prepared: 'Wrote the new log and snapshot, beside what is there.\n',
  switched: 'Gave the member its new identity.\n',
  // There are four of them, and nothing to be said of each.
  moved: '',
  kept: 'Kept what was there before.\n',
  cleaned: '',
} as const;
