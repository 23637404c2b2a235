import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { roles, type Role, type UserRecord } from '@ollamamax/api';
import { PasswordHasher } from '../auth/password.ts';
import { editUsers, readUsers } from '../auth/users-file.ts';
import { CliError, exitCodes, usageError } from './cli-error.ts';
import { treeRoot, type CliContext } from './context.ts';
import { readNewPassword } from './read-password.ts';

interface FileOption {
  readonly usersFile?: string;
}

export interface UserAddOptions extends FileOption {
  readonly role: string;
  readonly generate?: boolean;
}

export interface UserSetOptions extends FileOption {
  readonly role?: string;
  readonly password?: boolean;
  readonly generate?: boolean;
  readonly disable?: boolean;
  readonly enable?: boolean;
}

export interface UserListOptions extends FileOption {
  readonly output: string;
}

export interface UserRemoveOptions extends FileOption {
  readonly yes?: boolean;
}

const usersFileOf = (options: FileOption, context: CliContext): string => {
  const given = options.usersFile ?? context.env.AUTH_USERS_FILE;
  return given === undefined || given === ''
    ? fileURLToPath(new URL('data/users.yaml', treeRoot))
    : resolve(context.cwd, given);
};

const roleFrom = (text: string): Role => {
  const role = roles.find((known) => known === text);
  if (role === undefined)
    throw usageError(`--role ${text} is not a role.`, `Choose one of ${roles.join(', ')}.`);
  return role;
};

const notFound = (name: string, file: string): CliError =>
  new CliError({
    code: 'user_not_found',
    what: 'There is no user of this name.',
    why: `${file} has no user ${name}.`,
    action: 'List the users with "ollamamax user list".',
    exitCode: exitCodes.notFound,
  });

/** @throws CliError no_users_file, which only the command line can say what to do about; ApiError config_invalid */
const existingUsers = async (file: string): Promise<readonly UserRecord[]> => {
  if (!existsSync(file))
    throw new CliError({
      code: 'no_users_file',
      what: 'There are no users yet.',
      why: `The users file ${file} does not exist.`,
      action: 'Add the first user with "user add NAME --role admin", or name another file with --users-file.',
      exitCode: exitCodes.notFound,
    });
  return readUsers(file);
};

/** Hash of a new password; a generated one is printed, as data, because nobody else knows it. */
const newPasswordHash = async (context: CliContext, generate: boolean | undefined): Promise<string> => {
  const password = generate === true ? randomBytes(12).toString('base64url') : await readNewPassword(context);
  const hash = await new PasswordHasher().hash(password);
  if (generate === true) context.stdout.write(`${password}\n`);
  return hash;
};

export const addUser = async (name: string, options: UserAddOptions, context: CliContext): Promise<void> => {
  const role = roleFrom(options.role);
  const file = usersFileOf(options, context);
  const passwordHash = await newPasswordHash(context, options.generate);
  await editUsers(file, (users) => {
    if (users.some((user) => user.name === name))
      throw new CliError({
        code: 'user_exists',
        what: 'There is a user of this name already.',
        why: `${file} has a user ${name}.`,
        action: `Change that user with "ollamamax user set ${name}".`,
        exitCode: exitCodes.conflict,
      });
    return [...users, { name, role, passwordHash }];
  });
  context.stderr.write(`Added ${name} (${role}) to ${file}.\n`);
};

export const setUser = async (name: string, options: UserSetOptions, context: CliContext): Promise<void> => {
  const wantsPassword = options.password === true || options.generate === true;
  if (options.disable === true && options.enable === true)
    throw usageError('--disable and --enable exclude each other.', 'Give one of them.');
  if (!wantsPassword && options.role === undefined && options.disable !== true && options.enable !== true)
    throw usageError(
      'Nothing to change was given.',
      'Give --role, --password, --generate, --disable or --enable.',
    );
  const role = options.role === undefined ? undefined : roleFrom(options.role);
  const file = usersFileOf(options, context);
  if (!(await existingUsers(file)).some((user) => user.name === name)) throw notFound(name, file);
  const passwordHash = wantsPassword ? await newPasswordHash(context, options.generate) : undefined;
  await editUsers(file, (users) => {
    if (!users.some((user) => user.name === name)) throw notFound(name, file);
    return users.map((user): UserRecord => {
      if (user.name !== name) return user;
      const { disabled, ...rest } = user;
      const off = options.disable === true || (disabled === true && options.enable !== true);
      return {
        ...rest,
        ...(role === undefined ? {} : { role }),
        ...(passwordHash === undefined ? {} : { passwordHash }),
        ...(off ? { disabled: true } : {}),
      };
    });
  });
  context.stderr.write(`Changed ${name} in ${file}.\n`);
};

export const listUsers = async (options: UserListOptions, context: CliContext): Promise<void> => {
  const users = (await existingUsers(usersFileOf(options, context))).map(({ name, role, disabled }) => ({
    name,
    role,
    disabled: disabled === true,
  }));
  switch (options.output) {
    case 'json':
      context.stdout.write(`${JSON.stringify(users, undefined, 2)}\n`);
      return;
    case 'name':
      for (const { name } of users) context.stdout.write(`${name}\n`);
      return;
    case 'table': {
      const width = Math.max(4, ...users.map(({ name }) => name.length));
      context.stdout.write(`${'NAME'.padEnd(width)}  ROLE      DISABLED\n`);
      for (const { name, role, disabled } of users)
        context.stdout.write(`${name.padEnd(width)}  ${role.padEnd(8)}  ${disabled ? 'yes' : 'no'}\n`);
      return;
    }
    default:
      throw usageError(`-o ${options.output} is not a form of output.`, 'Choose table, json or name.');
  }
};

export const removeUser = async (
  name: string,
  options: UserRemoveOptions,
  context: CliContext,
): Promise<void> => {
  if (options.yes !== true)
    throw usageError(
      `Removing ${name} cannot be undone.`,
      'Say --yes if you mean it, or disable the user with "ollamamax user set NAME --disable".',
    );
  const file = usersFileOf(options, context);
  await existingUsers(file);
  await editUsers(file, (users) => {
    if (!users.some((user) => user.name === name)) throw notFound(name, file);
    return users.filter((user) => user.name !== name);
  });
  context.stderr.write(`Removed ${name} from ${file}.\n`);
};
