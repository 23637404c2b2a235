import type { Command } from 'commander';
import type { ConnectionOptions } from './api-client.ts';
import type { BackupOptions, RestoreOptions } from './backup-commands.ts';
import { exitCodes, usageError, type ExitCode } from './cli-error.ts';
import type { CliContext } from './context.ts';
import type { DiskOptions } from './raft/disk-status.ts';
import type { RecoverOptions } from './raft/recover-command.ts';
import { withExamples } from './with-examples.ts';

/** How the program ends where that is no error, and still not 0. */
type End = (code: ExitCode) => void;

interface LookOptions extends ConnectionOptions, Partial<DiskOptions> {
  readonly output: string;
}

const withConnection = (command: Command): Command =>
  command
    .option('--url <url>', 'API of an agent; else OLLAMAMAX_URL, else http://127.0.0.1:8080')
    .option('--token-file <file>', 'file with the token of a login; else OLLAMAMAX_TOKEN')
    .option('--ca <file>', 'authority of its certificate, for https');

const withDataDir = (command: Command): Command =>
  command.requiredOption('--data-dir <folder>', 'data directory of the stopped agent (storage.dataDir)');

const withForm = (command: Command): Command =>
  command.option('-o, --output <form>', 'table or json', 'table');

/** A stopped agent's disk, or a running agent; never both. */
const refuseBoth = ({ dataDir, url, tokenFile, ca }: LookOptions): void => {
  if (dataDir === undefined) return;
  const other = [
    ['--url', url],
    ['--token-file', tokenFile],
    ['--ca', ca],
  ].find(([, value]) => value !== undefined)?.[0];
  if (other !== undefined)
    throw usageError(
      `--data-dir and ${other} cannot be given together.`,
      'Give --data-dir for a stopped agent, and the others for one that runs.',
    );
};

const addLooks = (raft: Command, context: CliContext, end: End): void => {
  const either = (command: Command): Command =>
    withForm(withConnection(command)).option(
      '--data-dir <folder>',
      'read the disk of a stopped agent instead (its storage.dataDir); nothing there is changed',
    );
  withExamples(
    either(
      raft
        .command('status')
        .summary('How an agent takes part in what the agents agree on.')
        .description(
          `How an agent takes part in what the agents agree on. Exit code ${exitCodes.unhealthy}: it takes no part, or nobody leads.`,
        ),
    ),
    [
      'ollamamax raft status',
      'ollamamax raft status --url https://agent-0.example:8080 --ca ca.crt --token-file token',
      'ollamamax raft status --data-dir data/agent-0/state -o json',
    ],
  ).action(async (options: LookOptions) => {
    refuseBoth(options);
    const { dataDir, output } = options;
    if (dataDir === undefined)
      end(await (await import('./raft/online-status.ts')).onlineStatus(options, context));
    else await (await import('./raft/disk-status.ts')).diskStatus({ dataDir, output }, context);
  });
  withExamples(either(raft.command('members').description('Who is a member, and who has a vote.')), [
    'ollamamax raft members',
    'ollamamax raft members --data-dir data/agent-0/state',
  ]).action(async (options: LookOptions) => {
    refuseBoth(options);
    const { dataDir, output } = options;
    if (dataDir === undefined)
      end(await (await import('./raft/online-status.ts')).onlineMembers(options, context));
    else await (await import('./raft/disk-status.ts')).diskMembers({ dataDir, output }, context);
  });
};

const addChanges = (raft: Command, context: CliContext): void => {
  const commands = () => import('./raft/change-commands.ts');
  withExamples(
    withConnection(
      raft
        .command('transfer')
        .description('Have another agent lead, as before maintenance of the one that does.')
        .argument('<agent>'),
    ),
    ['ollamamax raft transfer agent-1'],
  ).action(async (agent: string, options: ConnectionOptions) =>
    (await commands()).transferCommand(agent, options, context),
  );
  withExamples(
    withConnection(
      raft.command('snapshot').description('Have the agent write a snapshot and drop the log before it.'),
    ),
    ['ollamamax raft snapshot', 'ollamamax raft snapshot --url http://127.0.0.1:8082'],
  ).action(async (options: ConnectionOptions) => (await commands()).snapshotCommand(options, context));
  withExamples(
    withConnection(
      raft
        .command('leave')
        .description('Take an agent out of the group: the one that is asked, or another, alive or not.')
        .argument('[agent]'),
    ),
    ['ollamamax raft leave', 'ollamamax raft leave agent-2'],
  ).action(async (agent: string | undefined, options: ConnectionOptions) =>
    (await commands()).leaveCommand(agent, options, context),
  );
  withExamples(
    withConnection(
      raft
        .command('join')
        .description('Have the agent join the group of others: of its peers, or of the one at this address.')
        .argument('[address]', 'host:port of the internal API of a member'),
    ),
    ['ollamamax raft join', 'ollamamax raft join agent-0.example:9443 --url http://127.0.0.1:8082'],
  ).action(async (address: string | undefined, options: ConnectionOptions) =>
    (await commands()).joinCommand(address, options, context),
  );
  withExamples(
    withConnection(
      raft.command('bootstrap').description('Begin a new group with the agent as its only member.'),
    ),
    ['ollamamax raft bootstrap'],
  ).action(async (options: ConnectionOptions) => (await commands()).bootstrapCommand(options, context));
};

const addDisk = (raft: Command, context: CliContext, end: End): void => {
  withExamples(
    withForm(
      withDataDir(
        raft
          .command('verify')
          .summary('Check the disk of a stopped agent, changing nothing.')
          .description(
            `Check the disk of a stopped agent, changing nothing. Exit code 0: sound; ${exitCodes.tornTail}: a crash cut off its end, which is harmless; ${exitCodes.unhealthy}: damaged.`,
          ),
      ),
    ),
    ['ollamamax raft verify --data-dir data/agent-0/state'],
  ).action(async (options: DiskOptions & { readonly output: string }) => {
    end(await (await import('./raft/verify-command.ts')).verifyCommand(options, context));
  });
  withExamples(
    withDataDir(
      raft
        .command('recover')
        .summary('Begin anew with one agent when the majority is lost for good.')
        .description(
          'When the majority of the voters is lost for good: make one stopped agent the only member of a new group, with all that its log holds. docs/raft/operations.md tells how. Without --yes it only says what it would do.',
        ),
    ).option('--yes', 'do it'),
    [
      'ollamamax raft recover --data-dir data/agent-0/state',
      'ollamamax raft recover --data-dir data/agent-0/state --yes',
    ],
  ).action(async (options: RecoverOptions) =>
    (await import('./raft/recover-command.ts')).recoverCommand(options, context),
  );
};

/** `raft …`: what the agents agree on, from outside. */
export const addRaft = (program: Command, context: CliContext, end: End): void => {
  const raft = withExamples(
    program.command('raft').description('What the agents agree on: who leads, members, disks.'),
    [
      'ollamamax raft status',
      'ollamamax raft members -o json',
      'ollamamax raft transfer agent-1',
      'ollamamax raft verify --data-dir data/agent-0/state',
    ],
  );
  addLooks(raft, context, end);
  addChanges(raft, context);
  addDisk(raft, context, end);
};

/** `backup` and `restore`. */
export const addBackup = (program: Command, context: CliContext): void => {
  const commands = () => import('./backup-commands.ts');
  withExamples(
    withConnection(
      program
        .command('backup')
        .description('Write what the cluster has agreed on into a file: models, drains, users.')
        .requiredOption('--output <file>', 'file to write; "-" for standard output')
        .option('--force', 'replace a file that is there'),
    ),
    ['ollamamax backup --output cluster.json', 'ollamamax backup --output - | gpg -e > cluster.json.gpg'],
  ).action(async (options: BackupOptions) => (await commands()).backupCommand(options, context));
  withExamples(
    withConnection(
      program
        .command('restore')
        .description(
          'Replace what a cluster has agreed on by a backup. Without --yes it only says what would change.',
        )
        .argument('<file>', 'file that backup has written; "-" for standard input')
        .option('--yes', 'do it'),
    ),
    ['ollamamax restore cluster.json', 'ollamamax restore cluster.json --yes'],
  ).action(async (file: string, options: RestoreOptions) =>
    (await commands()).restoreCommand(file, options, context),
  );
};
