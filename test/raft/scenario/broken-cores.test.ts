import { expect, test } from '@jest/globals';
import type { Message } from '../../../agent/src/raft/core/message.ts';
import type { Ready } from '../../../agent/src/raft/core/ready.ts';
import { makeRawNode, type Core, type MakeCore } from './core.ts';
import { runScenario } from './run-scenario.ts';

/*
 * Cores with one fault each, as one could be made: the runner must notice, whatever the file expects. The same files
 * pass with the real core.
 */

const three = { do: 'addNodes', count: 3, voters: [1, 2, 3], snapshot: { index: 2, term: 1, data: '' } };
const lead = [{ do: 'campaign', node: 1 }, { do: 'stabilize' }];
const propose = (data: string) => ({ do: 'propose', node: 1, data });

/** The core, with some of what it does done otherwise. */
const faulty =
  (change: (core: Core) => Partial<Core>): MakeCore =>
  (config, storage) => {
    const core = makeRawNode(config, storage);
    return new Proxy(core, {
      get: (_target, name) => {
        const changed: unknown = Reflect.get(change(core), name);
        const own: unknown = Reflect.get(core, name, core);
        return changed ?? (typeof own === 'function' ? (own.bind(core) as unknown) : own);
      },
    });
  };

const sendsEarly = faulty((core) => ({
  ready: (): Ready => {
    const ready = core.ready();
    return { ...ready, messages: [...ready.messages, ...(ready.append?.messages ?? [])] };
  },
}));

const forgetsItsVote: MakeCore = (config, storage) =>
  makeRawNode(config, {
    initialState: () => {
      const { hardState, ...rest } = storage.initialState();
      return { ...rest, hardState: { ...hardState, vote: 0 } };
    },
    firstIndex: () => storage.firstIndex(),
    lastIndex: () => storage.lastIndex(),
    term: (index) => storage.term(index),
    entries: (from, to, maxBytes) => storage.entries(from, to, maxBytes),
    snapshot: () => storage.snapshot(),
  });

const changesPayloads = faulty((core) => ({
  step: (received: Message) => {
    const entries = received.entries.map((entry) =>
      entry.data.length === 0 ? entry : { ...entry, data: new TextEncoder().encode('forged') },
    );
    core.step(received.type === 'append' ? { ...received, entries } : received);
  },
}));

const countsRefusals = faulty((core) => ({
  step: (received: Message) => {
    // A grant names the last entry that it was asked for; here that is of term 2.
    const grant = { ...received, reject: false, index: core.status().lastIndex, logTerm: 2 };
    core.step(received.type === 'voteResp' && received.reject ? grant : received);
  },
}));

const believesWhatIsNotThere = faulty((core) => ({
  step: (received: Message) =>
    core.step(received.type === 'appendResp' ? { ...received, index: core.status().lastIndex } : received),
}));

const neverRests = faulty(() => ({ hasReady: () => true }));

const stops = faulty(() => ({
  tick: () => {
    throw new Error('a rule is broken');
  },
}));

const goesBack = faulty((core) => ({
  status: () => {
    const status = core.status();
    return status.term > 1 && status.role === 'follower' ? { ...status, commit: 1 } : status;
  },
}));

/** Nodes 1 and 2 stand in the same term and node 3 can vote for one; it is down between its two answers. */
const twoCandidates = [
  three,
  { do: 'campaign', node: 1 },
  { do: 'campaign', node: 2 },
  { do: 'drain', node: 1 },
  { do: 'deliver', to: [3], drop: [2] },
  { do: 'drain', node: 3 },
  { do: 'crash', node: 3 },
  { do: 'restart', node: 3 },
  { do: 'drain', node: 2 },
  { do: 'deliver', to: [3] },
  { do: 'stabilize' },
];
const shortLog = [
  three,
  ...lead,
  { do: 'partition', groups: [[1, 2], [3]] },
  propose('a'),
  { do: 'stabilize' },
  { do: 'heal' },
  { do: 'campaign', node: 3 },
  { do: 'stabilize' },
];
const oneBehind = [
  three,
  ...lead,
  propose('a'),
  { do: 'drain', node: 1 },
  { do: 'deliver', to: [2], drop: [3] },
  { do: 'drain', node: 2 },
  { do: 'deliver', to: [1] },
  { do: 'settle' },
];
const lostAppends = [
  three,
  ...lead,
  { do: 'reportUnreachable', node: 1, peer: 2 },
  { do: 'reportUnreachable', node: 1, peer: 3 },
  { do: 'tick', node: 1 },
  { do: 'drain', node: 1 },
  { do: 'deliver', to: [2, 3] },
  { do: 'drain', nodes: [2, 3] },
  { do: 'deliver', to: [1] },
  { do: 'drain', node: 1 },
  { do: 'deliver', to: [2, 3] },
  { do: 'drain', nodes: [2, 3] },
  propose('a'),
  { do: 'drain', node: 1 },
  { do: 'deliver', to: [1], drop: [2, 3] },
];

const run = (steps: object[], makeCore: MakeCore): ReturnType<typeof runScenario> =>
  runScenario(JSON.stringify({ format: 'raft-scenario/1', name: 'planted', steps }), makeCore);

test.each([
  ['sends promises before they are stored', sendsEarly, [three, ...lead], /before it is durable/],
  ['forgets its vote in a crash', forgetsItsVote, twoCandidates, /vote of node 3 in term 2 changes from 1/],
  ['changes what it was sent', changesPayloads, oneBehind, /has other content than elsewhere/],
  ['takes a refusal for a vote', countsRefusals, shortLog, /without durable votes of a quorum/],
  ['counts entries that nobody has', believesWhatIsNotThere, lostAppends, /before it is durable on a quorum/],
  ['falls back in what is committed', goesBack, [three, ...lead], /commit of node \d falls/],
  ['never comes to rest', neverRests, [three, { do: 'drain', node: 1 }], /after 10000 rounds/],
  ['stops', stops, [three, { do: 'tick', node: 1 }], /a rule is broken/],
] as const)('a core that %s is found', (_what, makeCore, steps, message) => {
  expect(run([...steps], makeRawNode)).toMatchObject({ ok: true, message: null });
  expect(run([...steps], makeCore)).toMatchObject({ ok: false, message: expect.stringMatching(message) });
});
