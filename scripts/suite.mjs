/** Runs one Jest project in a process group of its own and says what came of it, whatever happened to it. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ownNode, ownNodeEnvironment, root } from './bootstrap.mjs';
import { jestArguments } from './jest-arguments.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} SuiteReport */
/** @typedef {SuiteReport & { remark?: string }} SuiteResult */

const suiteDeadlineMs = 25 * 60_000;
/** How long Jest may take to end after its last test. What keeps it longer is a handle that a test left open. */
const endingDeadlineMs = 30_000;
/** Jest ends with 1 when a test failed, which its report says better. */
const testsFailed = 'ended with failures';

/**
 * @param {{ project: string, options: string[], env: NodeJS.ProcessEnv, onStart: (group: number) => void }} suite
 * @returns {Promise<SuiteResult>}
 */
export async function runSuite({ project, options, env, onStart }) {
  const path = join(root, '.cache', 'test', `${project}-${process.pid}.json`);
  mkdirSync(join(root, '.cache', 'test'), { recursive: true });
  rmSync(path, { force: true });
  const args = jestArguments(
    [project],
    ['--reporters=default', `--reporters=${join(root, 'test/reporter/closing-line.mjs')}`, ...options],
  );
  const ending = await run(args, { ...ownNodeEnvironment(), ...env, OLLAMAMAX_REPORT: path }, path, onStart);
  const report = readReport(path);
  rmSync(path, { force: true });
  if (report === undefined)
    return { passed: 0, failed: 1, skipped: 0, remark: ending ?? 'ended without a report' };
  const unexplained = ending !== undefined && (report.failed === 0 || ending !== testsFailed);
  return {
    ...report,
    failed: report.failed + (unexplained ? 1 : 0),
    ...(ending === undefined || ending === testsFailed ? {} : { remark: ending }),
  };
}

/**
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {string} reportPath
 * @param {(group: number) => void} onStart
 * @returns {Promise<string | undefined>} what was wrong with how it ended
 */
function run(args, env, reportPath, onStart) {
  return new Promise((resolve) => {
    const child = spawn(ownNode, args, {
      cwd: root,
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    const group = child.pid;
    const started = Date.now();
    let reportedAt = 0;
    /** @type {string | undefined} */
    let reason;
    const kill = (/** @type {string} */ why) => {
      reason = why;
      if (group !== undefined) killGroup(group);
    };
    const watch = setInterval(() => {
      const now = Date.now();
      if (reportedAt === 0 && existsSync(reportPath)) reportedAt = now;
      if (reportedAt > 0 && now - reportedAt > endingDeadlineMs) {
        kill('did not end after its last test: a test left a handle open (find it with --detectOpenHandles)');
      } else if (now - started > suiteDeadlineMs)
        kill(`took longer than ${suiteDeadlineMs / 60_000} minutes`);
    }, 500);
    if (group !== undefined) onStart(group);
    const end = (/** @type {string | undefined} */ how) => {
      clearInterval(watch);
      // Whatever a test started and forgot goes with it.
      if (group !== undefined) killGroup(group);
      resolve(reason ?? how);
    };
    child.on('error', (error) => end(`could not start: ${error.message}`));
    child.on('exit', (code, signal) => {
      if (code === 0) end(undefined);
      else end(signal === null ? describeCode(code) : `was ended by ${signal}`);
    });
  });
}

/** @param {number | null} code */
function describeCode(code) {
  return code === 1 ? testsFailed : `ended with code ${code ?? 'unknown'}`;
}

/** @param {number} group */
export function killGroup(group) {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}

/**
 * @param {string} path
 * @returns {SuiteReport | undefined}
 */
function readReport(path) {
  if (!existsSync(path)) return undefined;
  return /** @type {SuiteReport} */ (JSON.parse(readFileSync(path, 'utf8')));
}
