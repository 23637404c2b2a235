import { describe, expect, test } from '@jest/globals';
import { memberOf, noMember, reportOf, silent, type GroupFields } from '../cluster/agents.fixture.ts';
import type { AgentReport } from './report.ts';
import { pushTargets } from './push-targets.ts';

const member = (ordinal: number, fields: GroupFields = {}, catalogRevision = 2): AgentReport =>
  reportOf(`demo-${ordinal}`, {
    status: { catalogRevision, consensus: memberOf(`demo-${ordinal}`, fields) },
  });

const targets = (reports: readonly AgentReport[], revision = 5, clusterId?: string): readonly string[] =>
  pushTargets(new Map(reports.map((report) => [report.name, report])), revision, clusterId);

describe('of a group', () => {
  test('the one that leads is given it, and no other', () => {
    expect(targets([member(0), member(1), member(2)])).toEqual(['demo-0']);
    expect(targets([member(0, { leader: 'demo-2' }), member(2, { leader: 'demo-2' })])).toEqual(['demo-2']);
  });

  test('when it has it, nobody is: the others get it from there', () => {
    expect(targets([member(0, {}, 5), member(1), member(2)])).toEqual([]);
  });

  test('one of whom others say that it leads is next, then any member', () => {
    const fields = { leader: 'demo-1' };
    const follower = reportOf('demo-1', {
      status: { consensus: memberOf('demo-1', { leader: undefined }) },
    });
    expect(targets([member(0, fields), follower, member(2, fields)])).toEqual(['demo-1']);
    expect(targets([member(2, fields)])).toEqual(['demo-2']);
    expect(targets([member(1, { leader: undefined }), member(2, { leader: undefined })])).toEqual(['demo-1']);
  });

  test('one with a newer term knows better', () => {
    const old = member(0, { leader: 'demo-0', term: 3 });
    expect(targets([old, member(1, { leader: 'demo-1', term: 4 })])).toEqual(['demo-1']);
  });

  test.each(['none', 'left', 'refused', 'failed'] as const)('one that is %s is not', (state) => {
    expect(targets([reportOf('demo-0', { status: { consensus: { ...noMember, state } } })])).toEqual([]);
  });

  test('one that does not answer is not, nor one of another group', () => {
    const { status } = member(0);
    expect(targets([silent('demo-0', 1, { status: status ?? {} }), member(1, { leader: 'demo-0' })])).toEqual(
      ['demo-1'],
    );
    expect(targets([member(0)], 5, 'group-2')).toEqual([]);
    expect(targets([member(0)], 5, 'group-1')).toEqual(['demo-0']);
  });
});

test('each agent that is too old to agree is given it, beside one of a group', () => {
  const old = [0, 1].map((ordinal) => reportOf(`demo-${ordinal}`));
  const current = reportOf('demo-3', { status: { catalogRevision: 5 } });
  expect(targets([...old, current, member(2, { leader: 'demo-2' })])).toEqual(['demo-0', 'demo-1', 'demo-2']);
});
