import { describe, expect, test } from '@jest/globals';
import type { DesiredState } from '@ollamamax/api';
import { placeModels } from './placement.ts';

const stateOf = (count: number, replicas?: number): DesiredState => ({
  revision: 1,
  settings: {},
  models: Array.from({ length: count }, (_, index) => ({
    name: `model-${index}`,
    source: { file: `/models/${index}.gguf` },
    ...(replicas === undefined ? {} : { replicas }),
  })),
});

const agents = (count: number): string[] => Array.from({ length: count }, (_, index) => `agent-${index}`);

describe('placeModels', () => {
  test('gives each model as many different agents as it has replicas, at most all', () => {
    for (const [replicas, count, expected] of [
      [1, 5, 1],
      [3, 5, 3],
      [7, 5, 5],
      [undefined, 5, 3],
      [undefined, 2, 2],
      [2, 0, 0],
    ] as const) {
      for (const holders of placeModels(stateOf(50, replicas), agents(count)).values()) {
        expect(holders).toHaveLength(expected);
        expect(new Set(holders).size).toBe(expected);
      }
    }
  });

  test('does not depend on the order of agents or on duplicates', () => {
    const state = stateOf(100, 2);
    const expected = placeModels(state, agents(6));
    expect(placeModels(state, [...agents(6).reverse(), 'agent-3', 'agent-3'])).toEqual(expected);
  });

  test('takes names that mean the same model for the same', () => {
    const named = (name: string): DesiredState => ({
      revision: 1,
      settings: {},
      models: [{ name, source: { file: '/m.gguf' }, replicas: 2 }],
    });
    expect(placeModels(named('Llama'), agents(9))).toEqual(placeModels(named('llama:latest'), agents(9)));
    expect([...placeModels(named('Llama'), agents(9)).keys()]).toEqual(['llama:latest']);
  });

  test('holds a model only where it may be, ranked as among all', () => {
    const state = stateOf(200, 2);
    const allowed = ['agent-1', 'agent-3', 'agent-7', 'agent-gone'];
    const limited = { ...state, models: state.models.map((spec) => ({ ...spec, agents: allowed })) };
    const everywhere = placeModels({ ...state, models: stateOf(200, 9).models }, agents(9));
    for (const [name, holders] of placeModels(limited, agents(9))) {
      const best = everywhere.get(name)?.filter((id) => allowed.includes(id)) ?? [];
      expect(holders).toEqual(best.slice(0, 2));
    }
    const nowhere = { ...state, models: state.models.map((spec) => ({ ...spec, agents: [] })) };
    expect([...placeModels(nowhere, agents(9)).values()].every((holders) => holders.length === 0)).toBe(true);
  });

  test('spreads models evenly', () => {
    const models = 3000;
    for (const [count, replicas] of [
      [3, 1],
      [5, 2],
      [10, 3],
    ] as const) {
      const held = new Map<string, number>();
      for (const holders of placeModels(stateOf(models, replicas), agents(count)).values())
        for (const id of holders) held.set(id, (held.get(id) ?? 0) + 1);
      const share = (models * replicas) / count;
      expect(held.size).toBe(count);
      // Five standard deviations of a fair draw.
      const tolerance = 5 * Math.sqrt(share);
      for (const number of held.values()) expect(Math.abs(number - share)).toBeLessThan(tolerance);
    }
  });

  test('a new agent takes only its share, and nothing moves between the others', () => {
    const state = stateOf(2000, 3);
    const before = placeModels(state, agents(9));
    const after = placeModels(state, agents(10));
    let moved = 0;
    for (const [name, holders] of after) {
      const old = before.get(name) ?? [];
      const gained = holders.filter((id) => !old.includes(id));
      expect(gained.every((id) => id === 'agent-9')).toBe(true);
      expect(gained.length).toBeLessThanOrEqual(1);
      moved += gained.length;
    }
    const share = (2000 * 3) / 10;
    expect(Math.abs(moved - share)).toBeLessThan(5 * Math.sqrt(share));
  });

  test('an agent that goes moves only what it held', () => {
    const state = stateOf(2000, 3);
    const before = placeModels(state, agents(10));
    const after = placeModels(
      state,
      agents(10).filter((id) => id !== 'agent-4'),
    );
    for (const [name, holders] of before) {
      const left = holders.filter((id) => id !== 'agent-4');
      const now = after.get(name) ?? [];
      expect(now).toHaveLength(3);
      expect(now.filter((id) => left.includes(id))).toEqual(left);
      if (left.length === 3) expect(now).toEqual(holders);
    }
  });

  test('stays as it is from version to version: agents of both must agree during an update', () => {
    expect([...placeModels(stateOf(4, 2), agents(5)).values()]).toMatchInlineSnapshot(`
      [
        [
          "agent-3",
          "agent-4",
        ],
        [
          "agent-2",
          "agent-4",
        ],
        [
          "agent-4",
          "agent-0",
        ],
        [
          "agent-3",
          "agent-1",
        ],
      ]
    `);
  });
});
