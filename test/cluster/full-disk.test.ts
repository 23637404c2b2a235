import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { streamChat } from '../harness/chat-stream.ts';
import { askAgent, clusterStatusOf, consensusOf, untilLed } from '../harness/consensus.ts';
import { eventually, startLocalCluster, untilServing, type LocalCluster } from '../harness/local-cluster.ts';

const hello = {
  messages: [{ role: 'user', content: 'What is the capital of France?' }],
  options: { temperature: 0 },
};

/*
 * No Kubernetes here, but a file system of its own, which only root may mount, as the tests beside this one need it.
 */

let cluster: LocalCluster;
let disk: string;
let mounted = false;

beforeAll(async () => {
  cluster = await startLocalCluster({ agents: 3 });
  await untilServing(cluster);
  await untilLed(cluster, 3);
  disk = join(cluster.folder, 'agent-2', 'data', 'raft');
});
afterAll(async () => {
  // The agent may be using it still.
  if (mounted) execFileSync('umount', ['--lazy', disk]);
  await cluster.stop();
});

/** The reason is three bytes for each of its characters, so that the log grows fast. */
const grow = async (round: number): Promise<void> => {
  await Promise.all(
    Array.from({ length: 32 }, (_unused, number) => {
      const reason = String.fromCodePoint(0x4e00 + ((round * 32 + number) % 5000)).repeat(1000);
      return askAgent(cluster.agent('agent-0'), `nodes/agent-${number % 2}/drain`, { reason });
    }),
  );
};

const untilFailed = async (): Promise<void> => {
  for (let round = 0; (await consensusOf(cluster.agent('agent-2'))).state !== 'failed'; round += 1) {
    expect(round).toBeLessThan(1000);
    await grow(round);
  }
};

test('an agent whose disk is full takes no part, says so and serves on; with room it goes on from its disk', async () => {
  await cluster.kill('agent-2', 'SIGTERM');
  renameSync(disk, `${disk}.copy`);
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'ollamamax-test', disk]);
  mounted = true;
  cpSync(`${disk}.copy`, disk, { recursive: true });
  rmSync(`${disk}.copy`, { recursive: true });
  const full = await cluster.start('agent-2');
  await untilLed(cluster, 3);
  const { memberId } = await consensusOf(full);

  const filler = join(disk, 'filler');
  expect(() => writeFileSync(filler, Buffer.alloc(64 * 1024 * 1024))).toThrow(/ENOSPC/);
  await untilFailed();
  const { problem } = await consensusOf(full);
  expect(problem).toMatchObject({ code: 'member_disk', message: expect.stringMatching(/space/i) });
  expect((await streamChat(full.api, hello)).text).toBe('The capital of France is Paris.');
  expect((await askAgent(cluster.agent('agent-1'), 'nodes/agent-0/undrain', {})).status).toBe(200);

  rmSync(filler);
  await cluster.kill('agent-2', 'SIGTERM');
  const again = await cluster.start('agent-2');
  await untilLed(cluster, 3);
  expect((await consensusOf(again)).memberId).toBe(memberId);
  await eventually('it knows what was agreed on meanwhile', async () => {
    const { nodes } = await clusterStatusOf(again);
    return nodes['agent-0']?.drained === undefined && nodes['agent-1']?.drained !== undefined;
  });
}, 300_000);
