import { describe, expect, test } from '@jest/globals';
import { clusterConditions, eventReasons, modelConditions, type ConditionText } from './conditions.ts';

const upperCamel = /^([A-Z][a-z0-9]*)+$/;
const sentence = /^[A-Z].*[.:]$/s;

interface Entry {
  readonly where: string;
  readonly reason: string;
  readonly meaning: string;
  readonly action: string | undefined;
}

const kinds: Readonly<Record<string, Readonly<Record<string, ConditionText>>>> = {
  OllamaCluster: clusterConditions,
  OllamaModel: modelConditions,
};

const entries: readonly Entry[] = Object.entries(kinds).flatMap(([kind, conditions]) =>
  Object.entries(conditions).flatMap(([type, { reasons }]) =>
    Object.entries(reasons).map(([reason, { meaning, action }]): Entry => ({
      where: `${kind} ${type} ${reason}`,
      reason,
      meaning,
      action,
    })),
  ),
);

describe.each(Object.entries(kinds))('conditions of %s', (_kind, conditions) => {
  test('begin with Ready, have UpperCamel names and a meaning', () => {
    expect(Object.keys(conditions)[0]).toBe('Ready');
    for (const [type, { meaning }] of Object.entries(conditions)) {
      expect(type).toMatch(upperCamel);
      expect(meaning).toMatch(/^[A-Z].*[.)]$/s);
    }
  });
});

describe('reasons', () => {
  test('are UpperCamel and short, as programs read them', () => {
    for (const { reason } of entries) {
      expect(reason).toMatch(upperCamel);
      expect(reason.length).toBeLessThanOrEqual(40);
    }
  });

  test('have a meaning, and where there is something to do it is said in a sentence', () => {
    for (const { where, meaning, action } of entries) {
      expect([where, meaning]).toEqual([where, expect.stringMatching(sentence)]);
      if (action !== undefined) expect([where, action]).toEqual([where, expect.stringMatching(/[.]$/)]);
    }
  });

  test('every one that needs a person says what to do', () => {
    const failing =
      /Fail|NotFound|Invalid|Mismatch|Full|Taken|Conflict|NotSupported|Blocked|Unreachable|Refused|OutOfMemory|Loop|Unschedulable|NotBound|NotReady|Missing|TooFew/;
    for (const { where, reason, action } of entries)
      if (failing.test(reason)) expect([where, action]).toEqual([where, expect.any(String)]);
    for (const [reason, text] of Object.entries(clusterConditions.Degraded.reasons))
      if (reason !== 'AsExpected')
        expect([reason, text]).toEqual([reason, expect.objectContaining({ action: expect.any(String) })]);
  });

  test('point only to conditions that there are', () => {
    for (const [kind, conditions] of Object.entries(kinds))
      for (const { where, action = '' } of entries.filter((entry) => entry.where.startsWith(kind)))
        for (const [, type] of action.matchAll(/\b[Ss]ee ([A-Z][A-Za-z]+)\b(?! of)/g))
          expect([where, [...Object.keys(conditions), 'OllamaCluster', 'OllamaModels']]).toEqual([
            where,
            expect.arrayContaining([type]),
          ]);
  });
});

test('Events have UpperCamel reasons and a sentence', () => {
  for (const [reason, text] of Object.entries(eventReasons)) {
    expect(reason).toMatch(upperCamel);
    expect(text).toMatch(sentence);
  }
});
