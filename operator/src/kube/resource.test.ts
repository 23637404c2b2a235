import { expect, test } from '@jest/globals';
import { keyOf, parseKey } from './object.ts';
import { resourcePath, type Resource } from './resource.ts';

const pods: Resource = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
const nodes: Resource = { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false };
const sets: Resource = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  namespaced: true,
};

test.each([
  [pods, {}, '/api/v1/pods'],
  [pods, { namespace: 'a' }, '/api/v1/namespaces/a/pods'],
  [
    sets,
    { namespace: 'a', name: 'b', subresource: 'status' },
    '/apis/apps/v1/namespaces/a/statefulsets/b/status',
  ],
  [nodes, { name: 'n' }, '/api/v1/nodes/n'],
])('%j at %j is %s', (resource, place, path) => {
  expect(resourcePath(resource, place)).toBe(path);
});

test.each([
  [pods, { name: 'a' }],
  [pods, { namespace: 'a', name: '' }],
  [pods, { namespace: '' }],
  [nodes, { namespace: 'a', name: 'n' }],
  [pods, { namespace: 'a', subresource: 'status' }],
])('%j is not at %j', (resource, place) => {
  expect(() => resourcePath(resource, place)).toThrow(TypeError);
});

test('a key names an object with and without namespace', () => {
  expect(keyOf({ metadata: { namespace: 'a', name: 'b' } })).toBe('a/b');
  expect(parseKey('a/b')).toEqual({ namespace: 'a', name: 'b' });
  expect(keyOf({ metadata: { name: 'b' } })).toBe('b');
  expect(parseKey('b')).toEqual({ name: 'b' });
});
