import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { until } from './test-engine.fixture.ts';

/** A small agent: loads the model, says who its runner is, and waits. */
const program = `
  import { createTestEngine, tinyModel } from ${JSON.stringify(new URL('./test-engine.fixture.ts', import.meta.url).href)};
  const engine = createTestEngine();
  await engine.load(tinyModel(), new AbortController().signal);
  console.log(engine.pids[0]);
  setInterval(() => undefined, 1000);
`;

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('a runner ends when its agent is killed', async () => {
  const agent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: agent.stdout }), 'line')) as [string];
  const runner = Number(line);
  expect(alive(runner)).toBe(true);
  agent.kill('SIGKILL');
  await once(agent, 'exit');
  await until('the runner has ended', () => !alive(runner));
  expect(alive(runner)).toBe(false);
});
