import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from '../../cluster/kubernetes/until.ts';
import { BenchRefused } from '../harness/bench.ts';
import { own, pidOf, stopChild } from '../harness/child-process.ts';
import type { Plane } from './plane.ts';

const program = fileURLToPath(new URL('main.ts', import.meta.url));

/** The operator that is measured. */
export interface OperatorProcess {
  readonly pid: number;
  runs(): boolean;
  /** Lines of its log so far: it writes none below info. */
  lines(): readonly string[];
  /** @throws BenchRefused when it has ended, or has told of an error */
  assertSound(): void;
  stop(): Promise<void>;
}

/** Starts one and waits until it is up and leads. */
export const startOperator = async (plane: Plane, signal: AbortSignal): Promise<OperatorProcess> => {
  const { hostname, port } = new URL(plane.control.url);
  const child = own(
    spawn(process.execPath, [program], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        SERVICE_ACCOUNT_DIR: plane.serviceAccountFolder,
        KUBERNETES_SERVICE_HOST: hostname,
        KUBERNETES_SERVICE_PORT: port,
        POD_NAME: 'operator-0',
        POD_NAMESPACE: plane.operatorNamespace,
        METRICS_LISTEN: '127.0.0.1:0',
        // Nothing runs it: the nodes only say that they do.
        AGENT_IMAGE: 'registry.example/agent:1',
        // As the image has them, see Dockerfile.
        MALLOC_ARENA_MAX: '1',
        MALLOC_MMAP_THRESHOLD_: '131072',
        NODE_OPTIONS: '--max-old-space-size=192 --max-semi-space-size=4',
      },
    }),
  );
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
  const runs = (): boolean => child.exitCode === null && child.signalCode === null;
  const assertSound = (): void => {
    if (!runs()) throw new BenchRefused(`the operator has ended: ${lines.slice(-3).join('\n')}`);
    const error = lines.find((line) => line.includes('"level":"error"'));
    if (error !== undefined) throw new BenchRefused(`the operator told of an error: ${error.slice(0, 2000)}`);
  };
  try {
    await once(child, 'spawn', { signal });
    await until('the operator leads', () => {
      assertSound();
      return ['Operator is up', 'Leading'].every((said) => lines.some((line) => line.includes(`"${said}"`)));
    });
  } catch (error) {
    await stopChild(child);
    assertSound();
    throw error;
  }
  return { pid: pidOf(child), runs, lines: () => lines, assertSound, stop: () => stopChild(child) };
};
