import { fileURLToPath } from 'node:url';
import { until } from '../../cluster/kubernetes/until.ts';
import { start } from '../../harness/cli.ts';

const program = fileURLToPath(new URL('../../../operator/src/main.ts', import.meta.url));

export interface OperatorOptions {
  /** Path of the kubeconfig with which it works. */
  readonly kubeconfig: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Do not wait until it is up: it will end before. */
  readonly doomed?: boolean;
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** An operator as a process of its own. */
export interface OperatorProcess {
  /** Where `/metrics`, `/healthz` and `/readyz` are. */
  readonly url: string;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  signal(signal: NodeJS.Signals): void;
  /** What it has said so far. */
  text(): string;
  /** The lines of its log so far. */
  log(): readonly LogLine[];
  /** Asks it to end. @throws when it does not end with code 0 */
  stop(): Promise<void>;
  /** Ends it as a power cut does; nothing when it has ended. */
  kill(): Promise<void>;
}

/** The image that it gives to agents. */
export const agentImage = 'registry.example/agent:1';

let serial = 0;

export const startOperator = async (options: OperatorOptions): Promise<OperatorProcess> => {
  serial += 1;
  const running = start(process.execPath, [program], {
    input: '',
    env: {
      KUBECONFIG: options.kubeconfig,
      POD_NAME: `operator-${serial}`,
      POD_NAMESPACE: 'default',
      METRICS_LISTEN: '127.0.0.1:0',
      AGENT_IMAGE: agentImage,
      LEADER_ELECTION: 'false',
      LOG_LEVEL: 'debug',
      ...options.env,
    },
  });
  let state: 'running' | 'ended' = 'running';
  void running.ended.then(() => (state = 'ended'));
  const hasEnded = (): boolean => state === 'ended';
  const log = (): readonly LogLine[] =>
    running
      .stderr()
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogLine);
  const port = (): unknown => log().find(({ message }) => message === 'Operator is up')?.metricsPort;
  const kill = async (): Promise<void> => {
    running.signal('SIGKILL');
    await running.ended;
  };
  if (options.doomed !== true) {
    try {
      await until('the operator is up', () => hasEnded() || port() !== undefined);
    } catch (error) {
      await kill();
      throw error;
    }
    if (hasEnded()) throw new Error(`the operator has ended: ${running.stderr().slice(-2000)}`);
  }
  return {
    url: `http://127.0.0.1:${String(port())}`,
    ended: running.ended,
    signal: (signal) => running.signal(signal),
    text: running.stderr,
    log,
    kill,
    stop: async () => {
      running.signal('SIGTERM');
      const code = await running.ended;
      if (code !== 0) throw new Error(`the operator ended with ${code}: ${running.stderr().slice(-2000)}`);
    },
  };
};
