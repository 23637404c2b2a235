import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import {
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { acquireFileLock } from '@ollamamax/common';
import { runInProcess } from '../../harness/run-cli.ts';
import { appendAlone, Members, stoppedGroup, type StoppedGroup } from './members.ts';

let members: Members;
let group: StoppedGroup;
beforeAll(async () => {
  members = await Members.create();
  group = await stoppedGroup(members);
}, 60_000);
afterAll(() => members.end(), 30_000);

const copy = (): string => members.folder(group.dataDirs[1]);
const raft = (...args: string[]) => runInProcess(['raft', ...args]);

/** Every file with its bytes. */
const contentsOf = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(folder, name)).isFile())
      .sort()
      .map((name) => [
        name,
        createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex'),
      ]),
  );

const change = (file: string, offset: number, bytes: Uint8Array): void => {
  const handle = openSync(file, 'r+');
  writeSync(handle, bytes, 0, bytes.length, offset);
  closeSync(handle);
};

interface Verified {
  readonly verdict: string;
  readonly wal: { readonly segments: { readonly file: string; readonly end: number }[] };
  readonly snapshots: { readonly file: string; readonly inUse: boolean }[];
  readonly problems: { readonly code: string; readonly file: string; readonly offset: number }[];
}

const verified = async (dataDir: string) => {
  const { code, stdout } = await raft('verify', '--data-dir', dataDir, '-o', 'json');
  return { code, report: JSON.parse(stdout) as Verified };
};

describe('the disk of a stopped member', () => {
  test('tells who it is and what it holds, and stays as it is', async () => {
    const dataDir = copy();
    const before = contentsOf(dataDir);
    const status = await raft('status', '--data-dir', dataDir);
    expect(status).toMatchObject({ code: 0, stderr: '' });
    for (const part of [
      /^Agent: +agent-1, member 2, disk [0-9a-f-]{36}$/m,
      /^Group: +old$/m,
      /^Term: +\d+, /m,
      /^Log: +entries \d+ to \d+$/m,
      /^Agreed: +up to \d+/m,
      /^Snapshot: +of entry \d+, term \d+$/m,
      /^Voters: +agent-0 \(member 1\), agent-1 \(member 2\), agent-2 \(member 3\)$/m,
      /^Catalogue: +revision 5: 0 models, 20 drains, 0 users$/m,
      /^0000000000000001\.wal +1 MiB +entries /m,
    ])
      expect(status.stdout).toMatch(part);
    const json = await raft('status', '--data-dir', dataDir, '-o', 'json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      agent: 'agent-1',
      memberId: 2,
      clusterId: 'old',
      config: { voters: [1, 2, 3] },
      catalog: { revision: 5, drains: 20 },
    });
    const table = await raft('members', '--data-dir', dataDir);
    expect(table.stdout).toMatch(/^agent-2 +3 +voter +127\.0\.0\.1:\d+ +[0-9a-f-]{36}$/m);
    const list = await raft('members', '--data-dir', dataDir, '-o', 'json');
    expect(JSON.parse(list.stdout)).toHaveLength(3);
    expect(await raft('verify', '--data-dir', dataDir)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/, in use[^]*\nSound\.\n$/),
    });
    expect(contentsOf(dataDir)).toEqual(before);
  });

  test('says so when the agent runs, or there is no member', async () => {
    const dataDir = copy();
    const lock = await acquireFileLock(join(dataDir, 'raft', 'lock'));
    expect((await raft('status', '--data-dir', dataDir)).stderr).toContain(
      `Warning: the agent runs (process ${process.pid})`,
    );
    expect(await raft('recover', '--data-dir', dataDir, '--yes')).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/agent_running/),
    });
    if ('release' in lock) await lock.release();
    const empty = members.folder();
    for (const command of ['status', 'members', 'verify', 'recover'])
      expect(await raft(command, '--data-dir', empty)).toMatchObject({
        code: 3,
        stdout: '',
        stderr: expect.stringMatching(/To do: .*--data-dir[^]*no_member/),
      });
    expect(readdirSync(empty)).toEqual([]);
  });
});

describe('verify', () => {
  test('a torn end is harmless, and told apart', async () => {
    const dataDir = copy();
    const { wal } = (await verified(dataDir)).report;
    const last = wal.segments.filter(({ end }) => end > 0).at(-1);
    change(last?.file ?? '', (last?.end ?? 0) + 600, Buffer.from('torn'));
    const { code, stdout } = await raft('verify', '--data-dir', dataDir);
    expect(code).toBe(9);
    expect(stdout).toMatch(/^Torn: +604 bytes/m);
    expect(stdout).toMatch(/Harmless: .*Do nothing\.\n$/);
    expect((await raft('status', '--data-dir', dataDir)).code).toBe(0);
    expect((await raft('recover', '--data-dir', dataDir, '--yes')).code).toBe(0);
  });

  test('a damaged snapshot that is not in use is told, and keeps nobody from recovering', async () => {
    const dataDir = copy();
    const file = join(dataDir, 'raft', 'snapshots', `${'1'.padStart(16, '0')}-${'1'.padStart(16, '0')}.snap`);
    writeFileSync(file, 'not one');
    const { code, report } = await verified(dataDir);
    expect(code).toBe(7);
    expect(report.problems).toMatchObject([{ code: 'snapshot_invalid', file }]);
    expect((await raft('recover', '--data-dir', dataDir, '--yes')).code).toBe(0);
  });

  test.each<[string, string, (dataDir: string, before: Verified) => void | Promise<void>]>([
    [
      'a bit of the log that is another one',
      'wal_corrupt',
      (_dataDir, { wal }) => {
        const { file, end } = wal.segments.find((segment) => segment.end > 0) ?? { file: '', end: 0 };
        const at = end - 100;
        change(file, at, Buffer.from([(readFileSync(file)[at] ?? 0) ^ 1]));
      },
    ],
    [
      'a segment that is cut off',
      'wal_corrupt',
      (_dataDir, { wal }) => {
        const { file } = wal.segments[0] ?? { file: '' };
        writeFileSync(file, readFileSync(file).subarray(0, 4096));
      },
    ],
    [
      'a snapshot with another byte',
      'snapshot_invalid',
      (_dataDir, { snapshots }) => change(snapshots.at(-1)?.file ?? '', 20, Buffer.from('X')),
    ],
    [
      'a snapshot that is gone',
      'snapshot_invalid',
      (_dataDir, { snapshots }) => rmSync(snapshots.find(({ inUse }) => inUse)?.file ?? ''),
    ],
    [
      'a log of another disk',
      'wal_foreign',
      (dataDir) => {
        const file = join(dataDir, 'raft', 'identity.json');
        const identity = JSON.parse(readFileSync(file, 'utf8')) as object;
        writeFileSync(file, JSON.stringify({ ...identity, incarnation: 'another' }));
      },
    ],
    [
      'an identity that is cut off',
      'state_corrupt',
      (dataDir) => writeFileSync(join(dataDir, 'raft', 'identity.json'), '{"format":1'),
    ],
    [
      'a command of a later version',
      'wal_newer_format',
      (dataDir) => appendAlone(dataDir, Buffer.from('{"format":2,"operation":{"op":"later"}}')),
    ],
  ])('%s', async (_name, expected, damage) => {
    const dataDir = copy();
    const before = (await verified(dataDir)).report;
    await damage(dataDir, before);
    const { code, report } = await verified(dataDir);
    expect(code).toBe(7);
    expect(report.verdict).toBe('damaged');
    const problem = report.problems.find((one) => one.code === expected);
    expect(problem).toBeDefined();
    const text = await raft('verify', '--data-dir', dataDir);
    expect(text.code).toBe(7);
    expect(text.stdout).toMatch(/\nProblem: [^]*\n {2}To do: .*\n {2}Code: [^]*\nDamaged\.\n$/);
    if (expected === 'wal_corrupt' || expected === 'wal_newer_format')
      expect(text.stdout).toContain(`  File:   ${problem?.file}, byte ${problem?.offset}\n`);
    const recovery = await raft('recover', '--data-dir', dataDir, '--yes');
    expect(recovery.code).toBe(7);
    expect(recovery.stderr).toContain(`Code:   ${expected}`);
    expect(readdirSync(dataDir).filter((name) => name.includes('before'))).toEqual([]);
  });
});

describe('recover', () => {
  test('says what it would do, does it, and says what is next', async () => {
    const dataDir = copy();
    const before = contentsOf(dataDir);
    const plan = await raft('recover', '--data-dir', dataDir);
    expect(plan).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    for (const part of ['agent-1 is member 2 of group old', 'agent-0, agent-1, agent-2', 'before-recover'])
      expect(plan.stdout).toContain(part);
    expect(contentsOf(dataDir)).toEqual(before);

    const done = await raft('recover', '--data-dir', dataDir, '--yes');
    expect(done).toMatchObject({ code: 0, stdout: '' });
    expect(done.stderr).toMatch(/only member of a new group\. Start it; then remove the folder "raft"/);
    const table = await raft('members', '--data-dir', dataDir, '-o', 'json');
    expect(JSON.parse(table.stdout)).toMatchObject([{ agent: 'agent-1', memberId: 2, vote: 'voter' }]);
    expect(await raft('verify', '--data-dir', dataDir)).toMatchObject({ code: 0 });
    expect(readdirSync(join(dataDir, 'raft')).sort()).toEqual(['identity.json', 'snapshots', 'wal']);
    expect(await raft('recover', '--data-dir', dataDir, '--yes')).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('nothing_to_recover'),
    });
  });

  test('says of an unagreed end that it would count', async () => {
    const dataDir = copy();
    await appendAlone(dataDir, Buffer.from('{"format":1,"operation":{"op":"clearDrain","agent":"x1"}}'));
    expect((await raft('recover', '--data-dir', dataDir)).stdout).toContain(
      'The last 1 entry of them may not have been agreed on',
    );
  });
});
