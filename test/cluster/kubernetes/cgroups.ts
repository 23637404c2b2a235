import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCgroup } from './addresses.ts';
import { until } from './until.ts';

const root = '/sys/fs/cgroup';

/** One hierarchy for all controllers (version 2), or one for each. */
function hierarchies(): readonly string[] {
  if (existsSync(join(root, 'cgroup.controllers'))) return [root];
  if (!existsSync(root)) return [];
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(root, entry.name));
}

/** Makes the group below which everything of a node is counted. */
export function createCgroup(node: number): void {
  for (const hierarchy of hierarchies()) {
    const group = join(hierarchy, nodeCgroup(node));
    mkdirSync(group, { recursive: true });
    if (hierarchy === root) {
      const controllers = readFileSync(join(root, 'cgroup.controllers'), 'utf8').trim().split(' ');
      const all = controllers.map((name) => `+${name}`).join(' ');
      for (const folder of [root, group]) writeFileSync(join(folder, 'cgroup.subtree_control'), all);
    }
    // A new group of this kind has no processors and takes no process.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      const whole = join(hierarchy, file);
      if (existsSync(whole)) writeFileSync(join(group, file), readFileSync(whole));
    }
  }
}

/** Removes the groups of one node, or of all. */
export async function removeCgroups(node?: number): Promise<void> {
  const ours = (name: string) =>
    node === undefined ? /^ollamamax-node-\d+$/.test(name) : name === nodeCgroup(node);
  await until(
    'the control groups of nodes are gone',
    () => {
      const left = hierarchies().flatMap((hierarchy) =>
        readdirSync(hierarchy)
          .filter(ours)
          .map((name) => join(hierarchy, name)),
      );
      // One goes when its last process has been waited for, which may take a moment.
      return left.filter((group) => !removeTree(group)).length === 0;
    },
    { timeoutMs: 20_000 },
  );
}

/** Files in it are not removed, and need not be. */
function removeTree(group: string): boolean {
  try {
    const below = readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const entry of below) removeTree(join(group, entry.name));
    rmdirSync(group);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
