import { describe, expect, test } from '@jest/globals';
import { ApiError, type AgentStatus } from '@ollamamax/api';
import type { InternalClient } from './internal-client.ts';
import { shrink } from './roll-out.ts';

/** Three agents that know who leads; `leave` is what the test is about. */
const clusterOf = (leave: InternalClient['leave']): InternalClient => ({
  // Of the status only this much is read here.
  status: (id) => Promise.resolve({ id, consensus: { state: 'member', leader: 'agent-0' } } as AgentStatus),
  bootstrap: () => Promise.resolve(),
  leave,
  push: () => Promise.resolve(),
  close: () => undefined,
});

const shrunk = (leave: InternalClient['leave']): Promise<void> =>
  shrink(
    {
      client: clusterOf(leave),
      agents: [0, 1, 2].map((index) => ({ id: `agent-${index}`, port: index })),
      timeoutMs: 30_000,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    },
    'group',
    1,
  );

describe('agents that leave as "up" is started with fewer', () => {
  test('the last one leaves first, and who finds nobody leading asks again', async () => {
    const asked: string[] = [];
    await shrunk((id) => {
      asked.push(id);
      return asked.length === 1 ? Promise.reject(new ApiError('no_leader')) : Promise.resolve();
    });
    expect(asked).toEqual(['agent-2', 'agent-2', 'agent-1']);
  });

  test('what asking again cannot mend is told at once', async () => {
    const asked: string[] = [];
    const outcome = shrunk((id) => {
      asked.push(id);
      return Promise.reject(new ApiError('member_failed'));
    });
    await expect(outcome).rejects.toMatchObject({ code: 'member_failed' });
    expect(asked).toEqual(['agent-2']);
  });
});
