import { expect, test } from '@jest/globals';
import type { KubeObject } from '../kube/index.ts';
import { toController, toLabelled } from './mappings.ts';
import { byControllerUid, controllerOf, controllerReference, ownedBy } from './owners.ts';

const owner: KubeObject = {
  apiVersion: 'x.io/v1',
  kind: 'Owner',
  metadata: { namespace: 'n', name: 'o', uid: 'u' },
};
const child = (references: KubeObject['metadata']['ownerReferences']): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Child',
  metadata: { namespace: 'n', name: 'c', ownerReferences: references ?? [], labels: { of: 'o' } },
});

test('a child knows the one owner that manages it', () => {
  const mine = child([{ apiVersion: 'v1', kind: 'Other', name: 'x', uid: 'x' }, controllerReference(owner)]);
  expect(controllerOf(mine)).toMatchObject({ uid: 'u', controller: true, blockOwnerDeletion: true });
  expect(ownedBy(mine, 'u')).toBe(true);
  expect(byControllerUid(mine)).toEqual(['u']);
  expect(
    toController({ apiVersion: 'x.io/v2', kind: 'Owner' })(mine, {
      type: 'add',
      object: mine,
      initial: false,
    }),
  ).toEqual(['n/o']);
});

test('an owner of another group, another incarnation or one that only refers to it does not count', () => {
  const other = child([{ apiVersion: 'x.io/v1', kind: 'Owner', name: 'o', uid: 'u' }]);
  expect(ownedBy(other, 'u')).toBe(false);
  expect(ownedBy(child([controllerReference(owner)]), 'v')).toBe(false);
  const mine = child([controllerReference(owner)]);
  expect(
    toController({ apiVersion: 'y.io/v1', kind: 'Owner' })(mine, {
      type: 'add',
      object: mine,
      initial: false,
    }),
  ).toEqual([]);
});

test('a label may name the owner too', () => {
  const object = child([]);
  expect([...toLabelled('of')(object, { type: 'add', object, initial: false })]).toEqual(['n/o']);
  expect([...toLabelled('by')(object, { type: 'add', object, initial: false })]).toEqual([]);
});

test('an owner that was never read has no reference', () => {
  expect(() => controllerReference({ ...owner, metadata: { name: 'o' } })).toThrow(TypeError);
});
