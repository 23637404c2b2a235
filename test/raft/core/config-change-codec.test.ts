import { describe, expect, test } from '@jest/globals';
import { protocolOf, type ConfigChange } from '../../../agent/src/raft/core/config-change/change.ts';
import {
  ConfigCodecError,
  decodeConfigChange,
  encodeConfigChange,
} from '../../../agent/src/raft/core/config-change/codec.ts';
import { addLearner, addVoter, change, leave, remove } from '../changes.ts';
import { bytes } from '../member.ts';
import { seededRandom } from '../scenario/random.ts';

describe('a change of the members as bytes', () => {
  test.each<ConfigChange>([
    leave,
    change([addVoter(1)]),
    change([addVoter(4), addLearner(2), remove(3), { op: 'update', node: 1 }], 'implicit'),
    {
      transition: 'explicit',
      changes: [addVoter(Number.MAX_SAFE_INTEGER), remove(0)],
      context: bytes('10.0.0.1:7000'),
    },
  ])('comes back as it was', (one) => {
    expect(decodeConfigChange(encodeConfigChange(one))).toEqual(one);
  });

  test('is written in the log, so it never changes: golden bytes', () => {
    const one: ConfigChange = {
      transition: 'explicit',
      changes: [addVoter(4), remove(3)],
      context: bytes('x'),
    };
    expect(Buffer.from(encodeConfigChange(one)).toString('hex')).toBe(
      '01020200' + '00' + '0000000000001040' + '02' + '0000000000000840' + '78',
    );
  });

  test.each([
    ['nothing', []],
    ['a format that is not known', [9, 0, 0, 0]],
    ['a transition that is not known', [1, 3, 0, 0]],
    ['less than it says', [1, 0, 1, 0, 0]],
    ['an op that is not known', [1, 0, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['a node that is no safe integer', [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f]],
    ['more changes than any cluster has members', [1, 0, 1, 4, ...Array<number>(1025 * 9).fill(0)]],
  ])('%s is none', (_name, damaged) => {
    expect(() => decodeConfigChange(Uint8Array.from(damaged))).toThrow(ConfigCodecError);
  });

  test('too many changes are not written: their number would not fit', () => {
    const many = (count: number) => change(Array.from({ length: count }, () => addVoter(1)));
    expect(decodeConfigChange(encodeConfigChange(many(1024))).changes).toHaveLength(1024);
    for (const count of [1025, 65_537])
      expect(() => encodeConfigChange(many(count))).toThrow(ConfigCodecError);
  });

  test('any bytes are a change or a ConfigCodecError', () => {
    const random = seededRandom(3);
    for (let round = 0; round < 2000; round += 1) {
      const some = Uint8Array.from({ length: random(40) }, (_, at) =>
        at === 0 ? 1 : random(at < 4 ? 4 : 256),
      );
      try {
        decodeConfigChange(some);
      } catch (error) {
        if (!(error instanceof ConfigCodecError)) throw error;
      }
    }
  });

  test('says by which protocol it is carried out', () => {
    expect(protocolOf(leave)).toBe('leaveJoint');
    expect(protocolOf(change([], 'explicit'))).toBe('leaveJoint');
    expect(protocolOf(change([addVoter(1)]))).toBe('simple');
    expect(protocolOf(change([addVoter(1)], 'implicit'))).toBe('enterJoint');
    expect(protocolOf(change([addVoter(1)], 'explicit'))).toBe('enterJoint');
    expect(protocolOf(change([addVoter(1), remove(2)]))).toBe('enterJoint');
  });
});
