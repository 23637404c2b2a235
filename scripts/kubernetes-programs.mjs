/**
 * The programs of a real Kubernetes for the cluster suite: from ~/.cache/ollamamax/kubernetes, or packed ones from
 * $OLLAMAMAX_PREBUILT_DIR (NAME.zst beside SHA256SUMS), or built from the Go modules in test/cluster/kubernetes/tools.
 * Run as a program with names (all, kwok, skipper, traefik) it gets those and prints their folders.
 */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { bootstrap, ownNode, ownNodeEnvironment, root } from './bootstrap.mjs';
import { findProgram, isProgram } from './program.mjs';
import { capture, endWith, runStep, withLock } from './step.mjs';

/**
 * @typedef {'all' | 'kwok' | 'skipper' | 'traefik'} GroupName
 * @typedef {{ packages: string[], programs: string[], links?: Record<string, string[]>, minutes: number }} Group
 */

export const cache = join(homedir(), '.cache', 'ollamamax', 'kubernetes');
const modules = join(root, 'test', 'cluster', 'kubernetes', 'tools');

/** @type {Record<GroupName, Group>} */
const groups = {
  all: {
    packages: ['./kube-all', './etcd', './coredns', 'helm.sh/helm/v3/cmd/helm'],
    programs: ['kube-all', 'etcd', 'coredns', 'helm'],
    // One program that acts as the one by whose name it is called: they share most of their code.
    links: {
      'kube-all': [
        'kube-apiserver',
        'kube-controller-manager',
        'kube-scheduler',
        'kube-proxy',
        'kubelet',
        'kubectl',
      ],
    },
    minutes: 8,
  },
  kwok: { packages: ['sigs.k8s.io/kwok/cmd/kwok'], programs: ['kwok'], minutes: 2 },
  skipper: { packages: ['github.com/zalando/skipper/cmd/skipper'], programs: ['skipper'], minutes: 2 },
  traefik: { packages: ['github.com/traefik/traefik/v3/cmd/traefik'], programs: ['traefik'], minutes: 6 },
};

/** What nodes need of Debian: a file by which to tell that it is there, and its package. */
const debian = [
  { name: 'containerd', package: 'containerd' },
  { name: 'runc', package: 'runc' },
  { file: '/usr/lib/cni/bridge', package: 'containernetworking-plugins' },
  { name: 'iptables', package: 'iptables' },
  { name: 'nft', package: 'nftables' },
  { name: 'conntrack', package: 'conntrack' },
  { name: 'ip', package: 'iproute2' },
  { name: 'socat', package: 'socat' },
  { name: 'ethtool', package: 'ethtool' },
  { name: 'modprobe', package: 'kmod' },
  { name: 'sysctl', package: 'procps' },
  { name: 'nsenter', package: 'util-linux' },
  { name: 'tar', package: 'tar' },
  // Of the tests beside them, for a file system of their own.
  { name: 'mkfs.ext4', package: 'e2fsprogs' },
  { name: 'fsfreeze', package: 'util-linux' },
];

/** Programs that administer a machine are often not on the PATH of a plain user. */
export const administrationPath = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;

/**
 * @param {GroupName} name
 * @returns {Promise<string>} the folder that holds the programs of this group
 * @throws with one sentence on what is missing when they can neither be found nor built
 */
export async function kubernetesPrograms(name) {
  const group = groups[name];
  const folder = join(cache, `${name}-${key(name)}`);
  if (complete(folder, group)) return folder;
  mkdirSync(cache, { recursive: true });
  await withLock(join(cache, `${name}.lock`), async () => {
    if (complete(folder, group)) return;
    const partial = `${folder}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial);
    if (!(await unpack(name, group, partial))) await build(name, group, partial);
    for (const [program, links] of Object.entries(group.links ?? {})) {
      for (const link of links) symlinkSync(program, join(partial, link));
    }
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
  });
  return folder;
}

/** @returns {Promise<import('./machine.mjs').Tool | import('./machine.mjs').Missing>} a control plane without nodes */
export async function controlPlaneTool() {
  const missing = missingForControlPlane();
  if (missing !== undefined) return { missing };
  await kubernetesPrograms('all');
  return { env: {}, stop: removeAbandoned };
}

/** @returns {Promise<import('./machine.mjs').Tool | import('./machine.mjs').Missing>} a cluster with nodes */
export async function kubernetesTool() {
  const missing = missingForNodes();
  if (missing !== undefined) return { missing };
  await kubernetesPrograms('all');
  return { env: {}, stop: removeAbandoned };
}

/** @returns {string | undefined} one sentence on why no control plane can run here */
export function missingForControlPlane() {
  if (process.platform !== 'linux') return 'Kubernetes runs on Linux only';
  return findProgram('openssl') === undefined ? 'no openssl: apt-get install openssl' : undefined;
}

/** @returns {string | undefined} one sentence on why no node can run here */
export function missingForNodes() {
  const missing = missingForControlPlane();
  if (missing !== undefined) return missing;
  const folders = administrationPath.split(':');
  const absent = debian
    .filter(({ name, file }) =>
      file === undefined ? !folders.some((folder) => isProgram(join(folder, name))) : !existsSync(file),
    )
    .map((one) => one.package);
  if (!staticBusybox()) absent.push('busybox-static');
  if (absent.length > 0) {
    return `nodes of Kubernetes need packages: apt-get install --no-install-recommends ${absent.join(' ')}`;
  }
  return process.getuid?.() === 0 ? undefined : 'only root can make nodes of Kubernetes';
}

/** The busybox in images runs without libraries: it has no program interpreter. */
function staticBusybox() {
  return isProgram('/bin/busybox') && !readFileSync('/bin/busybox').subarray(0, 4096).includes('ld-linux');
}

/** Ends what a run of tests that was killed has left behind. */
async function removeAbandoned() {
  const main = join(root, 'test', 'cluster', 'kubernetes', 'main.ts');
  try {
    await capture({ file: ownNode, args: [main, 'down', '--abandoned'], env: ownNodeEnvironment() });
  } catch (error) {
    process.stderr.write(`A cluster of the tests may be left: npm run cluster -- down\n${String(error)}\n`);
  }
}

/** @param {GroupName} name */
function key(name) {
  const sum = readFileSync(join(modules, name, 'go.sum'));
  return createHash('sha256').update(sum).digest('hex').slice(0, 16);
}

/**
 * @param {string} folder
 * @param {Group} group
 */
function complete(folder, group) {
  return group.programs.every((program) => isProgram(join(folder, program)));
}

/**
 * @param {GroupName} name
 * @param {Group} group
 * @param {string} folder
 * @returns {Promise<boolean>} whether there were packed ones
 */
async function unpack(name, group, folder) {
  const packed = process.env.OLLAMAMAX_PREBUILT_DIR;
  if (packed === undefined) return false;
  if (!group.programs.every((program) => existsSync(join(packed, `${program}.zst`)))) return false;
  const zstd = findProgram('zstd');
  if (zstd === undefined)
    throw new Error('no zstd to unpack the programs of Kubernetes: apt-get install zstd');
  const sums = readFileSync(join(packed, 'SHA256SUMS'), 'utf8');
  const targets = group.programs.map((program) => join(folder, program));
  await runStep(`Unpacking the programs of Kubernetes (${name})`, {
    file: zstd,
    args: [
      '-dqf',
      ...group.programs.map((program) => join(packed, `${program}.zst`)),
      '--output-dir-flat',
      folder,
    ],
  });
  for (const target of targets) {
    const program = basename(target);
    const wanted = new RegExp(`^([0-9a-f]{64}) [ *]${program}$`, 'm').exec(sums)?.[1];
    const found = createHash('sha256').update(readFileSync(target)).digest('hex');
    if (found !== wanted) {
      throw new Error(
        `${packed}/${program}.zst is damaged: its content has SHA-256 ${found}, not ${wanted ?? 'named'}.`,
      );
    }
    chmodSync(target, 0o755);
  }
  return true;
}

/**
 * @param {GroupName} name
 * @param {Group} group
 * @param {string} folder
 */
async function build(name, group, folder) {
  const go = findProgram('go');
  if (go === undefined) {
    throw new Error('no programs of Kubernetes and no Go to build them: install Go 1.26 or newer');
  }
  await runStep(`Building ${name} of Kubernetes from Go modules (about ${group.minutes} minutes)`, {
    file: go,
    args: [
      'build',
      '-p=2',
      '-trimpath',
      `-ldflags=${linkerFlags(name)}`,
      '-o',
      `${folder}/`,
      ...group.packages,
    ],
    cwd: join(modules, name),
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' },
  });
}

/**
 * The versions that release builds write into the programs; without them the parts take each other for ancient.
 * @param {GroupName} name
 */
function linkerFlags(name) {
  if (name !== 'all') return '-s -w';
  const text = readFileSync(join(modules, name, 'go.mod'), 'utf8');
  const version = (/** @type {string} */ path) =>
    new RegExp(`^\\s*${path} (v\\S+)`, 'm').exec(text)?.[1] ?? 'v0.0.0';
  const kubernetes = version('k8s.io/kubernetes');
  const [major, minor] = kubernetes.slice(1).split('.');
  const component = 'k8s.io/component-base/version';
  return [
    '-s -w',
    `-X ${component}.gitVersion=${kubernetes}`,
    `-X ${component}.gitMajor=${major} -X ${component}.gitMinor=${minor}`,
    `-X ${component}.gitTreeState=clean -X ${component}.buildDate=2026-01-01T00:00:00Z`,
    `-X k8s.io/client-go/pkg/version.gitVersion=${kubernetes}`,
    `-X helm.sh/helm/v3/internal/version.version=${version('helm.sh/helm/v3')}`,
  ].join(' ');
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1])) {
  await bootstrap({ dashboard: false }).catch(endWith);
  const names = process.argv.slice(2);
  for (const name of names.length > 0 ? names : ['all']) {
    if (!Object.hasOwn(groups, name)) endWith(new Error(`No such group: ${name}`));
    const folder = await kubernetesPrograms(/** @type {GroupName} */ (name)).catch(endWith);
    process.stdout.write(`${folder}\n`);
  }
}
