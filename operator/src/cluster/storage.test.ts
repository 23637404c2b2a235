import { describe, expect, test } from '@jest/globals';
import { claimOf, clusterOf, podOf } from './cluster.fixture.ts';
import type { StatefulSet, StorageClass } from './objects.ts';
import { bytesOf, decideStorage, type StorageInput } from './storage.ts';

describe('bytesOf', () => {
  test.each<[string | number, number]>([
    ['0', 0],
    ['1', 1],
    [1048576, 1048576],
    ['2000000000n', 2],
    ['3000000u', 3],
    ['1500m', 2],
    ['4k', 4e3],
    ['4M', 4e6],
    ['4G', 4e9],
    ['4T', 4e12],
    ['4P', 4e15],
    ['4E', 4e18],
    ['1Ki', 1024],
    ['1Mi', 1024 ** 2],
    ['20Gi', 20 * 1024 ** 3],
    ['1Ti', 1024 ** 4],
    ['1Pi', 1024 ** 5],
    ['1Ei', 1024 ** 6],
    ['1.5Gi', 1.5 * 1024 ** 3],
    ['.5Gi', 0.5 * 1024 ** 3],
    ['+5G', 5e9],
    ['1e3', 1000],
    ['1E3', 1000],
    ['12e-1', 1],
  ])('%s are %d', (amount, bytes) => {
    expect(bytesOf(amount)).toBe(bytes);
  });

  test.each(['', 'Gi', 'much', '-1', '1 Gi', '1GiB', '1g', '1K', '1e', '1.2.3', '..'])(
    '%j are none',
    (amount) => {
      expect(bytesOf(amount)).toBeNaN();
    },
  );

  test('is the same for what people write and what the server makes of it', () => {
    for (let tenths = 1; tenths < 2000; tenths += 1) {
      // The exact number of thousandths of a byte, as Kubernetes normalizes it.
      const thousandths = (BigInt(tenths) * 1024n ** 3n * 1000n + 9n) / 10n;
      expect(bytesOf(`${thousandths}m`)).toBe(bytesOf(`${tenths / 10}Gi`));
    }
  });
});

const setOf = (size?: string): StatefulSet => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'demo' },
  spec: {
    ...(size === undefined
      ? {}
      : { volumeClaimTemplates: [{ spec: { resources: { requests: { storage: size } } } }] }),
  },
});

const classOf = (
  name: string,
  fields: Partial<StorageClass> & { readonly standard?: true } = {},
): StorageClass => {
  const { standard, ...rest } = fields;
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name, ...(standard === true ? { annotations } : {}) },
    ...rest,
  };
};

const fast = classOf('fast', { allowVolumeExpansion: true, standard: true });

/** Three agents with their volumes, unless said otherwise. */
const inputOf = (storage: object = {}, more: Partial<StorageInput> = {}): StorageInput => ({
  cluster: clusterOf({ storage }),
  statefulSet: setOf('20Gi'),
  pods: [0, 1, 2].map((ordinal) => podOf(ordinal)),
  claims: [0, 1, 2].map((ordinal) => claimOf(ordinal)),
  classes: [fast],
  ...more,
});

const claimsOf = (...sizes: readonly string[]) => sizes.map((size, ordinal) => claimOf(ordinal, { size }));

describe('decideStorage', () => {
  test.each<[string, StorageInput, string, string, string]>([
    [
      'no volumes',
      inputOf({ ephemeral: true }, { claims: [] }),
      'True',
      'Ephemeral',
      'The cluster uses no volumes.',
    ],
    ['all bound', inputOf(), 'True', 'Bound', '3 volumes are bound.'],
    [
      'no pods yet',
      inputOf({}, { statefulSet: undefined, pods: [], claims: [] }),
      'False',
      'WaitingForVolumes',
      '0 of 0 volumes are bound.',
    ],
    [
      'one not bound yet',
      inputOf({}, { claims: [claimOf(0), claimOf(1), claimOf(2, { phase: 'Pending' })] }),
      'False',
      'WaitingForVolumes',
      '2 of 3 volumes are bound.',
    ],
    [
      'one not made yet',
      inputOf({}, { claims: [claimOf(0), claimOf(1)] }),
      'False',
      'WaitingForVolumes',
      '2 of 3 volumes are bound.',
    ],
    [
      'claims of others',
      inputOf({}, { claims: [claimOf(7), claimOf(8), claimOf(9)] }),
      'False',
      'WaitingForVolumes',
      '0 of 3 volumes are bound.',
    ],
    [
      'a class that is not there',
      inputOf({ className: 'gone' }, { claims: [] }),
      'False',
      'StorageClassNotFound',
      'StorageClass gone does not exist.',
    ],
    [
      'no class and no default one',
      inputOf({}, { claims: [], classes: [classOf('other')] }),
      'False',
      'StorageClassNotFound',
      'spec.storage.className is not set and there is no default StorageClass.',
    ],
    [
      'classes that may not be read',
      inputOf({ className: 'gone' }, { claims: [], classes: undefined }),
      'False',
      'WaitingForVolumes',
      '0 of 3 volumes are bound.',
    ],
    [
      'a class that was deleted later',
      inputOf({ className: 'gone' }, { claims: [0, 1, 2].map((o) => claimOf(o, { className: 'gone' })) }),
      'True',
      'Bound',
      '3 volumes are bound.',
    ],
    [
      'a larger size that was just asked for',
      inputOf({ size: '30Gi' }),
      'True',
      'Resizing',
      '3 volumes are growing.',
    ],
    [
      'a larger size that is not there yet',
      inputOf(
        { size: '30Gi' },
        {
          statefulSet: setOf('30Gi'),
          claims: [0, 1, 2].map((o) => claimOf(o, { size: '30Gi', capacity: o === 0 ? '30Gi' : '20Gi' })),
        },
      ),
      'True',
      'Resizing',
      '2 volumes are growing.',
    ],
    [
      'a class whose volumes cannot grow',
      inputOf({ size: '30Gi' }, { classes: [classOf('fast')] }),
      'False',
      'ResizeNotSupported',
      'StorageClass fast does not let volumes grow to 30Gi.',
    ],
    [
      'volumes that came larger than asked for',
      inputOf({}, { claims: [0, 1, 2].map((o) => claimOf(o, { capacity: '32Gi' })) }),
      'True',
      'Bound',
      '3 volumes are bound.',
    ],
    [
      'a small claim that a scale-down left behind, which nobody mounts',
      inputOf({}, { claims: [...claimsOf('20Gi', '20Gi', '20Gi'), claimOf(3, { capacity: '10Gi' })] }),
      'True',
      'Bound',
      '3 volumes are bound.',
    ],
  ])('%s', (_what, input, status, reason, message) => {
    expect(decideStorage(input).condition).toEqual({ status, reason, message });
  });

  test('grows the claims that are too small, those of agents that are away too', () => {
    const claims = claimsOf('30Gi', '20Gi', '30Gi', '20Gi');
    const { grow } = decideStorage(inputOf({ size: '30Gi' }, { statefulSet: setOf('30Gi'), claims }));
    expect(grow).toEqual([claims[1], claims[3]]);
  });

  test('lets nothing grow, and makes nothing anew, where the class does not allow it', () => {
    for (const classes of [[], [classOf('fast')], [classOf('fast', { allowVolumeExpansion: false })]])
      expect(decideStorage(inputOf({ size: '30Gi' }, { classes }))).toMatchObject({
        condition: { reason: 'ResizeNotSupported' },
        grow: [],
        recreate: false,
      });
  });

  test('tries it where classes may not be read', () => {
    expect(decideStorage(inputOf({ size: '30Gi' }, { classes: undefined })).grow).toHaveLength(3);
  });

  test.each<[string, StatefulSet | undefined, string, boolean]>([
    ['another size', setOf('20Gi'), '30Gi', true],
    ['the same size', setOf('20Gi'), '20Gi', false],
    ['the same size written in another way', setOf('21474836480'), '20Gi', false],
    ['a size with a part of a byte, as the server writes it', setOf('2469606195200m'), '2.3Gi', false],
    ['no StatefulSet', undefined, '30Gi', false],
    ['no template of claims', setOf(), '30Gi', false],
  ])('makes the StatefulSet anew or not: %s', (_what, statefulSet, size, expected) => {
    expect(decideStorage(inputOf({ size }, { statefulSet })).recreate).toBe(expected);
  });
});
