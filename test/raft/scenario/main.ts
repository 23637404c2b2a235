import { readFile } from 'node:fs/promises';
import { makeRawNode } from './core.ts';
import { runScenario, type ScenarioResult } from './run-scenario.ts';

/*
 * npm run raft:scenario -- FILE…
 * One line of JSON per file. Ends with 1 when one fails, 2 when there is nothing to run.
 */

const readAndRun = async (file: string): Promise<ScenarioResult> => {
  try {
    return runScenario(await readFile(file, 'utf8'), makeRawNode);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { name: null, ok: false, failedStep: null, message, final: {} };
  }
};

const main = async (): Promise<void> => {
  const files = process.argv.slice(2);
  if (files.length === 0) {
    process.stderr.write('Usage: npm run raft:scenario -- FILE…\n');
    process.exitCode = 2;
    return;
  }
  for (const file of files) {
    const result = await readAndRun(file);
    process.stdout.write(`${JSON.stringify({ file, ...result })}\n`);
    if (!result.ok) process.exitCode = 1;
  }
};

await main();
