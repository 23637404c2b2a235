import { expect, test } from '@jest/globals';
import type { KubeObject } from '../kube/index.ts';
import { ObjectCache } from './object-cache.ts';
import { byLabel } from './owners.ts';

type Thing = KubeObject & { readonly spec: { readonly big?: string; readonly size: number } };

const thing = (name: string, resourceVersion: string, color = 'red', uid = name): Thing => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { namespace: 'n', name, uid, resourceVersion, labels: { color }, managedFields: [{}] },
  spec: { big: 'x'.repeat(100), size: 1 },
});

const cache = (): ObjectCache<Thing> =>
  new ObjectCache<Thing>({
    indexes: { color: byLabel('color') },
    transform: ({ spec: { size }, ...rest }) => ({ ...rest, spec: { size } }),
  });

test('changes are told apart, and what was seen already is none', () => {
  const things = cache();
  expect(things.put(thing('a', '1'), true)).toMatchObject({ type: 'add', initial: true });
  expect(things.put(thing('a', '1'), false)).toBeUndefined();
  expect(things.put(thing('a', '2'), false)).toMatchObject({
    type: 'update',
    previous: { metadata: { resourceVersion: '1' } },
  });
  expect(things.put(thing('a', '2', 'red', 'another'), false)).toMatchObject({ type: 'update' });
  expect(things.remove('n/a', thing('a', '3'))).toMatchObject({
    type: 'delete',
    object: { metadata: { resourceVersion: '3' } },
  });
  expect(things.remove('n/a')).toBeUndefined();
  expect(things.size).toBe(0);
});

test('an index follows changes and removals', () => {
  const things = cache();
  const red = (): unknown[] => things.byIndex('color', 'red').map(({ metadata }) => metadata.name);
  things.put(thing('a', '1'), true);
  things.put(thing('b', '1'), true);
  expect(red()).toEqual(['a', 'b']);
  things.put(thing('a', '2', 'blue'), false);
  expect(red()).toEqual(['b']);
  expect(things.byIndex('color', 'blue')).toHaveLength(1);
  things.remove('n/b');
  expect(red()).toEqual([]);
  expect(() => things.byIndex('shape', 'round')).toThrow('shape');
});

test('what is kept is frozen to the bottom, without what nobody reads', () => {
  const things = cache();
  things.put(thing('a', '1'), true);
  const kept = things.get('n/a');
  expect(kept?.metadata).not.toHaveProperty('managedFields');
  expect(kept?.spec).toEqual({ size: 1 });
  expect(() => {
    (kept?.metadata.labels as Record<string, string>).color = 'green';
  }).toThrow(TypeError);
});
