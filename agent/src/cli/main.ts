import type { CliContext } from './context.ts';
import { runCli } from './program.ts';

const signals = ['SIGINT', 'SIGTERM'] as const;

const context: CliContext = {
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  onSignal: (listener) => {
    const handlers = signals.map((signal) => [signal, () => listener(signal)] as const);
    for (const [signal, handler] of handlers) process.on(signal, handler);
    return () => {
      for (const [signal, handler] of handlers) process.off(signal, handler);
    };
  },
  replaceProcess: (file, args, env) => {
    if (process.execve === undefined) throw new Error('This system cannot replace a process.');
    return process.execve(process.execPath, [process.execPath, file, ...args], env);
  },
};

// A reader that closes early, such as "head", is no defect of ours.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });

process.exitCode = await runCli(process.argv.slice(2), context);
