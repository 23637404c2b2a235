import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { administrationPath } from '../../scripts/kubernetes-programs.mjs';
import { streamChat } from '../harness/chat-stream.ts';
import { askAgent, clusterStatusOf, consensusOf, untilLed } from '../harness/consensus.ts';
import { eventually, startLocalCluster, untilServing, type LocalCluster } from '../harness/local-cluster.ts';

/*
 * No Kubernetes here, but a file system of its own, which only root may mount, as the tests beside this one need it.
 */

const hello = {
  messages: [{ role: 'user', content: 'What is the capital of France?' }],
  options: { temperature: 0 },
};
const paris = 'The capital of France is Paris.';
const mebibyte = 1024 * 1024;

/** Runs a program that administers this machine. */
const administer = (program: string, ...args: readonly string[]): void =>
  void execFileSync(program, args, { env: { ...process.env, PATH: administrationPath } });

let cluster: LocalCluster;
/** Where the member of agent-2 is. */
let disk: string;
let mounted = false;
let frozen = false;

const freeze = (): void => {
  administer('fsfreeze', '--freeze', disk);
  frozen = true;
};
const thaw = (): void => {
  if (frozen) administer('fsfreeze', '--unfreeze', disk);
  frozen = false;
};

beforeAll(async () => {
  cluster = await startLocalCluster({ agents: 3 });
  await untilServing(cluster);
  await untilLed(cluster, 3);
  disk = join(cluster.folder, 'agent-2', 'data', 'raft');
  await cluster.kill('agent-2', 'SIGTERM');
  const image = join(cluster.folder, 'disk.img');
  writeFileSync(image, '');
  truncateSync(image, 64 * mebibyte);
  administer('mkfs.ext4', '-q', image);
  renameSync(disk, `${disk}.copy`);
  mkdirSync(disk);
  administer('mount', '-o', 'loop', image, disk);
  mounted = true;
  cpSync(`${disk}.copy`, disk, { recursive: true });
  rmSync(`${disk}.copy`, { recursive: true });
  await cluster.start('agent-2');
  await untilLed(cluster, 3);
}, 120_000);
afterAll(async () => {
  // What waits for a disk that does not answer cannot even be killed.
  thaw();
  if (mounted) administer('umount', '--lazy', disk);
  await cluster.stop();
});

const failure = async (): Promise<string | undefined> => {
  const { state, problem } = await consensusOf(cluster.agent('agent-2'));
  return state === 'failed' ? `${problem?.code}: ${problem?.message}` : undefined;
};

/** The reason is three bytes for each of its characters, so that the log grows fast. */
const grow = async (round: number): Promise<void> => {
  await Promise.all(
    Array.from({ length: 32 }, (_unused, number) => {
      const reason = String.fromCodePoint(0x4e00 + ((round * 32 + number) % 5000)).repeat(1000);
      return askAgent(cluster.agent('agent-0'), `nodes/agent-${number % 2}/drain`, { reason });
    }),
  );
};

/** Restarts agent-2 and looks whether it is the member that it was, and learns what it has missed. */
const comesBack = async (memberId: number | undefined): Promise<void> => {
  expect((await askAgent(cluster.agent('agent-1'), 'nodes/agent-0/undrain', {})).status).toBe(200);
  await cluster.kill('agent-2', 'SIGTERM');
  const again = await cluster.start('agent-2');
  await untilLed(cluster, 3);
  expect((await consensusOf(again)).memberId).toBe(memberId);
  await eventually('it knows what was agreed on meanwhile', async () => {
    const { nodes } = await clusterStatusOf(again);
    return nodes['agent-0']?.drained === undefined && nodes['agent-1']?.drained !== undefined;
  });
};

test('an agent whose disk is full takes no part, says so and serves on; with room it goes on from its disk', async () => {
  const full = cluster.agent('agent-2');
  const { memberId } = await consensusOf(full);
  const filler = join(disk, 'filler');
  expect(() => writeFileSync(filler, Buffer.alloc(64 * mebibyte))).toThrow(/ENOSPC/);
  for (let round = 0; (await failure()) === undefined; round += 1) {
    expect(round).toBeLessThan(1000);
    await grow(round);
  }
  expect(await failure()).toMatch(/^member_disk: .*no space left/);
  expect((await streamChat(full.api, hello)).text).toBe(paris);
  rmSync(filler);
  await comesBack(memberId);
}, 300_000);

test('a leader whose disk does not answer hands over and serves on; once it answers it goes on from there', async () => {
  const hung = cluster.agent('agent-2');
  const { memberId } = await consensusOf(hung);
  await eventually('it leads', async () => {
    await askAgent(hung, 'cluster/transfer', { agent: 'agent-2' });
    return (await untilLed(cluster, 3)).id === 'agent-2';
  });
  freeze();
  try {
    const other = cluster.agent('agent-0');
    // Who has nothing to write notices nothing. What the others have on their disks is agreed on.
    await eventually('they agree on something, and another one leads', async () => {
      const { status } = await askAgent(other, 'nodes/agent-1/drain', { reason: 'hung' });
      return status === 200 && (await consensusOf(other)).leader !== 'agent-2';
    });
    await eventually('it gives up', async () => (await failure()) !== undefined);
    expect(await failure()).toMatch(/^member_disk: .*not answered/);
    expect((await streamChat(hung.api, hello)).text).toBe(paris);
  } finally {
    thaw();
  }
  await comesBack(memberId);
}, 300_000);
