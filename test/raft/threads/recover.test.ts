import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  RecoveryRefusedError,
  planRecovery,
  recoverMember,
} from '../../../agent/src/catalog/offline/recover-member.ts';
import { foldersOf, identityOn, StoppedMember } from '../../../agent/src/catalog/offline/stopped-member.ts';
import type { CatalogState } from '../../../agent/src/catalog/state/catalog-state.ts';
import { verifyMember } from '../../../agent/src/catalog/offline/verify-member.ts';
import { encodeConfigChange } from '../../../agent/src/raft/core/config-change/codec.ts';
import type { MemberIdentity } from '../../../agent/src/raft/node/identity-file.ts';
import { until } from '../../cluster/kubernetes/until.ts';
import {
  appendAlone,
  appendEntry,
  command,
  drain,
  Members,
  stoppedGroup,
  untilLeads,
  type StoppedGroup,
} from './members.ts';

let members: Members;
let group: StoppedGroup;
beforeAll(async () => {
  members = await Members.create();
  group = await stoppedGroup(members);
}, 60_000);
afterAll(() => members.end(), 30_000);

const partsOf = (at: number) => {
  const [dataDir, seat] = [group.dataDirs[at], group.seats[at]];
  if (dataDir === undefined || seat === undefined) throw new Error('no such member');
  return { dataDir, seat };
};

const identityIn = async (dataDir: string): Promise<MemberIdentity> => {
  const identity = await identityOn(foldersOf(dataDir));
  if (identity === undefined) throw new Error('no member');
  return identity;
};

const stateIn = async (dataDir: string): Promise<CatalogState> => {
  const member = new StoppedMember(foldersOf(dataDir), await identityIn(dataDir));
  try {
    return member.everything().state;
  } finally {
    member.close();
  }
};

const recover = async (dataDir: string, steps = Infinity): Promise<string[]> => {
  const done: string[] = [];
  for await (const step of recoverMember(dataDir, new Date())) {
    done.push(step);
    if (done.length >= steps) break;
  }
  return done;
};

/** All but who is a member. */
const contentOf = ({ members: _members, leaving: _leaving, ...content }: CatalogState) => content;

describe('a member whose majority is lost', () => {
  test('leads alone afterwards with all there was, and others join it', async () => {
    const { dataDir: original, seat } = partsOf(1);
    const dataDir = members.folder(original);
    const before = await stateIn(dataDir);
    const old = await identityIn(dataDir);
    expect(await planRecovery(dataDir)).toMatchObject({
      goesOn: false,
      old: { agent: 'agent-1', memberId: 2, clusterId: 'old' },
      uncommitted: 0,
      voters: ['agent-0', 'agent-1', 'agent-2'],
    });
    expect(await recover(dataDir)).toEqual([
      'prepared',
      'switched',
      'moved',
      'moved',
      'moved',
      'moved',
      'kept',
      'cleaned',
    ]);
    const kept = readdirSync(dataDir).find((name) => name.startsWith('raft.before-recover-'));
    expect(readdirSync(dataDir).sort()).toEqual(['raft', kept].sort());
    expect(readdirSync(join(dataDir, kept ?? '')).sort()).toEqual(['identity.json', 'snapshots', 'wal']);
    expect(await verifyMember(foldersOf(dataDir))).toMatchObject({ verdict: 'sound', problems: [] });

    const identity = await identityIn(dataDir);
    expect(identity).toMatchObject({ agent: 'agent-1', memberId: 2, setUp: true });
    expect(identity.clusterId).not.toBe(old.clusterId);
    expect(identity.incarnation).not.toBe(old.incarnation);
    const thread = await members.start(dataDir, identity, seat);
    await untilLeads(thread);
    await thread.read();
    expect(contentOf(thread.catalog.state)).toEqual(contentOf(before));
    expect(Object.keys(thread.catalog.state.drains)).toHaveLength(20);
    expect(Object.values(thread.catalog.state.members)).toMatchObject([{ id: 2, agent: 'agent-1' }]);
    expect(thread.catalog.config?.voters).toEqual([2]);

    // One of the old group, at its own address, finds nobody who would listen.
    const old3 = members.folder(partsOf(2).dataDir);
    const stranger = await members.start(old3, await identityIn(old3), partsOf(2).seat);
    const { status } = (await thread.report()) ?? {};
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(stranger.role).toMatchObject({ lead: 0 });
    expect((await thread.report())?.status).toMatchObject({ role: 'leader', term: status?.term });
    await members.stop(stranger);

    const joined = await members.join(thread, identity.clusterId, members.folder(), partsOf(0).seat);
    expect(joined.identity.memberId).toBe(4);
    const another = await members.join(thread, identity.clusterId, members.folder(), partsOf(2).seat);
    await until('all three vote', () => another.thread.catalog.config?.voters.length === 3);
    expect(await another.thread.propose(command(drain('y')))).toMatchObject({ kind: 'applied' });
    await joined.thread.read();
    expect(joined.thread.catalog.state).toEqual(thread.catalog.state);
    expect(Object.keys(joined.thread.catalog.state.drains)).toHaveLength(21);

    for (const one of [another.thread, joined.thread, thread]) await members.stop(one);
  }, 90_000);

  test('keeps also what nobody else is known to have', async () => {
    const dataDir = members.folder(partsOf(2).dataDir);
    await appendAlone(dataDir, command(drain('alone')));
    expect(await planRecovery(dataDir)).toMatchObject({ uncommitted: 1 });
    await recover(dataDir);
    expect(Object.keys((await stateIn(dataDir)).drains)).toContain('alone');
  });

  test('loses nothing wherever it is interrupted, and is refused by agents until it is whole', async () => {
    const { dataDir: original, seat } = partsOf(0);
    const expected = contentOf(await stateIn(original));
    for (let steps = 1; steps <= 8; steps += 1) {
      const dataDir = members.folder(original);
      const done = await recover(dataDir, steps);
      const identity = await identityIn(dataDir);
      const isOld = identity.clusterId === 'old';
      expect(isOld).toBe(!done.includes('switched'));
      const isWhole = isOld || done.filter((step) => step === 'moved').length === 4;
      const opened = await members.start(dataDir, identity, seat).then(
        (thread) => thread,
        () => undefined,
      );
      expect(opened !== undefined).toBe(isWhole);
      if (opened !== undefined) {
        if (!isOld) await untilLeads(opened);
        await until('it has all', () => isDeepStrictEqual(contentOf(opened.catalog.state), expected));
        await members.stop(opened);
      }
      const isOver = done.includes('cleaned');
      if (!isOver) {
        expect(await planRecovery(dataDir)).toMatchObject({ goesOn: !isOld });
        await recover(dataDir);
      }
      expect(contentOf(await stateIn(dataDir))).toEqual(expected);
      expect(await verifyMember(foldersOf(dataDir))).toMatchObject({ verdict: 'sound' });
      expect(readdirSync(dataDir).filter((name) => name.startsWith('raft.'))).toHaveLength(1);
    }
  }, 120_000);

  test('is not made alone twice, nor out of nothing', async () => {
    const dataDir = members.folder(partsOf(0).dataDir);
    await recover(dataDir);
    await expect(recover(dataDir)).rejects.toMatchObject({ name: 'RecoveryRefusedError', reason: 'alone' });
    // A change that it does not know to be agreed on may be: others would have to vote for it.
    const change = { op: 'addVoter', node: 9 } as const;
    const data = encodeConfigChange({ transition: 'auto', changes: [change], context: new Uint8Array() });
    await appendEntry(dataDir, 'config', data);
    expect(await planRecovery(dataDir)).toMatchObject({ voters: ['agent-0', 'member 9'], uncommitted: 1 });
    const nobody = planRecovery(members.folder());
    await expect(nobody).rejects.toBeInstanceOf(RecoveryRefusedError);
    await expect(nobody).rejects.toMatchObject({ reason: 'noMember' });
  });
});
