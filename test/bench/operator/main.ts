import { createLogger } from '@ollamamax/common';
import { inClusterConnection } from '../../../operator/src/kube/index.ts';
import { createOperator } from '../../../operator/src/operator.ts';
import { createFailpoints } from '../../../operator/src/runtime/index.ts';
import { readSettings } from '../../../operator/src/settings.ts';

/*
 * The operator as it is in a pod, with its service account in SERVICE_ACCOUNT_DIR: with a kubeconfig it would load a
 * library of 90 MB that no pod has. Otherwise as operator/src/main.ts.
 */

const main = async (): Promise<void> => {
  const {
    SERVICE_ACCOUNT_DIR: directory,
    KUBERNETES_SERVICE_HOST: host,
    KUBERNETES_SERVICE_PORT: port,
  } = process.env;
  if (directory === undefined || host === undefined || port === undefined)
    throw new Error('SERVICE_ACCOUNT_DIR, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be set');
  const settings = readSettings(process.env);
  const logger = createLogger({ ...settings.log, stream: process.stderr });
  const operator = createOperator({
    settings,
    connection: await inClusterConnection({ host, port, directory }),
    logger,
    failpoints: createFailpoints({ spec: '', crash: () => undefined }),
    onLost: (error) => {
      logger.error('Not the leader any more', { error });
      process.exit(1);
    },
  });
  process.on('SIGTERM', () => {
    operator.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  await operator.start();
  logger.info('Operator is up');
};

await main();
