import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  CatalogBackup,
  compileValidator,
  describeProblems,
  isApiError,
  type CatalogOperation,
} from '@ollamamax/api';
import { writeFileAtomic } from '@ollamamax/common';
import { commandsFor, contentOf } from '../catalog/backup.ts';
import { checkBackup } from '../catalog/backup-check.ts';
import { connect, type ConnectionOptions } from './api-client.ts';
import { CliError, exitCodes, usageError } from './cli-error.ts';
import type { CliContext, InputStream } from './context.ts';
import { counted } from './table.ts';

export interface BackupOptions extends ConnectionOptions {
  readonly output: string;
  readonly force?: boolean;
}

export interface RestoreOptions extends ConnectionOptions {
  readonly yes?: boolean;
}

const maxBackupBytes = 512 * 1024 * 1024;

const summaryOf = ({ desired, drains, users }: CatalogBackup): string =>
  `revision ${desired.revision}: ${counted(desired.models.length, 'model')}, ${counted(Object.keys(drains).length, 'drain')}, ${counted(users.length, 'user')}`;

const refuseExisting = async (path: string): Promise<void> => {
  const there = await stat(path).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw unwritable(path, error);
  });
  if (there !== undefined)
    throw new CliError({
      code: 'file_exists',
      what: 'There is a file of this name.',
      why: `${path} would be replaced.`,
      action: 'Choose another name, or say --force.',
      exitCode: exitCodes.conflict,
    });
};

const unwritable = (path: string, error: unknown): CliError =>
  new CliError({
    code: 'file_not_written',
    what: 'The backup could not be written.',
    why: `${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}.`,
    action: 'Check the folder, its permissions and its free space; no part of a backup is left there.',
    exitCode: exitCodes.failure,
  });

/** Writes what the cluster has agreed on into a file that only its owner may read. */
export const backupCommand = async (options: BackupOptions, context: CliContext): Promise<void> => {
  const path = options.output === '-' ? undefined : resolve(context.cwd, options.output);
  if (path !== undefined && options.force !== true) await refuseExisting(path);
  const client = await connect(options, context);
  const backup = await client.call('clusterBackup');
  const text = `${JSON.stringify(backup, undefined, 2)}\n`;
  if (path === undefined) context.stdout.write(text);
  else
    await writeFileAtomic(path, text, 0o600).catch((error: unknown) => {
      throw unwritable(path, error);
    });
  context.stderr.write(
    `Backed up all up to entry ${backup.index} (${summaryOf(backup)})${path === undefined ? '' : ` in ${path}`}. It holds password hashes: nobody else may read it.\n`,
  );
};

const invalid = (name: string, why: string): CliError =>
  new CliError({
    code: 'backup_invalid',
    what: 'The file is not a backup that can be restored.',
    why: `${name}: ${why}`,
    action:
      'Name a file that "ollamamax backup" of this or an earlier version has written. Nothing was changed.',
    exitCode: exitCodes.failure,
  });

const readStdin = async (stdin: InputStream): Promise<string> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    const part = Buffer.from(chunk as string | Uint8Array);
    bytes += part.length;
    if (bytes > maxBackupBytes) throw invalid('standard input', 'It is too large.');
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString('utf8');
};

/** Everything that could be refused later is refused here: half of a backup is none. */
const parseBackup = (name: string, text: string): CatalogBackup => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid(name, 'It is not JSON.');
  }
  const format = (value as { readonly format?: unknown } | null)?.format;
  if (typeof format === 'number' && format > 1)
    throw invalid(name, `It is of format ${format}, of a later version; this one knows format 1.`);
  const checked = compileValidator(CatalogBackup)(structuredClone(value));
  if (!checked.ok) throw invalid(name, `${describeProblems(checked.problems)}.`);
  const backup = value as CatalogBackup;
  try {
    checkBackup(backup);
  } catch (error) {
    if (isApiError(error)) throw invalid(name, error.message);
    throw error;
  }
  return backup;
};

const readBackup = async (file: string, context: CliContext): Promise<CatalogBackup> => {
  if (file === '-') return parseBackup('standard input', await readStdin(context.stdin));
  const path = resolve(context.cwd, file);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code = 'an error' } = error as NodeJS.ErrnoException;
    throw usageError(`${path} cannot be read (${code}).`, 'Name a file that "ollamamax backup" has written.');
  }
  return parseBackup(path, text);
};

const modelLines = (backup: CatalogBackup, present: CatalogBackup): string[] => {
  const textsOf = ({ desired }: CatalogBackup): Map<string, string> =>
    new Map(desired.models.map((model) => [model.name, JSON.stringify(model)]));
  const [wanted, there] = [textsOf(backup), textsOf(present)];
  const settings = [backup, present].map(({ desired }) => JSON.stringify(desired.settings));
  return [
    ...[...wanted].filter(([name]) => !there.has(name)).map(([name]) => `model ${name}: added`),
    ...[...wanted]
      .filter(([name, text]) => there.has(name) && there.get(name) !== text)
      .map(([name]) => `model ${name}: changed`),
    ...[...there.keys()].filter((name) => !wanted.has(name)).map((name) => `model ${name}: removed`),
    ...(settings[0] === settings[1] ? [] : [`settings: ${settings[0] ?? ''}`]),
  ];
};

const linesOf = (operation: CatalogOperation, backup: CatalogBackup, present: CatalogBackup): string[] => {
  switch (operation.op) {
    case 'setDesired':
      return [`desired state: revision ${operation.state.revision}`, ...modelLines(backup, present)];
    case 'setDrain':
      return [`agent ${operation.agent}: drained`];
    case 'clearDrain':
      return [`agent ${operation.agent}: not drained any more`];
    case 'putUser': {
      const { name, role } = operation.user;
      const isNew = !present.users.some((user) => user.name === name);
      return [`user ${name}: ${isNew ? 'added' : 'replaced'} (${role})`];
    }
    case 'removeUser':
      return [`user ${operation.name}: removed`];
    case 'putOwnModel':
      return [`model ${operation.name} (made through Ollama's API): added or replaced`];
    case 'removeOwnModel':
      return [`model ${operation.name} (made through Ollama's API): removed`];
    default:
      return [];
  }
};

/** Replaces what a cluster has agreed on by what a backup holds. */
export const restoreCommand = async (
  file: string,
  options: RestoreOptions,
  context: CliContext,
): Promise<void> => {
  const backup = await readBackup(file, context);
  const client = await connect(options, context);
  if (options.yes !== true) {
    const present = await client.call('clusterBackup');
    const lines = commandsFor(backup, contentOf(present)).flatMap((one) => linesOf(one, backup, present));
    context.stdout.write(
      [
        `Backup of ${backup.takenAt}, ${summaryOf(backup)}.`,
        lines.length === 0 ? 'The cluster holds exactly that.' : 'What would change:',
        ...lines.map((line) => `  ${line}`),
        '',
      ].join('\n'),
    );
    throw usageError('Nothing was changed.', 'Say --yes if you mean it.');
  }
  const { revision, drains, users } = await client.call('clusterRestore', backup);
  context.stderr.write(
    `Restored the backup of ${backup.takenAt}: revision ${revision}, ${counted(drains, 'drain')}, ${counted(users, 'user')}.\n`,
  );
};
