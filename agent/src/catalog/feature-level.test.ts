import { describe, expect, test } from '@jest/globals';
import type { CatalogOperation } from '@ollamamax/api';
import { requireFeatureLevel } from './feature-level.ts';
import { emptyCatalog, type CatalogState } from './state/catalog-state.ts';

const member = (id: number, agent: string) => ({ id, agent, incarnation: agent, address: `${agent}:7000` });
const group: CatalogState = {
  ...emptyCatalog,
  members: { 1: member(1, 'a'), 2: member(2, 'b'), 3: member(3, 'c') },
};

const raise = async (
  state: CatalogState,
  peers: readonly { readonly id: string; readonly online: boolean; readonly level?: number }[],
): Promise<CatalogOperation[]> => {
  const agreed: CatalogOperation[] = [];
  await requireFeatureLevel(2, {
    agent: 'a',
    state: () => state,
    peers: {
      list: () =>
        peers.map(({ id, online, level }) => ({
          id,
          online,
          status: level === undefined ? {} : { featureLevel: level },
        })),
    },
    agree: (operation) => Promise.resolve(agreed.push(operation)),
  });
  return agreed;
};

describe('a feature level', () => {
  test('is raised once all members say that they know it; others are not asked', async () => {
    const peers = [
      { id: 'b', online: true, level: 2 },
      { id: 'c', online: true, level: 3 },
      { id: 'stranger', online: true },
    ];
    expect(await raise(group, peers)).toEqual([{ op: 'raiseFeatureLevel', to: 2 }]);
    expect(await raise({ ...group, featureLevel: 2 }, [])).toEqual([]);
  });

  test.each([
    ['one that does not say', { id: 'c', online: true }],
    ['one that knows less', { id: 'c', online: true, level: 1 }],
    ['one that is offline', { id: 'c', online: false, level: 2 }],
    ['one that nobody has seen', { id: 'other', online: true, level: 2 }],
  ])('is not raised over the head of %s', async (_which, peer) => {
    await expect(raise(group, [{ id: 'b', online: true, level: 2 }, peer])).rejects.toMatchObject({
      code: 'agents_outdated',
      message: expect.stringContaining(': c.'),
    });
  });
});
