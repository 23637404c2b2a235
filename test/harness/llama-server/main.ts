import { llamaServerProgram } from '../../bench/inference/llama-server-program.ts';

/** Prints the folder with llama-server in it, or why there is none. */
const progress = (text: string): void => void process.stderr.write(`${text}\n`);

try {
  const { folder } = await llamaServerProgram(progress, new AbortController().signal);
  process.stdout.write(`${folder}\n`);
} catch (error) {
  const words = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${words.replaceAll('\n', ' ')}\n`);
  process.exitCode = 1;
}
