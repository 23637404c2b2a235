/**
 * Makes and removes the volumes of the StorageClass `standard`: each is a folder of the node that the scheduler
 * chose. `node main.ts KUBECONFIG CLUSTER-FOLDER`; ends when the kubeconfig is gone.
 */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../api-client.ts';
import { provisionOnce } from './provision.ts';

const [kubeconfig, folder] = process.argv.slice(2);
if (kubeconfig === undefined || folder === undefined)
  throw new Error('Usage: main.ts KUBECONFIG CLUSTER-FOLDER');

const everyMs = 300;
const longestPauseMs = 5000;
const client = new ApiClient(kubeconfig);
let pauseMs = everyMs;
while (existsSync(kubeconfig)) {
  try {
    for (const line of await provisionOnce(client, folder)) console.log(line);
    pauseMs = everyMs;
  } catch (error) {
    // The API server may be away for a while, as a part of a test.
    console.error(String(error));
    pauseMs = Math.min(2 * pauseMs, longestPauseMs);
  }
  await sleep(pauseMs);
}
client.close();
