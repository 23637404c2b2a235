import { describe, expect, test } from '@jest/globals';
import type { CatalogOperation } from '@ollamamax/api';
import type { ConfigChange, SingleChange } from '../../raft/core/config-change/change.ts';
import { encodeConfigChange } from '../../raft/core/config-change/codec.ts';
import type { Entry } from '../../raft/core/types.ts';
import { wrapRequest } from '../../raft/node/request-id.ts';
import { OfflineLog } from '../../raft/offline/offline-log.ts';
import { SimDisk } from '../../raft/storage/sim-disk.fixture.ts';
import { directory, identity, openedWal, work } from '../../raft/storage/wal-model.fixture.ts';
import { encodeCommand } from '../state/encode-command.ts';
import { catalogAt } from './replay.ts';

const genesis = { voters: [1], outgoing: [], learners: [], learnersNext: [], autoLeave: false };

const members = (...changes: SingleChange[]): ['config', Uint8Array] => {
  const change: ConfigChange = { transition: 'auto', changes, context: new Uint8Array() };
  return ['config', encodeConfigChange(change)];
};

const request = (payload: Uint8Array): ['normal', Uint8Array] => [
  'normal',
  wrapRequest({ node: 1, nonce: 2, sequence: 3 }, payload),
];

const drained = (agent: string): ['normal', Uint8Array] => {
  const operation: CatalogOperation = { op: 'setDrain', agent, since: 1, reason: '' };
  return request(encodeCommand({ format: 1, operation }));
};

/** A log with these entries, from the beginning of a group. */
const logOf = (...entries: ['config' | 'normal', Uint8Array][]): [SimDisk, OfflineLog] => {
  const disk = new SimDisk();
  const wal = openedWal(disk, { create: genesis });
  const all = entries.map(([type, data], at): Entry => ({ index: at + 1, term: 1, type, data }));
  wal.append(work({ entries: all, hardState: { term: 1, vote: 1, commit: 0 } }), () => undefined);
  wal.close(() => undefined);
  disk.run();
  return [disk, new OfflineLog(disk, directory, identity)];
};

describe('what a log adds up to', () => {
  test('members and state as of each entry, as the running member has it', () => {
    const [disk, log] = logOf(
      ['normal', new Uint8Array()],
      members({ op: 'addLearner', node: 2 }),
      drained('a'),
      members({ op: 'addVoter', node: 2 }, { op: 'addLearner', node: 1 }),
      // Refused by every member alike: one change at a time.
      members({ op: 'addVoter', node: 3 }, { op: 'addVoter', node: 4 }),
      members(),
      drained('b'),
    );
    const at = (index: number) => catalogAt(disk, '/snapshots', log, index);
    expect(at(0)).toMatchObject({ index: 0, config: genesis, state: { drains: {} } });
    expect(at(1)).toMatchObject({ index: 1, config: genesis });
    expect(at(2).config).toEqual({ ...genesis, learners: [2] });
    expect(Object.keys(at(3).state.drains)).toEqual(['a']);
    const joint = { voters: [2], outgoing: [1], learners: [], learnersNext: [1], autoLeave: true };
    expect(at(4).config).toEqual(joint);
    expect(at(5).config).toEqual(joint);
    expect(at(6).config).toEqual({ ...genesis, voters: [2], learners: [1] });
    expect(at(7)).toMatchObject({ index: 7, state: { drains: { a: {}, b: {} } } });
  });

  test.each([
    ['a command', request(Buffer.from('{"format":2}'))],
    ['a feature level', request(Buffer.from('{"format":1,"operation":{"op":"raiseFeatureLevel","to":99}}'))],
    ['a change of the members', ['config', Buffer.from([9, 9, 9, 9])] as ['config', Uint8Array]],
  ])('%s of a later version is told with its place', (_name, unknown) => {
    const [disk, log] = logOf(drained('a'), unknown);
    expect(catalogAt(disk, '/snapshots', log, 1).index).toBe(1);
    expect(() => catalogAt(disk, '/snapshots', log, 2)).toThrow(
      expect.objectContaining({
        code: 'wal_newer_format',
        message: expect.stringMatching(/^Entry 2 in .*\.wal at byte \d+ is not understood: /),
      }),
    );
  });
});
