import { addresses, nodeAddress, nodeCable } from './addresses.ts';
import { attempt, run } from './run.ts';

/** A table of our own: removing it removes all our rules. */
const table = 'ollamamax_test_cluster';

interface Link {
  readonly ifname: string;
}

interface Route {
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
}

async function ipJson<T>(args: readonly string[]): Promise<readonly T[]> {
  return JSON.parse((await run('ip', ['-json', ...args])) || '[]') as T[];
}

/** Makes the bridge that stands for the network between the machines. @throws when its addresses are in use */
export async function createBridge(): Promise<void> {
  const { bridge, controlPlane, nodes, pods, services } = addresses;
  const taken = (await ipJson<Route>(['-4', 'route', 'show'])).find(
    ({ dst, dev }) => [nodes, pods, services].includes(dst as typeof nodes) && dev !== bridge,
  );
  if (taken !== undefined) {
    throw new Error(`${taken.dst} is in use on this machine by ${taken.dev ?? 'another network'}`);
  }
  await run('ip', ['link', 'add', bridge, 'type', 'bridge']);
  await run('ip', ['addr', 'add', `${controlPlane}/24`, 'dev', bridge]);
  await run('ip', ['link', 'set', bridge, 'up']);
  // A Docker on this machine lets nothing be forwarded that is not its own, not even within a bridge.
  for (const rule of forwarding()) await run('iptables', ['-w', '-I', ...rule]);
}

const forwarding = () => [
  ['FORWARD', '-i', addresses.bridge, '-j', 'ACCEPT'],
  ['FORWARD', '-o', addresses.bridge, '-j', 'ACCEPT'],
];

/** Removes the bridge, all cables, routes and rules. What is not there is fine. */
export async function removeNetwork(): Promise<void> {
  await unblockApiServer();
  for (const rule of forwarding()) while (await attempt('iptables', ['-w', '-D', ...rule]));
  const links = await ipJson<Link>(['link', 'show']);
  // A cable is listed as NAME@PEER only in the text form.
  const ours = links.filter(({ ifname }) => ifname === addresses.bridge || /^ollamamax-n\d+$/.test(ifname));
  for (const { ifname } of ours) await attempt('ip', ['link', 'del', ifname]);
}

/** Lays a cable from the bridge to the network namespace of a process, where it ends as eth0. */
export async function connect(node: number, pid: number): Promise<void> {
  await disconnect(node);
  const cable = nodeCable(node);
  await run('ip', ['link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)]);
  await run('ip', ['link', 'set', cable, 'master', addresses.bridge, 'up']);
}

export async function disconnect(node: number): Promise<void> {
  await attempt('ip', ['link', 'del', nodeCable(node)]);
}

/** Pulls the cable of a node out of the bridge, or plugs it in again. */
export async function setPlugged(node: number, plugged: boolean): Promise<void> {
  await run('ip', ['link', 'set', nodeCable(node), plugged ? 'up' : 'down']);
}

/** How this machine gets to pods and services, so that tests reach them directly. */
export async function routeToPods(podRange: string, node: number): Promise<void> {
  await run('ip', ['route', 'replace', podRange, 'via', nodeAddress(node), 'dev', addresses.bridge]);
}

/** Services are reached by way of one node's proxy, which any of them can be. */
export async function routeToServices(node: number): Promise<void> {
  const { services, bridge } = addresses;
  await run('ip', ['route', 'replace', services, 'via', nodeAddress(node), 'dev', bridge]);
}

/**
 * Lets no packet through to the API server, on open connections neither.
 * @param source address or range that is cut off; all without, this machine included
 */
export async function blockApiServer(port: number, source?: string): Promise<void> {
  await unblockApiServer();
  const from = source === undefined ? '' : `ip saddr ${source}`;
  const rule = `ip daddr ${addresses.controlPlane} tcp dport ${port} ${from} drop`;
  const chain = `chain input {\n type filter hook input priority -10;\n ${rule};\n}`;
  await run('nft', ['-f', '-'], { stdin: `table ip ${table} {\n${chain}\n}\n` });
}

export async function unblockApiServer(): Promise<void> {
  await attempt('nft', ['delete', 'table', 'ip', table]);
}
