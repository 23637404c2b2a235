/** Runs one long command quietly: a line that says what, a line that says how long, its output only when it fails. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** @typedef {{ file: string, args: string[], cwd?: string, env?: NodeJS.ProcessEnv }} Command */

/** A command that ended badly; `output` is all it said. */
export class StepFailed extends Error {
  /**
   * @param {string} title
   * @param {string} output
   */
  constructor(title, output) {
    super(`${title} failed`);
    this.output = output;
  }
}

/**
 * @param {string} title
 * @param {Command} command
 * @returns {Promise<string>} what it wrote on standard output
 * @throws {StepFailed} when it cannot start or ends with another code than 0
 */
export async function runStep(title, command) {
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
  const terminal = process.stdout.isTTY;
  process.stdout.write(terminal ? `${title} ...` : `${title} ...\n`);
  const ticker = terminal
    ? setInterval(() => process.stdout.write(`\r${title} ... ${seconds()}`), 1000)
    : undefined;
  try {
    const result = await capture(command);
    process.stdout.write(terminal ? `\r${title} ... ${seconds()}\n` : `  done in ${seconds()}\n`);
    return result;
  } catch (error) {
    process.stdout.write(terminal ? '\n' : '');
    throw new StepFailed(title, error instanceof Error ? error.message : String(error));
  } finally {
    clearInterval(ticker);
  }
}

/**
 * @param {Command} command
 * @returns {Promise<string>}
 */
export function capture(command) {
  return new Promise((resolve, reject) => {
    const child = spawn(command.file, command.args, {
      cwd: command.cwd,
      env: command.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32' && command.file === 'npm',
    });
    let stdout = '';
    let all = '';
    child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      stdout += text;
      all += text;
    });
    child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      all += text;
    });
    child.on('error', (error) => reject(new Error(`${command.file}: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${all}\n${command.file} ended with ${signal ?? `code ${code ?? 'unknown'}`}`));
    });
  });
}

/**
 * @param {unknown} error
 * @returns {string} why a step failed, with all its output
 */
export function describe(error) {
  return error instanceof StepFailed
    ? `${error.output}\n\n${error.message}, see above.\n`
    : `${String(error)}\n`;
}

/**
 * Prints why a step failed and ends the process. For the top of a script.
 * @param {unknown} error
 * @returns {never}
 */
export function endWith(error) {
  process.stderr.write(describe(error));
  process.exit(1);
}

/**
 * Lets one process at a time work in this checkout. The lock of a process that is gone counts for nothing.
 * @param {string} path
 * @param {() => Promise<void>} work
 */
export async function withLock(path, work) {
  const deadline = Date.now() + 15 * 60_000;
  mkdirSync(dirname(path), { recursive: true });
  while (!take(path)) {
    if (Date.now() > deadline) throw new Error(`Another process holds ${path}: end it or delete the file.`);
    await sleep(200);
  }
  try {
    await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** @param {string} path */
function take(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
  }
  if (!holderAlive(path)) rmSync(path, { force: true });
  return false;
}

/** @param {string} path */
function holderAlive(path) {
  try {
    process.kill(Number(readFileSync(path, 'utf8')), 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}
