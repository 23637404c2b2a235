import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const folder = mkdtempSync(join(tmpdir(), 'ollamamax-scenario-'));
const main = (name: string): string => fileURLToPath(new URL(`../${name}/main.ts`, import.meta.url));

const write = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const scenario = (changes: object): string =>
  JSON.stringify({
    format: 'raft-scenario/1',
    name: 'planted',
    steps: [{ do: 'addNodes', count: 1, voters: [1], snapshot: { index: 2, term: 1, data: 's' } }],
    ...changes,
  });

const run = (name: string, ...files: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main(name), ...files], {
    encoding: 'utf8',
  });
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { status, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>), stderr };
};

afterAll(() => rmSync(folder, { recursive: true }));

describe('raft:scenario', () => {
  let good: string;
  let failing: string;
  beforeAll(() => {
    good = write('good.json', scenario({}));
    failing = write('failing.json', scenario({ steps: [{ do: 'heal' }, { expect: { oneLeader: true } }] }));
  });

  test('prints a line for each file', () => {
    const { status, lines } = run('scenario', good, good);
    expect(status).toBe(0);
    expect(lines).toEqual([
      {
        file: good,
        name: 'planted',
        ok: true,
        failedStep: null,
        message: null,
        final: { 1: expect.objectContaining({ role: 'follower', term: 1, appState: 's' }) },
      },
      expect.objectContaining({ ok: true }),
    ]);
  });

  test('ends with 1 when one fails, and runs the others all the same', () => {
    const missing = write('missing.json', scenario({ requires: ['witness'] }));
    const broken = write('broken.json', '{');
    const { status, lines } = run('scenario', failing, missing, broken, join(folder, 'nowhere.json'), good);
    expect(status).toBe(1);
    expect(lines).toMatchObject([
      { ok: false, name: 'planted', failedStep: 1, message: expect.stringContaining('leaders') },
      { ok: false, name: 'planted', failedStep: null, message: expect.stringContaining('witness') },
      { ok: false, name: null, failedStep: null },
      { ok: false, name: null, failedStep: null, message: expect.stringContaining('ENOENT') },
      { ok: true },
    ]);
  });

  test('needs a file', () => {
    expect(run('scenario')).toMatchObject({ status: 2, lines: [], stderr: expect.stringContaining('Usage') });
  });
});

describe('the pure parts', () => {
  test('answer line by line', () => {
    const quorum = write('quorum.jsonl', '{"kind":"committed","voters":[],"outgoing":[]}\n\n');
    expect(run('quorum', quorum)).toMatchObject({ status: 0, lines: [{ committed: 'infinity' }] });
    const change = write(
      'change.jsonl',
      '{"calls":[{"kind":"simple","ops":[{"op":"addVoter","node":1}]},{"kind":"leaveJoint"}]}\n',
    );
    expect(run('config-change', change)).toMatchObject({
      status: 0,
      lines: [{ config: { voters: [1] } }, { error: expect.any(String) }],
    });
  });

  test('end with 1 on a line that is no question, and 2 without files', () => {
    const odd = write('odd.jsonl', '{"kind":"vote","voters":[1]}\nwhat?\n');
    expect(run('quorum', odd)).toMatchObject({
      status: 1,
      lines: [{ result: 'pending' }, { error: expect.any(String) }],
    });
    expect(run('config-change')).toMatchObject({ status: 2, stderr: expect.stringContaining('Usage') });
  });
});
