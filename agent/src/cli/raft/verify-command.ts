import { basename, resolve } from 'node:path';
import { foldersOf } from '../../catalog/offline/stopped-member.ts';
import { verifyMember, type MemberCheck } from '../../catalog/offline/verify-member.ts';
import { exitCodes, type ExitCode } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import { asJson, counted, factLines, formOf, nothing, table } from '../table.ts';
import { explainDisk, noMemberError } from './disk-error.ts';
import { warnWhileRunning, type DiskOptions } from './disk-status.ts';

const verdicts: Readonly<Record<MemberCheck['verdict'], { readonly text: string; readonly exit: ExitCode }>> =
  {
    sound: { text: 'Sound.', exit: exitCodes.ok },
    torn: {
      text: 'Harmless: a crash cut off what was being written. Nobody was told that it is kept; the agent drops it when it starts. Do nothing.',
      exit: exitCodes.tornTail,
    },
    damaged: { text: 'Damaged.', exit: exitCodes.unhealthy },
  };

const reportOf = (check: MemberCheck): string => {
  const { identity, wal, snapshots, unfinished, entries, problems, verdict } = check;
  const owner = identity === undefined ? 'unknown' : `${identity.agent}, member ${identity.memberId}`;
  const facts = factLines([
    ['Agent', owner],
    ['Group', identity?.clusterId],
    ['Segments', `${wal.segments.length}, ${counted(entries, 'entry', 'entries')} checked`],
    [
      'Agreed',
      wal.log === undefined ? undefined : `up to ${wal.log.hardState.commit} of ${wal.log.last.index}`,
    ],
    ['Torn', wal.tornBytes === 0 ? undefined : `${counted(wal.tornBytes, 'byte')} at the end of the log`],
    ['Unfinished', unfinished.length === 0 ? undefined : unfinished.join(', ')],
  ]);
  const files = table([
    ['FILE', 'STATE', 'HOLDS'],
    ...wal.segments.map(({ file, identity: owned, firstIndex, lastIndex }) => {
      const isBad = problems.some((problem) => problem.file === file);
      const holds =
        firstIndex === undefined ? nothing : `entries ${firstIndex} to ${lastIndex ?? firstIndex}`;
      return [basename(file), isBad ? 'damaged' : owned === undefined ? 'prepared' : 'sound', holds];
    }),
    ...snapshots.map(({ file, meta, inUse }) => [
      basename(file),
      meta === undefined ? 'damaged' : 'sound',
      `${meta === undefined ? nothing : `all up to entry ${meta.index}`}${inUse ? ', in use' : ''}`,
    ]),
  ]);
  const found = problems.map(({ code, message, action, file, offset }) => {
    const where = [
      ...(file === undefined ? [] : [`  File:   ${file}${offset === undefined ? '' : `, byte ${offset}`}`]),
    ];
    return ['', `Problem: ${message}`, ...where, `  To do:  ${action}`, `  Code:   ${code}`, ''].join('\n');
  });
  return `${facts}\n${files}${found.join('')}\n${verdicts[verdict].text}\n`;
};

/** `raft verify`: its exit code tells sound, torn and damaged apart. */
export const verifyCommand = async (
  options: DiskOptions & { readonly output: string },
  context: CliContext,
): Promise<ExitCode> => {
  const form = formOf(options.output);
  const dataDir = resolve(context.cwd, options.dataDir);
  const folders = foldersOf(dataDir);
  await warnWhileRunning(folders, context);
  let check: MemberCheck;
  try {
    check = await verifyMember(folders);
  } catch (error) {
    throw explainDisk(error, dataDir);
  }
  if (check.identity === undefined && check.wal.segments.length === 0 && check.snapshots.length === 0)
    throw noMemberError(dataDir);
  context.stdout.write(form === 'json' ? asJson(check) : reportOf(check));
  return verdicts[check.verdict].exit;
};
