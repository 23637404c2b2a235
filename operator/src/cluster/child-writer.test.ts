import { beforeEach, describe, expect, test } from '@jest/globals';
import { KubeError, type KubeObject } from '../kube/index.ts';
import { resources } from '../resources.ts';
import { notFound, SecretsStandIn, writingOf } from './child-writer.fixture.ts';
import { clusterOf, ownerOf } from './cluster.fixture.ts';

const cluster = clusterOf();

const secretOf = (name: string, more: KubeObject['metadata'] = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'team', uid: `uid-of-${name}`, ownerReferences: ownerOf(cluster), ...more },
});

let server: SecretsStandIn;
beforeEach(() => {
  server = new SecretsStandIn();
});

const prune = (...names: readonly string[]) =>
  server.writer.pruneNamed(writingOf(cluster), resources.secret, names);

describe('pruneNamed', () => {
  test('deletes what has one of the names, that very object, and tells of it', async () => {
    for (const name of ['a', 'b', 'c']) server.put(secretOf(name));
    await prune('a', 'c', 'd');
    expect(server.deleted).toEqual(['Secret a uid-of-a', 'Secret c uid-of-c']);
    expect(server.told).toEqual([
      'demo Normal Pruned: Secret a is no longer needed and was deleted.',
      'demo Normal Pruned: Secret c is no longer needed and was deleted.',
    ]);
  });

  test.each<[string, KubeObject['metadata']]>([
    ['is being deleted already', { deletionTimestamp: '2026-01-01T00:00:00Z' }],
    ['belongs to nobody', { ownerReferences: [] }],
    ['belongs to another cluster', { ownerReferences: ownerOf(clusterOf({}, { uid: 'uid-other' })) }],
    ['is in another namespace', { namespace: 'other' }],
  ])('leaves alone what %s', async (_what, metadata) => {
    server.put(secretOf('a', metadata));
    await prune('a');
    expect(server.secrets.has('a')).toBe(true);
    expect(server.told).toEqual([]);
  });

  test('has nothing to tell of what somebody else has deleted in the meantime', async () => {
    server.put(secretOf('a'));
    server.put(secretOf('b'));
    server.failure.delete = notFound;
    await prune('a', 'b');
    expect(server.deleted).toEqual(['Secret b uid-of-b']);
    expect(server.told).toHaveLength(1);
  });

  test.each(['get', 'delete'] as const)('passes on that it may not %s', async (call) => {
    server.put(secretOf('a'));
    server.failure[call] = new KubeError({ code: 403, reason: 'Forbidden', message: 'no' });
    await expect(prune('a')).rejects.toMatchObject({ reason: 'Forbidden' });
    expect(server.told).toEqual([]);
  });
});
