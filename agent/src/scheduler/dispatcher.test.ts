import { describe, expect, test } from '@jest/globals';
import { ApiError } from '@ollamamax/api';
import type { AgentStatus, ErrorCode, InferenceEvent, InferenceRequest, ResidentModel } from '@ollamamax/api';
import type { EngineModel, InferenceEngine } from '../inference/engine.ts';
import type { Peer, Peers } from '../p2p/peers.ts';
import {
  codeOf,
  collect,
  done,
  memoryCatalog,
  modelName,
  newRequest,
  newChunks,
  newShow,
  newStatus,
  text,
  untilAborted,
} from '../p2p/wire.fixture.ts';
import { createDispatcher, type Dispatcher } from './dispatcher.ts';
import { createLocalRunner } from './local-runner.ts';

type Behaviour = (request: InferenceRequest, signal: AbortSignal) => AsyncIterable<InferenceEvent>;

const never = new AbortController().signal;
const resident = (fields: Partial<ResidentModel> = {}): ResidentModel => ({
  contextSize: 4096,
  slots: 4,
  busySlots: 0,
  queued: 0,
  memoryBytes: 1,
  loadedAt: '2026-01-01T00:00:00.000Z',
  restarts: 0,
  state: 'ready',
  ...fields,
});
const withModel = (id: string, loaded?: ResidentModel, fields: Partial<AgentStatus> = {}): AgentStatus =>
  newStatus(id, {
    models: [
      {
        name: modelName,
        state: 'ready',
        sizeBytes: 1,
        completedBytes: 1,
        ...(loaded === undefined ? {} : { resident: loaded }),
      },
    ],
    ...fields,
  });

const answers: Behaviour = async function* () {
  yield text('hi');
  yield done;
};
const fails = (code: ErrorCode): Behaviour =>
  async function* () {
    yield* [];
    throw new ApiError(code);
  };
const failsLate = (code: ErrorCode): Behaviour =>
  async function* () {
    yield text('h');
    throw new ApiError(code);
  };
const hangs: Behaviour = async function* (_request, signal) {
  yield* [];
  await untilAborted(signal);
};

/** A cluster of this agent and peers that behave as told; notes who was asked. */
const newCluster = (setup: {
  readonly self?: Behaviour;
  readonly selfReady?: boolean;
  readonly selfLoaded?: ResidentModel;
  readonly accepting?: boolean;
  readonly peers?: Record<string, Behaviour>;
  /** Those of an earlier version, which cannot tell chunks. */
  readonly outdated?: readonly string[];
  readonly statuses?: Record<string, AgentStatus>;
}) => {
  const asked: string[] = [];
  const behaviours: Record<string, Behaviour> = { self: answers, ...setup.peers };
  if (setup.self !== undefined) behaviours.self = setup.self;
  const act = (id: string, request: InferenceRequest, signal: AbortSignal): AsyncIterable<InferenceEvent> => {
    asked.push(id);
    return behaviours[id]!(request, signal);
  };
  const states = new Map<string, Peer>(
    Object.keys(setup.peers ?? {}).map((id) => [
      id,
      {
        id,
        address: `${id}:9443`,
        online: true,
        lastSeen: '2026-01-01T00:00:00.000Z',
        status: setup.statuses?.[id] ?? withModel(id, resident()),
      },
    ]),
  );
  const peers: Peers = {
    list: () => [...states.values()],
    onChange: () => () => undefined,
    run: (id, request, signal) => act(id, request, signal),
    show: async (id, name) => {
      asked.push(id);
      return newShow(name);
    },
    chunks: async (id, name) => {
      asked.push(id);
      if (setup.outdated?.includes(id) === true) throw new ApiError('route_not_found');
      return newChunks(name);
    },
    admit: () => Promise.reject(new ApiError('not_a_member')),
    leave: () => Promise.reject(new ApiError('not_a_member')),
    lookAgain: async (id) => void asked.push(`look at ${id}`),
    admitAt: () => Promise.reject(new ApiError('not_a_member')),
  };
  const engine: InferenceEngine = {
    run: (_model, request, signal) => act('self', request, signal),
    load: async () => undefined,
    unload: async () => void asked.push('self unload'),
    resident: () => new Map(setup.selfLoaded === undefined ? [] : [[modelName, setup.selfLoaded]]),
    stop: async () => undefined,
  };
  const ready = setup.selfReady ?? true;
  const model = { name: modelName } as EngineModel;
  const models = {
    list: () => [
      {
        name: modelName,
        state: ready ? ('ready' as const) : ('downloading' as const),
        sizeBytes: 1,
        completedBytes: 0,
      },
    ],
    get: (name: string) => (ready && name === modelName ? model : undefined),
    show: async (name: string) => newShow(name),
    chunks: async (name: string) => newChunks(name),
    onChange: () => () => undefined,
  };
  const local = createLocalRunner({
    selfId: 'self',
    engine,
    models,
    accepting: () => setup.accepting ?? true,
  });
  const dispatcher = createDispatcher({
    selfId: 'self',
    engine,
    models,
    peers,
    catalog: memoryCatalog(),
    local,
    phase: () => 'ready',
  });
  return { dispatcher, asked, states, local };
};

const loaded = resident();

describe('where a request goes', () => {
  test.each<[string, Parameters<typeof newCluster>[0], readonly string[], string]>([
    ['stays here when this agent can', { selfLoaded: loaded, peers: { a: answers } }, ['self'], 'none'],
    ['goes to the peer that has it loaded', { peers: { a: answers } }, ['a'], 'none'],
    [
      'goes on when the first holder cannot be reached',
      { selfReady: false, peers: { a: fails('agent_unreachable') } },
      ['a'],
      'agent_unreachable',
    ],
    [
      'goes to another holder when one drains',
      { selfLoaded: loaded, accepting: false, peers: { a: answers } },
      ['a'],
      'none',
    ],
    [
      'goes to another holder when a queue is full',
      { selfLoaded: loaded, self: fails('queue_full'), peers: { a: answers } },
      ['self', 'a'],
      'none',
    ],
    [
      'is not sent on when the request itself is wrong',
      { selfLoaded: loaded, self: fails('context_exceeded'), peers: { a: answers } },
      ['self'],
      'context_exceeded',
    ],
    [
      'is not sent on after a wait in a queue',
      { selfLoaded: loaded, self: fails('queue_timeout'), peers: { a: answers } },
      ['self'],
      'queue_timeout',
    ],
    [
      'is sent on once after a crash',
      { selfLoaded: loaded, self: fails('runner_crashed'), peers: { a: answers } },
      ['self', 'a'],
      'none',
    ],
    [
      'is tried once more in place after a crash when nobody else has it',
      { selfLoaded: loaded, self: fails('runner_crashed') },
      ['self', 'self'],
      'runner_crashed',
    ],
    [
      'does not crash a third runner',
      {
        selfLoaded: loaded,
        self: fails('runner_crashed'),
        peers: { a: fails('runner_crashed'), b: fails('runner_crashed') },
      },
      ['self', expect.any(String) as unknown as string],
      'runner_crashed',
    ],
    [
      'is given up after three tries',
      {
        selfLoaded: loaded,
        self: fails('queue_full'),
        peers: { a: fails('queue_full'), b: fails('queue_full'), c: answers },
        statuses: { c: withModel('c', resident({ busySlots: 4 })) },
      },
      ['self', expect.any(String) as unknown as string, expect.any(String) as unknown as string],
      'queue_full',
    ],
    [
      'is not repeated after its first event',
      { selfLoaded: loaded, self: failsLate('agent_unreachable'), peers: { a: answers } },
      ['self'],
      'agent_unreachable',
    ],
  ])('%s', async (_what, setup, asked, code) => {
    const { dispatcher, asked: seen } = newCluster(setup);
    expect(await codeOf(collect(dispatcher.run(newRequest(), never)))).toBe(code);
    expect(seen).toEqual(asked);
  });

  test('the caller learns who serves, once, from the agent that really did', async () => {
    const { dispatcher } = newCluster({
      selfLoaded: loaded,
      self: fails('queue_full'),
      peers: { a: answers },
    });
    const served: string[] = [];
    await collect(dispatcher.run(newRequest(), never, (id) => served.push(id)));
    expect(served).toEqual(['a']);
  });

  test('a model nobody asked for is not found; one that nobody has ready says where it stands', async () => {
    const { dispatcher, states } = newCluster({ selfReady: false, peers: { a: answers } });
    states.set('a', { ...states.get('a')!, online: false });
    expect(await codeOf(collect(dispatcher.run(newRequest({ model: 'x:latest' }), never)))).toBe(
      'model_not_found',
    );
    await expect(collect(dispatcher.run(newRequest(), never))).rejects.toMatchObject({
      code: 'model_not_ready',
      retryAfterSeconds: 2,
      message: `No agent can serve ${modelName} yet: self downloading, a offline.`,
    });
  });

  test('what was sent since the last status counts, until the next one or its end', async () => {
    const { dispatcher, asked, states } = newCluster({
      selfReady: false,
      peers: { a: hangs, b: hangs },
      statuses: { b: withModel('b', resident({ busySlots: 2 })) },
    });
    const leave = new AbortController();
    const running = Array.from({ length: 6 }, (_, index) =>
      codeOf(collect(dispatcher.run(newRequest({ id: `r${index}` }), leave.signal))),
    );
    // Two to level a with b, then half and half.
    expect(asked.slice(0, 2)).toEqual(['a', 'a']);
    expect([...asked].sort()).toEqual(['a', 'a', 'a', 'a', 'b', 'b']);

    // A new status that already knows of two at a: they are not counted twice.
    states.set('a', { ...states.get('a')!, status: withModel('a', resident({ busySlots: 2 })) });
    running.push(codeOf(collect(dispatcher.run(newRequest({ id: 'next' }), leave.signal))));
    expect(asked.at(-1)).toBe('a');

    leave.abort();
    expect(new Set(await Promise.all(running))).toEqual(new Set(['cancelled']));
    states.set('a', { ...states.get('a')!, status: withModel('a', resident()) });
    states.set('b', { ...states.get('b')!, status: withModel('b', resident({ busySlots: 1 })) });
    const again = new AbortController();
    const last = codeOf(collect(dispatcher.run(newRequest({ id: 'again' }), again.signal)));
    expect(asked.at(-1)).toBe('a');
    again.abort();
    await last;
  });

  test('a burst does not pile up here while the runner has not counted it yet', async () => {
    const { dispatcher, asked, local } = newCluster({ selfLoaded: loaded, self: hangs, peers: { a: hangs } });
    const leave = new AbortController();
    const running = Array.from({ length: 8 }, (_, index) =>
      codeOf(collect(dispatcher.run(newRequest({ id: `r${index}` }), leave.signal))),
    );
    expect(asked.filter((id) => id === 'self')).toHaveLength(4);
    expect(local.active()).toBe(4);
    leave.abort();
    await Promise.all(running);
    expect(local.active()).toBe(0);
  });

  test('an early end of the loop is passed on to the holder', async () => {
    let ended = 0;
    const { dispatcher } = newCluster({
      peers: {
        a: async function* () {
          try {
            yield text('1');
            yield text('2');
          } finally {
            ended += 1;
          }
        },
      },
    });
    for await (const event of dispatcher.run(newRequest(), never)) {
      expect(event).toEqual(text('1'));
      break;
    }
    expect(ended).toBe(1);
  });
});

describe('unload', () => {
  const unload = newRequest({ input: { kind: 'unload' } });
  const unloaded: Behaviour = async function* () {
    yield { ...done, reason: 'unload' } as InferenceEvent;
  };

  test('goes to every agent that has the file, whatever the last status said of its memory', async () => {
    const { dispatcher, asked } = newCluster({
      peers: { a: unloaded, b: unloaded },
      statuses: { b: withModel('b') },
    });
    expect(await collect(dispatcher.run(unload, never))).toMatchObject([{ type: 'done', reason: 'unload' }]);
    expect([...asked].sort()).toEqual(['a', 'b', 'look at a', 'look at b', 'self unload']);
  });

  test('is done when an agent is gone, and not done when one refuses', async () => {
    const gone = newCluster({ peers: { a: fails('agent_unreachable') } });
    expect(await codeOf(collect(gone.dispatcher.run(unload, never)))).toBe('none');
    const broken = newCluster({ peers: { a: fails('internal') } });
    expect(await codeOf(collect(broken.dispatcher.run(unload, never)))).toBe('internal');
  });

  test('works while this agent drains', async () => {
    const { dispatcher, asked } = newCluster({ accepting: false });
    expect(await codeOf(collect(dispatcher.run(unload, never)))).toBe('none');
    expect(asked).toEqual(['self unload']);
  });
});

describe('what only an agent with the file knows', () => {
  type Asking = (dispatcher: Dispatcher, name: string) => Promise<{ readonly name: string }>;
  const askings: readonly [string, Asking][] = [
    ['show', (dispatcher, name) => dispatcher.show(name, false, never)],
    ['chunks', (dispatcher, name) => dispatcher.chunks(name, never)],
  ];
  test.each(askings)('comes from here when the file is here, else from a holder: %s', async (_what, ask) => {
    const here = newCluster({ peers: { a: answers } });
    expect((await ask(here.dispatcher, modelName)).name).toBe(modelName);
    expect(here.asked).toEqual([]);
    const elsewhere = newCluster({ selfReady: false, peers: { a: answers } });
    expect((await ask(elsewhere.dispatcher, modelName)).name).toBe(modelName);
    expect(elsewhere.asked).toEqual(['a']);
    expect(await codeOf(ask(elsewhere.dispatcher, 'x:latest'))).toBe('model_not_found');
  });
});

test('chunks come from a holder that knows of them, where some are of an earlier version', async () => {
  const outdated = ['a', 'b'];
  const mixed = newCluster({ selfReady: false, peers: { a: answers, b: answers, c: answers }, outdated });
  expect((await mixed.dispatcher.chunks(modelName, never)).name).toBe(modelName);
  const old = newCluster({ selfReady: false, peers: { a: answers, b: answers }, outdated });
  expect(await codeOf(old.dispatcher.chunks(modelName, never))).toBe('agents_outdated');
});

describe('requests that other agents sent', () => {
  test('run here or not at all', async () => {
    const { local, asked } = newCluster({ selfReady: false, peers: { a: answers } });
    expect(await codeOf(collect(local.run(newRequest(), never)))).toBe('model_not_ready');
    expect(asked).toEqual([]);
    const draining = newCluster({ accepting: false });
    expect(await codeOf(collect(draining.local.run(newRequest(), never)))).toBe('agent_draining');
  });
});
