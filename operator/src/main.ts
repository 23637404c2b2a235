import { version } from '@ollamamax/api';
import { createLogger } from '@ollamamax/common';
import { inClusterConnection, kubeconfigConnection, type KubeConnection } from './kube/index.ts';
import { createOperator } from './operator.ts';
import { createFailpoints } from './runtime/index.ts';
import { readSettings, SettingsError, type OperatorSettings } from './settings.ts';

const requiredMajor = 24;
const exitCodes = { failed: 1, badSettings: 2, lostLeadership: 4 } as const;

const usage = `ollamamax-operator ${version}

Runs in a pod and is told everything by its environment:
  POD_NAME, POD_NAMESPACE   who it is and where
  WATCH_NAMESPACES          namespaces it looks after, separated by commas; empty: all
  CLUSTER_READS             true: it may read nodes and StorageClasses although it looks after some namespaces only
  AGENT_IMAGE               image of agents whose OllamaCluster names none
  AGENT_IMAGE_PULL_POLICY   Always, IfNotPresent or Never
  LEADER_ELECTION           true (default) or false
  METRICS_LISTEN            metrics and probes, default 0.0.0.0:8080
  CLUSTER_DOMAIN            domain of the cluster's DNS, default cluster.local
  CONCURRENCY               reconciles at a time, default 8
  LOG_LEVEL, LOG_FORMAT     debug, info, warn or error; json or text
  KUBECONFIG                outside of a cluster: path of a kubeconfig
`;

const connect = ({ kubeconfig }: OperatorSettings): Promise<KubeConnection> => {
  if (kubeconfig !== undefined) return kubeconfigConnection({ file: kubeconfig });
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  if (host === undefined || port === undefined)
    throw new SettingsError([
      'This is no pod of a Kubernetes cluster, and KUBECONFIG is not set: set it to the path of a kubeconfig.',
    ]);
  return inClusterConnection({ host, port });
};

const main = async (): Promise<void> => {
  const [major = '0'] = process.versions.node.split('.');
  if (Number(major) < requiredMajor) {
    process.stderr.write(
      `Error: the operator needs Node ${requiredMajor} or newer; this is ${process.version}.\n`,
    );
    process.exit(exitCodes.failed);
  }
  const [first] = process.argv.slice(2);
  if (first === '--version' || first === '--help') {
    process.stdout.write(first === '--version' ? `${version}\n` : usage);
    return;
  }
  const settings = readSettings(process.env);
  const logger = createLogger({ ...settings.log, stream: process.stderr });
  const operator = createOperator({
    settings,
    connection: await connect(settings),
    logger,
    failpoints: createFailpoints({
      spec: settings.failpoints,
      crash: () => {
        process.kill(process.pid, 'SIGKILL');
        // As the first process of a container it is out of reach of its own signals.
        process.exit(137);
      },
    }),
    onLost: (error) => {
      logger.error('Not the leader any more', { error });
      // At once: nothing may be written after another one has taken over.
      process.exit(exitCodes.lostLeadership);
    },
  });
  let stopping = false;
  const stop = (why: string): void => {
    if (stopping) return;
    stopping = true;
    logger.info('Stopping', { why });
    operator.stop().then(
      async () => {
        await logger.close();
        process.exit(0);
      },
      (error: unknown) => {
        logger.error('Not stopped cleanly', { error });
        process.exit(exitCodes.failed);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('unhandledRejection', (error) => logger.error('Unhandled rejection', { error }));
  const { metricsPort } = await operator.start();
  logger.info('Operator is up', { version, metricsPort, namespaces: settings.watchNamespaces });
};

main().catch((error: unknown) => {
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`Error: ${text}\n`);
  process.exit(error instanceof SettingsError ? exitCodes.badSettings : exitCodes.failed);
});
