import { Worker } from 'node:worker_threads';

/**
 * Runs a thread that hashes a file, until it has told its result or the signal aborts.
 * @param read what a message means: the result, or undefined where more is to come; it throws what the thread says failed
 * @throws what `read` throws, or the signal's reason
 */
export const inHashingThread = <Result>(
  module: URL,
  workerData: unknown,
  signal: AbortSignal,
  read: (message: unknown) => Result | undefined,
): Promise<Result> =>
  new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const worker = new Worker(module, { workerData, execArgv: [] });
    const onAbort = (): void => {
      void worker.terminate();
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    worker.on('message', (message: unknown) => {
      try {
        const result = read(message);
        if (result !== undefined) resolve(result);
      } catch (error) {
        reject(error);
      }
    });
    worker.once('error', reject);
    worker.once('exit', (code) => {
      signal.removeEventListener('abort', onAbort);
      // Does nothing when the result came first.
      reject(new Error(`The hashing thread ended with code ${code}.`));
    });
  });
