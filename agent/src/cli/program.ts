import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { exitCodes, type ExitCode } from './cli-error.ts';
import { agentProgram, programName, upCommand, type CliContext } from './context.ts';
import { reportError } from './print-error.ts';
import { addBackup, addRaft } from './raft-program.ts';
import { withExamples } from './with-examples.ts';
import type { ConfigOptions, ConfigShowOptions } from './config-commands.ts';
import type { UpOptions } from './up/run-up.ts';
import type { UserAddOptions, UserListOptions, UserRemoveOptions, UserSetOptions } from './user-commands.ts';

/** From package.json: importing the contract for it would cost more than everything else here. */
const productVersion = (): string => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
};

const wholeNumber = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
};

const collect = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  text,
];

const usersFileOption = (): Option =>
  new Option(
    '--users-file <file>',
    'users file; else AUTH_USERS_FILE, else data/users.yaml of the local cluster',
  );

const configOption = (): Option =>
  new Option(
    '-c, --config <file>',
    'configuration file; else node.yaml in the current folder, if there is one',
  );

const addUp = (program: Command, context: CliContext): void => {
  withExamples(
    program
      .command('up')
      .description('Run a local cluster of several agents on this machine until Ctrl-C.')
      .addOption(new Option('--agents <n>', 'number of agents').default(3).argParser(wholeNumber))
      .addOption(
        new Option('--port <port>', 'API port of the first agent; all other ports move along')
          .default(8080)
          .argParser(wholeNumber),
      )
      .option('--data-dir <folder>', 'state, certificates and logs (default: data in the source tree)')
      .addOption(
        new Option(
          '--model <name=file>',
          'GGUF file to serve, repeatable (default: the bundled models)',
        ).argParser(collect),
      )
      .addOption(
        new Option('--replicas <n>', 'agents that hold each model (default: all)').argParser(wholeNumber),
      )
      .option('--auth', 'demand a login; makes an administrator at the first start'),
    [
      'ollamamax up',
      'ollamamax up --agents 1 --port 8180',
      'ollamamax up --model mine=./mine.gguf --replicas 2',
      'ollamamax up --auth',
    ],
  ).action(async (options: UpOptions) => (await import('./up/run-up.ts')).runUp(options, context));
};

const addServe = (program: Command, context: CliContext): void => {
  withExamples(
    program.command('serve').description('Run one agent in this process.').addOption(configOption()),
    [
      'ollamamax serve',
      'ollamamax serve --config /etc/ollamamax/node.yaml',
      'API_LISTEN=127.0.0.1:9999 ollamamax serve',
    ],
  ).action(({ config }: ConfigOptions) => {
    const env = Object.fromEntries(
      Object.entries(context.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    context.replaceProcess(
      fileURLToPath(agentProgram),
      config === undefined ? [] : ['--config', config],
      env,
    );
  });
};

const addUser = (program: Command, context: CliContext): void => {
  const commands = () => import('./user-commands.ts');
  const user = withExamples(program.command('user').description('Users who may log in.'), [
    'ollamamax user add ada --role admin',
    'ollamamax user list -o json',
    'ollamamax user set ada --disable',
  ]);
  withExamples(
    user
      .command('add')
      .description('Add a user. The password is asked for, or read from standard input.')
      .argument('<name>')
      .addOption(new Option('--role <role>', 'admin, user or readonly').default('user'))
      .option('--generate', 'make a password and print it')
      .addOption(usersFileOption()),
    [
      'ollamamax user add ada --role admin',
      'ollamamax user add bot --generate',
      'echo "$PW" | ollamamax user add bot',
    ],
  ).action(async (name: string, options: UserAddOptions) =>
    (await commands()).addUser(name, options, context),
  );
  withExamples(
    user
      .command('set')
      .description('Change a user.')
      .argument('<name>')
      .option('--role <role>', 'admin, user or readonly')
      .option('--password', 'ask for a new password, or read it from standard input')
      .option('--generate', 'make a new password and print it')
      .option('--disable', 'no more logins')
      .option('--enable', 'logins again')
      .addOption(usersFileOption()),
    [
      'ollamamax user set ada --password',
      'ollamamax user set ada --role readonly',
      'ollamamax user set ada --disable',
    ],
  ).action(async (name: string, options: UserSetOptions) =>
    (await commands()).setUser(name, options, context),
  );
  withExamples(
    user
      .command('list')
      .description('List the users.')
      .addOption(new Option('-o, --output <form>', 'table, json or name').default('table'))
      .addOption(usersFileOption()),
    ['ollamamax user list', 'ollamamax user list -o json'],
  ).action(async (options: UserListOptions) => (await commands()).listUsers(options, context));
  withExamples(
    user
      .command('remove')
      .description('Remove a user.')
      .argument('<name>')
      .option('--yes', 'do it')
      .addOption(usersFileOption()),
    ['ollamamax user remove ada --yes'],
  ).action(async (name: string, options: UserRemoveOptions) =>
    (await commands()).removeUser(name, options, context),
  );
};

const addConfig = (program: Command, context: CliContext): void => {
  const commands = () => import('./config-commands.ts');
  const config = withExamples(program.command('config').description('The configuration of an agent.'), [
    'ollamamax config check --config node.yaml',
    'ollamamax config show -o origin',
  ]);
  withExamples(
    config
      .command('check')
      .description('Say everything that is wrong with a configuration.')
      .addOption(configOption()),
    ['ollamamax config check', 'ollamamax config check --config /etc/ollamamax/node.yaml'],
  ).action(async (options: ConfigOptions) => (await commands()).checkConfigCommand(options, context));
  withExamples(
    config
      .command('show')
      .description('Show the configuration as an agent would use it, secrets hidden.')
      .addOption(configOption())
      .addOption(
        new Option('-o, --output <form>', 'yaml, json, or origin: where each value comes from').default(
          'yaml',
        ),
      ),
    ['ollamamax config show', 'ollamamax config show -o origin'],
  ).action(async (options: ConfigShowOptions) => (await commands()).showConfigCommand(options, context));
};

const buildProgram = (context: CliContext, end: (code: ExitCode) => void): Command => {
  const program = withExamples(
    new Command('ollamamax')
      .description('LLM serving as a cluster: the Ollama and OpenAI APIs from any of several agents.')
      .version(productVersion(), '-V, --version', 'print the version')
      .configureOutput({
        writeOut: (text) => context.stdout.write(text),
        writeErr: (text) => context.stderr.write(text),
        outputError: () => undefined,
      })
      .showSuggestionAfterError(true)
      .helpOption('-h, --help', 'show this help')
      .helpCommand('help [command]', 'show the help of a command')
      .exitOverride(),
    ['ollamamax up', 'ollamamax serve --config node.yaml', 'ollamamax config check', 'ollamamax raft status'],
  );
  addUp(program, context);
  addServe(program, context);
  addUser(program, context);
  addConfig(program, context);
  addRaft(program, context, end);
  addBackup(program, context);
  program
    .command('version')
    .description('Print the version.')
    .action(() => {
      context.stdout.write(`${productVersion()}\n`);
    });
  return program;
};

const whereHelpIs = (env: CliContext['env']): string => {
  if (env.npm_lifecycle_event === 'start') return `"${upCommand(env)} --help" shows what there is.`;
  const name = programName(env);
  return `"${name} --help" and "${name} COMMAND --help" show what there is.`;
};

const optionsOfUp = ['agents', 'port', 'data-dir', 'model', 'replicas', 'auth'];

/** Of "npm start --port 9000" npm keeps the option for itself and hands on at most its value. */
const refuseOptionsOfNpm = async (env: CliContext['env']): Promise<void> => {
  if (env.npm_lifecycle_event !== 'start') return;
  const kept = optionsOfUp.find((name) => env[`npm_config_${name.replaceAll('-', '_')}`] !== undefined);
  if (kept === undefined) return;
  const { usageError } = await import('./cli-error.ts');
  throw usageError(
    `npm took --${kept} for an option of its own.`,
    `Put "--" before the options: "npm start -- --${kept} …".`,
  );
};

/** What commander says of wrong arguments, in our form. */
const reportUsage = async (error: CommanderError, context: CliContext): Promise<ExitCode> => {
  const { usageError } = await import('./cli-error.ts');
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const why = `${first.charAt(0).toUpperCase()}${first.slice(1)}${/[.!?)]$/.test(first) ? '' : '.'}`;
  const hint = rest.join(' ').replace(/^\(|\)$/g, '');
  return reportError(
    usageError(why, `${hint === '' ? '' : `${hint} `}${whereHelpIs(context.env)}`),
    context.stderr,
  );
};

/** Runs one command line. @returns the exit code; never throws */
export const runCli = async (args: readonly string[], context: CliContext): Promise<ExitCode> => {
  try {
    await refuseOptionsOfNpm(context.env);
    let code: ExitCode = exitCodes.ok;
    const program = buildProgram(context, (ended) => {
      code = ended;
    });
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportError(error, context.stderr);
    if (error.exitCode === 0) return exitCodes.ok;
    // Help that was printed because no command was given.
    if (error.code === 'commander.help') return exitCodes.usage;
    return reportUsage(error, context);
  }
};
