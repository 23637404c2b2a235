/**
 * `npm test`: everything. Ends with what was left out and why, and with `N passed, N failed` alone on the last line.
 * With CI=true (or OLLAMAMAX_TEST_ALL=1) nothing may be left out: a tool that is missing is a failure.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, ownNode, ownNodeEnvironment, root } from './bootstrap.mjs';
import { tools } from './machine.mjs';
import { staticChecks } from './static-checks.mjs';
import { describe } from './step.mjs';
import { killGroup, runSuite } from './suite.mjs';

/**
 * @typedef {{ name: string, project: string, folder?: string, only?: string, without?: string,
 *   needs?: import('./machine.mjs').ToolName, serial?: boolean }} Suite
 * A Jest project or a part of one (`only`, `without`: patterns of file paths) with the tool it needs.
 */

const python = '/test/clients/python';
const command = '/test/clients/command';
const oracle = '/test/contract/ollama-oracle';
const llamaServer = '/test/contract/llama-server-oracle';
const schemathesis = '/test/contract/schemathesis';
const controlPlane = '/test/cluster/kubernetes/';
const nativeAddon = '/agent/src/inference/runner/native-(addon|grammar|speculation)';
const vision = '/test/integration/vision/';
const raftProcesses = '/test/raft/processes/';
/** @type {Suite[]} */
const suites = [
  { name: 'unit', project: 'unit', without: nativeAddon },
  { name: 'unit, own native addon', project: 'unit', only: nativeAddon, needs: 'nativeAddon' },
  { name: 'conventions', project: 'conventions' },
  { name: 'raft', project: 'raft', without: raftProcesses },
  { name: 'raft, judged by Porcupine', project: 'raft', only: raftProcesses, needs: 'go', serial: true },
  { name: 'contract', project: 'contract', without: `${oracle}|${llamaServer}|${schemathesis}` },
  { name: 'contract, beside Ollama', project: 'contract', only: oracle, needs: 'ollama' },
  { name: 'contract, beside llama-server', project: 'contract', only: llamaServer, needs: 'llamaServer' },
  {
    name: 'contract, every route fuzzed',
    project: 'contract',
    only: schemathesis,
    needs: 'schemathesis',
    serial: true,
  },
  { name: 'integration', project: 'integration', without: vision, serial: true },
  {
    name: 'integration, llama-server',
    project: 'integration',
    only: vision,
    needs: 'llamaServer',
    serial: true,
  },
  { name: 'e2e', project: 'e2e', serial: true },
  { name: 'clients', project: 'clients', without: `${python}|${command}`, serial: true },
  { name: 'clients, Python', project: 'clients', only: python, needs: 'python', serial: true },
  { name: 'clients, ollama command', project: 'clients', only: command, needs: 'ollama', serial: true },
  { name: 'browser', project: 'browser', needs: 'chromium', serial: true },
  { name: 'chart', project: 'chart', needs: 'helm' },
  { name: 'operator', project: 'operator', needs: 'controlPlane', serial: true },
  { name: 'operator, contract', project: 'operator-contract', needs: 'controlPlane', serial: true },
  { name: 'container', project: 'container', needs: 'docker', serial: true },
  {
    name: 'cluster, control plane',
    project: 'cluster',
    only: controlPlane,
    needs: 'controlPlane',
    serial: true,
  },
  { name: 'cluster', project: 'cluster', without: controlPlane, needs: 'kubernetes', serial: true },
];

const nothingLeftOut = process.env.CI === 'true' || process.env.OLLAMAMAX_TEST_ALL === '1';
/** @type {{ name: string, passed: number, failed: number, remark: string }[]} */
const results = [];
/** @type {(() => void | Promise<void>)[]} */
const cleanUp = [];

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => {
    void stopAll().then(() => process.exit(130));
  });
}

await bootstrap({ dashboard: false }).catch((/** @type {unknown} */ error) => {
  process.stderr.write(describe(error));
  process.stdout.write('0 passed, 1 failed\n');
  process.exit(1);
});
await buildDashboard();
for (const check of staticChecks({ cached: false })) {
  heading(check.name);
  const { status } = spawnSync(ownNode, check.args, {
    cwd: root,
    stdio: 'inherit',
    env: ownNodeEnvironment(),
  });
  results.push({ name: check.name, passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, remark: '' });
}
for (const suite of suites) {
  if (hasTests(suite)) results.push({ name: suite.name, ...(await runWithTool(suite)) });
}
await stopAll();
summarize();

async function buildDashboard() {
  heading('dashboard');
  const error = await bootstrap().then(() => undefined, describe);
  if (error !== undefined) process.stdout.write(error);
  results.push({ name: 'dashboard', passed: error ? 0 : 1, failed: error ? 1 : 0, remark: '' });
}

/** @param {string} title */
function heading(title) {
  process.stdout.write(`\n== ${title} ==\n`);
}

/** @param {Suite} suite */
function hasTests(suite) {
  if (suite.project === 'unit') return true;
  const folder = join(root, 'test', suite.project);
  if (!existsSync(folder)) return false;
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => join('/test', suite.project, path))
    .filter((path) => path.endsWith('.test.ts'))
    .filter((path) => suite.only === undefined || new RegExp(suite.only).test(path))
    .some((path) => suite.without === undefined || !new RegExp(suite.without).test(path));
}

/** @param {Suite} suite */
async function runWithTool(suite) {
  heading(suite.name);
  const tool = suite.needs === undefined ? { env: {} } : await findTool(suite.needs);
  if ('missing' in tool) {
    process.stdout.write(`left out: ${tool.missing}\n`);
    return { passed: 0, failed: nothingLeftOut ? 1 : 0, remark: `left out: ${tool.missing}` };
  }
  if (tool.stop !== undefined) cleanUp.push(tool.stop);
  const { passed, failed, skipped, remark } = await runSuite({
    project: suite.project,
    options: [
      '--passWithNoTests',
      ...(nothingLeftOut ? ['--ci'] : []),
      ...(suite.serial === true ? ['--runInBand'] : []),
      ...(suite.only === undefined ? [] : [`--testPathPatterns=${suite.only}`]),
      ...(suite.without === undefined ? [] : [`--testPathIgnorePatterns=${suite.without}`]),
    ],
    env: tool.env,
    onStart: (group) => cleanUp.push(() => killGroup(group)),
  });
  const skippedCounts = nothingLeftOut && skipped > 0;
  return {
    passed,
    failed: failed + (skippedCounts ? skipped : 0),
    remark: [remark, skipped > 0 ? `${skipped} skipped by the tests themselves` : undefined]
      .filter((text) => text !== undefined)
      .join('; '),
  };
}

/**
 * @param {import('./machine.mjs').ToolName} name
 * @returns {Promise<import('./machine.mjs').Tool | import('./machine.mjs').Missing>}
 */
async function findTool(name) {
  try {
    return await tools[name]();
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

async function stopAll() {
  for (const stop of cleanUp.splice(0).reverse()) await stop();
}

function summarize() {
  heading('summary');
  for (const { name, passed, failed, remark } of results) {
    const counts = passed + failed === 0 ? '' : `${passed} passed, ${failed} failed`;
    process.stdout.write(
      `  ${name.padEnd(26)}${[counts, remark].filter((text) => text !== '').join('; ')}\n`,
    );
  }
  const leftOut = results.filter(({ remark }) => remark.startsWith('left out')).map(({ name }) => name);
  process.stdout.write(
    leftOut.length === 0
      ? '\nNothing was left out.\n'
      : `\nLeft out, for the reasons above: ${leftOut.join('; ')}.\n`,
  );
  const sum = (/** @type {'passed' | 'failed'} */ key) =>
    results.reduce((total, result) => total + result[key], 0);
  process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed\n`);
  process.exitCode = sum('failed') === 0 ? 0 : 1;
}
