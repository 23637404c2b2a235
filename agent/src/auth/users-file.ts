import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiError, UsersDocument, compileValidator, type UserRecord } from '@ollamamax/api';
import {
  acquireFileLock,
  formatYaml,
  parseConfigFile,
  writeFileAtomic,
  type Component,
  type Logger,
} from '@ollamamax/common';
import { FileWatch } from '../file-watch.ts';

const validate = compileValidator(UsersDocument);
const lockTimeoutMs = 5000;
const maxFileBytes = 8 * 1024 * 1024;

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

const invalid = (file: string, lines: readonly string[]): ApiError =>
  new ApiError(
    'config_invalid',
    `The users file ${file} has ${lines.length === 1 ? 'a problem' : 'problems'}: ${lines.join('; ')}.`,
  );

/**
 * Reads the text of a users file.
 * @throws ApiError config_invalid with every problem and its place
 */
export const parseUsers = (text: string, file: string): readonly UserRecord[] => {
  const parsed = parseConfigFile(text, { maxBytes: maxFileBytes });
  const at = (path: string): string => {
    const position = parsed.positionOf(path);
    return position === undefined ? '' : `line ${position.line}: `;
  };
  if (parsed.problems.length > 0)
    throw invalid(
      file,
      parsed.problems.map(({ position, message }) =>
        position === undefined ? message : `line ${position.line}: ${message}`,
      ),
    );
  const checked = validate(parsed.value);
  if (!checked.ok)
    throw invalid(
      file,
      checked.problems.map(({ path, message }) =>
        path.endsWith('passwordHash') && message.startsWith('does not have')
          ? `${at(path)}${path} is not an argon2id hash; set the password with "ollamamax user set"`
          : `${at(path)}${path} ${message}`,
      ),
    );
  const names = new Set<string>();
  const twice = checked.value.users.flatMap(({ name }, index) => {
    if (!names.has(name)) {
      names.add(name);
      return [];
    }
    return [`${at(`users[${index}].name`)}the user ${name} is listed twice`];
  });
  if (twice.length > 0) throw invalid(file, twice);
  return checked.value.users;
};

const readUsersText = async (file: string): Promise<string> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ApiError(
      'config_invalid',
      code === 'ENOENT'
        ? `The users file ${file} does not exist; make it with "ollamamax user add".`
        : `The users file ${file} cannot be read (${code ?? 'unknown error'}).`,
      { cause: error },
    );
  }
};

/** @throws ApiError config_invalid */
export const readUsers = async (file: string): Promise<readonly UserRecord[]> =>
  parseUsers(await readUsersText(file), file);

/**
 * Changes the users file under a lock: read, change, check, replace with permissions 0600. A missing file
 * counts as one without users.
 * @throws ApiError config_invalid when the file, or what `change` makes of it, is not valid; and what `change` throws
 */
export const editUsers = async (
  file: string,
  change: (users: readonly UserRecord[]) => readonly UserRecord[],
): Promise<void> => {
  await mkdir(dirname(file), { recursive: true });
  const deadline = Date.now() + lockTimeoutMs;
  let lock = await acquireFileLock(`${file}.lock`);
  while ('heldBy' in lock) {
    if (Date.now() > deadline)
      throw new ApiError(
        'config_invalid',
        `The users file ${file} is being changed by process ${lock.heldBy.pid}; try again when it has ended.`,
      );
    await delay(50);
    lock = await acquireFileLock(`${file}.lock`);
  }
  try {
    const users = await readUsers(file).catch((error: unknown) => {
      if (((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return [];
      throw error;
    });
    const text = `# Users of OllamaMax. Change them with "ollamamax user".\n${formatYaml({ users: change(users) })}`;
    parseUsers(text, file);
    await writeFileAtomic(file, text, 0o600);
  } finally {
    await lock.release();
  }
};

/**
 * The users of this agent, kept current while the file changes. A file that becomes invalid or disappears
 * changes nothing: the last valid users stay and the log says why.
 */
export class UsersFile implements Component {
  readonly name = 'users-file';
  readonly #file: string;
  readonly #logger: Logger;
  readonly #watch: FileWatch;
  #users: ReadonlyMap<string, UserRecord> = new Map();
  #contentHash = '';
  /** Last content that was refused, so that it is reported once and not with every poll. */
  #refusedHash = '';

  constructor(file: string, options: { readonly logger: Logger; readonly pollMs?: number }) {
    this.#file = file;
    this.#logger = options.logger;
    this.#watch = new FileWatch({
      what: 'The users file',
      files: [file],
      reload: () => this.#reload(),
      ...options,
    });
  }

  /** @throws ApiError config_invalid when the file cannot be used at the start */
  async start(): Promise<void> {
    this.#take(await readUsersText(this.#file));
    this.#watch.start();
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
  }

  /** The user of this name; also a disabled one. */
  find(name: string): UserRecord | undefined {
    return this.#users.get(name);
  }

  list(): readonly UserRecord[] {
    return [...this.#users.values()];
  }

  async #reload(): Promise<void> {
    let hash = 'unreadable';
    try {
      const text = await readUsersText(this.#file);
      hash = hashOf(text);
      if (hash === this.#contentHash || hash === this.#refusedHash) return;
      this.#take(text);
      this.#refusedHash = '';
      this.#logger.info('Users were read again.', { users: this.#users.size });
    } catch (error) {
      if (hash === this.#refusedHash) return;
      this.#refusedHash = hash;
      this.#logger.error('The users file cannot be used; the users stay as they were.', { error });
    }
  }

  #take(text: string): void {
    this.#users = new Map(parseUsers(text, this.#file).map((user) => [user.name, user]));
    this.#contentHash = hashOf(text);
  }
}
