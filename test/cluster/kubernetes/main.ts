/** `npm run cluster -- up [--nodes 3] | down | load IMAGE.tar... | status`: a real Kubernetes on this machine. */
import { statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { clusterFolder, readOwner, removeControlPlanes } from './folders.ts';
import { kubectl } from './kubectl.ts';
import { playInStack } from '../play.ts';
import { NodeCluster } from './node-cluster.ts';

const usage = `Usage: npm run cluster [-- --keep] [-- COMMAND]

Without a command: a real Kubernetes of three nodes on this machine, both images built and loaded, the chart installed by
Helm, the smallest sample applied and chatted with. Then all of it is removed, unless --keep leaves it to play with.

  up [--nodes 3]     starts a cluster, or the nodes that are missing of the one that is up
  down               ends it and removes every trace
  load IMAGE.tar...  loads archives of images, as "docker save" writes them, into all its nodes
  status             says what runs
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    nodes: { type: 'string', default: '3' },
    abandoned: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});
const [command = '', ...files] = positionals;
const cluster = new NodeCluster();
const say = (line: string): void => console.log(line);

try {
  if (command === '') await play(values.keep);
  else if (command === 'up') await up(Number(values.nodes));
  else if (command === 'down') await down(values.abandoned);
  else if (command === 'load' && files.length > 0) await load();
  else if (command === 'status') await status();
  else {
    process.stderr.write(usage);
    process.exitCode = 2;
  }
} catch (error) {
  const cause = error instanceof Error && error.cause instanceof Error ? `\n  ${error.cause.message}` : '';
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}${cause}\n`);
  process.exitCode = 1;
}

async function play(keep: boolean): Promise<void> {
  const started = Date.now();
  await playInStack({
    keep,
    progress: (line) => say(`${((Date.now() - started) / 1000).toFixed(1).padStart(5)} s  ${line}`),
    say,
  });
}

async function up(nodes: number): Promise<void> {
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > 9)
    throw new Error('--nodes takes a number from 1 to 9');
  const started = Date.now();
  const progress = (line: string) =>
    say(`${((Date.now() - started) / 1000).toFixed(1).padStart(5)} s  ${line}`);
  await cluster.start({ nodes, owner: 'kept', progress });
  progress(`${cluster.nodes.length} nodes are up`);
  say(`KUBECONFIG=${cluster.kubeconfig}`);
}

async function down(abandoned: boolean): Promise<void> {
  if (abandoned) await cluster.stopUnlessTaken();
  else await cluster.stop();
  // Those of living tests are theirs to end.
  await removeControlPlanes();
}

async function load(): Promise<void> {
  for (const file of files) statSync(file);
  mustBeUp();
  for (const file of files) {
    await Promise.all(cluster.nodes.filter((node) => node.running).map((node) => node.loadImage(file)));
    say(`${file} is loaded`);
  }
}

async function status(): Promise<void> {
  mustBeUp();
  const owner = readOwner(clusterFolder);
  if (owner !== undefined && owner !== 'kept') say(`In use by process ${owner.pid}`);
  say(`Running: ${cluster.controlPlane.daemons.names().join(', ')}`);
  say((await kubectl(cluster.kubeconfig, ['get', 'nodes', '-o', 'wide'])).trimEnd());
  say(`KUBECONFIG=${cluster.kubeconfig}`);
}

function mustBeUp(): void {
  if (!cluster.up) throw new Error('No cluster is up: npm run cluster -- up');
}
