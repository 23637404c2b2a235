import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { cache } from '../../../scripts/kubernetes-programs.mjs';
import { Daemons } from './daemons.ts';
import { identify, isAlive } from './process-facts.ts';
import type { ProcessId } from './process-facts.ts';

/** The one cluster with nodes that a machine can have. */
export const clusterFolder = join(cache, 'cluster');

/** Whose cluster it is: that of a process, which takes it along, or one to be kept until somebody ends it. */
export type Owner = ProcessId | 'kept';

const ownerFile = (folder: string): string => join(folder, 'owner.json');

export function writeOwner(folder: string, owner: Owner): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(ownerFile(folder), JSON.stringify(owner));
}

export function readOwner(folder: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(ownerFile(folder), 'utf8')) as Owner;
  } catch {
    // Not there yet, or only half.
    return undefined;
  }
}

export function thisProcess(): ProcessId {
  const id = identify(process.pid);
  if (id === undefined) throw new Error('this system has no /proc');
  return id;
}

/** Whether the process that has made it is gone without having ended it. */
export function isAbandoned(folder: string): boolean {
  const owner = readOwner(folder);
  return owner === undefined || (owner !== 'kept' && !isAlive(owner));
}

/** A new folder for a control plane of this process: its name says whose it is from the first moment. */
export function newControlPlaneFolder(): string {
  mkdirSync(cache, { recursive: true });
  const { pid, startTime } = thisProcess();
  return mkdtempSync(join(cache, `control-plane-${pid}-${startTime}-`));
}

/** Ends control planes whose process is gone. */
export async function removeControlPlanes(): Promise<void> {
  if (!existsSync(cache)) return;
  for (const name of readdirSync(cache)) {
    const [, pid, startTime] = /^control-plane-(\d+)-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || startTime === undefined) continue;
    if (!isAlive({ pid: Number(pid), startTime })) await removeFolder(join(cache, name));
  }
}

/** Ends every process that belongs to a folder, then removes it. */
export async function removeFolder(folder: string): Promise<void> {
  await new Daemons(folder).killAll();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
