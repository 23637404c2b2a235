/** Hands the terminal over to a program that runs on the project's own Node. */
import { spawn } from 'node:child_process';
import { bootstrap, ownNode, ownNodeEnvironment } from './bootstrap.mjs';
import { endWith } from './step.mjs';

/**
 * Makes the checkout ready, then becomes the program: replaces this process where Node can do that, else starts
 * it, passes on signals and ends with its code.
 * @param {string[]} args the file and its arguments
 * @param {{ dashboard?: boolean }} [options]
 */
export async function runOnOwnNode(args, options) {
  await bootstrap(options).catch(endWith);
  const env = ownNodeEnvironment();
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    process.execve(ownNode, [ownNode, ...args], /** @type {Record<string, string>} */ (env));
  }
  const child = spawn(ownNode, args, { stdio: 'inherit', env });
  forwardOnce(child, 'SIGTERM');
  forwardOnce(child, 'SIGINT');
  child.on('error', endWith);
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/**
 * A terminal sends SIGINT to every process in front of it, the child included: passing it on would be a second one.
 * @param {import('node:child_process').ChildProcess} child
 * @param {'SIGINT' | 'SIGTERM'} signal
 */
function forwardOnce(child, signal) {
  let sent = signal === 'SIGINT' && process.stdin.isTTY;
  process.on(signal, () => {
    if (!sent) child.kill(signal);
    sent = true;
  });
}
