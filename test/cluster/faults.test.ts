import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { tinyModel } from '../harness/local-cluster.ts';
import { endless, isWholeStory, story, streamChat, type StreamOutcome } from '../harness/chat-stream.ts';
import {
  clusterObject,
  condition,
  createNamespace,
  isReady,
  isTrue,
  modelObject,
  type Namespace,
} from './namespace.ts';
import { addresses } from './kubernetes/addresses.ts';
import { startStack, type Stack } from './stack.ts';
import { until } from './kubernetes/until.ts';

/** The issue's own: what goes wrong is told within half a minute. */
const toldWithinMs = 30_000;

/** A long answer that is running. */
interface LongStream {
  /** Name of the agent that its client talks to. */
  readonly entry: string;
  /** Name of the agent that computes it. */
  readonly servedBy: string | undefined;
  /** Once it has ended. */
  outcome: StreamOutcome | undefined;
}

/** Starts a long answer by way of one agent; resolves when it is known who computes it. */
const startLongStream = async (
  entry: string,
  url: string,
  model: string,
  signal: AbortSignal,
): Promise<LongStream> => {
  const begun = Promise.withResolvers<string | undefined>();
  const ended = streamChat(url, { ...endless, model }, { onHead: begun.resolve, signal });
  const first = await Promise.race([begun.promise, ended]);
  if (typeof first === 'object')
    throw new Error(`a stream did not begin: ${first.error ?? String(first.broken)}`);
  const stream: LongStream = { entry, servedBy: first, outcome: undefined };
  void ended.then((outcome) => (stream.outcome = outcome));
  return stream;
};

let stack: Stack;
let space: Namespace;
let files: Server;
let filesUrl: string;

const digest = createHash('sha256').update(readFileSync(tinyModel)).digest('hex');

beforeAll(async () => {
  stack = await startStack();
  space = await createNamespace(stack, 'faults');
  files = createServer((request, response) => {
    if (request.url !== '/tiny.gguf') {
      response.writeHead(404).end('no such file');
      return;
    }
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': statSync(tinyModel).size,
    });
    createReadStream(tinyModel).pipe(response);
  });
  files.listen(0, addresses.controlPlane);
  await once(files, 'listening');
  filesUrl = `http://${addresses.controlPlane}:${(files.address() as AddressInfo).port}`;
}, 20 * 60_000);

afterAll(async () => {
  await space.remove();
  files.closeAllConnections();
  files.close();
  await stack.stop();
}, 120_000);

describe('what keeps an agent from starting is told in a condition, an event and a sentence', () => {
  const cases: readonly {
    readonly name: string;
    readonly spec: object;
    readonly reason: string;
    readonly sentence: RegExp;
    readonly type?: string;
  }[] = [
    {
      name: 'no-image',
      spec: { image: 'registry.invalid/nothing:1' },
      reason: 'ImagePullFailed',
      sentence: /no-image-0: the image cannot be fetched: .*registry\.invalid/,
    },
    {
      name: 'too-large',
      spec: { resources: { requests: { cpu: '64', memory: '1Gi' } } },
      reason: 'Unschedulable',
      sentence: /too-large-0: no node fits: .*Insufficient cpu/,
    },
    {
      name: 'no-gpu',
      spec: { gpu: { vendor: 'nvidia', count: 1 } },
      reason: 'Unschedulable',
      sentence: /no-gpu-0: no node fits: .*Insufficient nvidia\.com\/gpu/,
    },
    {
      name: 'no-class',
      spec: { storage: { size: '100Mi', className: 'nothing' } },
      reason: 'StorageClassNotFound',
      type: 'StorageReady',
      sentence: /StorageClass nothing does not exist/,
    },
    {
      name: 'no-memory',
      // Node itself takes more than that to start.
      spec: { resources: { requests: { cpu: '50m', memory: '24Mi' }, limits: { memory: '24Mi' } } },
      reason: 'OutOfMemory',
      sentence: /no-memory-0: the agent used more memory than its limit and was ended/,
    },
    {
      name: 'crashes',
      spec: { pod: { env: [{ name: 'API_LISTEN', value: 'not an address' }] } },
      reason: 'CrashLoop',
      sentence: /crashes-0: the agent ends again and again.*kubectl logs crashes-0 --previous/,
    },
    {
      name: 'no-secret',
      spec: { auth: { signingSecretRef: { name: 'nothing', key: 'key' } } },
      reason: 'ReferenceNotFound',
      sentence: /Secret nothing \(spec\.auth\.signingSecretRef\) does not exist/,
    },
  ];

  test.each(cases)('$name: $reason', async ({ name, spec, reason, sentence, type = 'Degraded' }) => {
    await space.apply(clusterObject(name, { replicas: 1, ...spec }));
    const cluster = await space.untilCluster(
      `${type} says ${reason}`,
      (one) => condition(one, type)?.reason === reason,
      { name, timeoutMs: toldWithinMs * 3 },
    );
    expect(condition(cluster, type)?.message).toMatch(sentence);
    expect(isTrue(cluster, 'Ready')).toBe(false);
    if (type === 'Degraded') {
      const told = await until('an event says so', async () =>
        (await space.events()).find(
          (event) => event.about === `OllamaCluster/${name}` && event.note.startsWith(`${reason}:`),
        ),
      );
      expect(told).toMatchObject({ type: 'Warning', reason: 'Degraded' });
    }
    await space.kubectl(['delete', 'oc', name, '--wait=false']);
  });
});

describe('a cluster that serves', () => {
  beforeAll(async () => {
    await space.apply(
      clusterObject('demo', { auth: { enabled: false } }),
      modelObject('tiny', 'demo', { replicas: 3 }),
      modelObject('loaded', 'demo', { source: { http: { url: `${filesUrl}/tiny.gguf` } }, sha256: digest }),
    );
    await space.untilModel('tiny', 'the model is on three agents', (one) => isTrue(one, 'Replicated'));
    await space.untilModel('loaded', 'a model is downloaded', (one) => isTrue(one, 'Replicated'));
    await space.untilCluster('it is ready', isReady);
  }, 400_000);

  test('says why a model cannot be served: no such file, no such URL, other bytes, no source yet', async () => {
    // Not the digest of anything that is there: bytes that an agent has are not fetched again.
    const zeros = '0'.repeat(64);
    const ones = '1'.repeat(64);
    await space.apply(
      modelObject('gone', 'demo', { source: { file: { path: '/app/models/nothing.gguf' } } }),
      modelObject('missing', 'demo', { source: { http: { url: `${filesUrl}/nothing` } }, sha256: ones }),
      modelObject('unreachable', 'demo', {
        source: { http: { url: 'http://nothing.invalid/tiny.gguf' } },
        sha256: ones,
      }),
      modelObject('other', 'demo', { source: { http: { url: `${filesUrl}/tiny.gguf` } }, sha256: zeros }),
      modelObject('registry', 'demo', { source: { ollama: { name: 'llama3.2' } } }),
    );
    const failed = async (name: string, type: 'Downloaded' | 'Resolved', reason: string): Promise<string> => {
      const model = await space.untilModel(
        name,
        `${name} says ${reason}`,
        (one) => condition(one, type)?.reason === reason && one.status?.phase === 'Failed',
        toldWithinMs * 3,
      );
      return model.status?.lastError ?? '';
    };
    expect(await failed('gone', 'Downloaded', 'FileNotFound')).toContain('/app/models/nothing.gguf');
    expect(await failed('missing', 'Downloaded', 'DownloadFailed')).toMatch(/404/);
    expect(await failed('unreachable', 'Downloaded', 'DownloadFailed')).toContain('nothing.invalid');
    expect(await failed('other', 'Downloaded', 'DigestMismatch')).toContain(digest);
    expect(await failed('registry', 'Resolved', 'SourceNotSupportedYet')).toContain('ollama');
    const events = await space.events();
    for (const name of ['gone', 'missing', 'unreachable', 'other', 'registry'])
      expect(events).toContainEqual(
        expect.objectContaining({ about: `OllamaModel/${name}`, reason: 'ModelFailed', type: 'Warning' }),
      );
    const cluster = await space.untilCluster(
      'the cluster tells of failed models',
      (one) => condition(one, 'ModelsReady')?.reason === 'SomeFailed',
    );
    expect(condition(cluster, 'ModelsReady')?.message).toBe('2 of 7 models are ready. 5 models failed.');
    await space.kubectl([
      'delete',
      'om',
      'gone',
      'missing',
      'unreachable',
      'other',
      'registry',
      '--timeout=60s',
    ]);
    await space.untilCluster('all models are ready again', (one) => isTrue(one, 'ModelsReady'));
  }, 300_000);

  test('goes on serving while the operator is gone and the API server is cut off, and catches up afterwards', async () => {
    const url = await space.serviceUrl();
    const { cluster, operatorNamespace } = stack;
    await cluster.kubectl(['-n', operatorNamespace, 'scale', 'deploy', '--all', '--replicas=0']);
    await until(
      'the operator is gone',
      async () =>
        (await cluster.kubectl(['-n', operatorNamespace, 'get', 'pods', '-o', 'name'])).trim() === '',
    );
    await space.kubectl([
      'patch',
      'oc',
      'demo',
      '--type=merge',
      '-p={"spec":{"inference":{"contextSize":2048}}}',
    ]);
    await cluster.blockApiServer();
    try {
      for (let round = 0; round < 10; round += 1) {
        const outcome = await streamChat(url, { ...story, model: 'tiny' });
        expect(outcome).toMatchObject({ complete: true, status: 200 });
        expect(isWholeStory(outcome.text)).toBe(true);
      }
    } finally {
      await cluster.unblockApiServer();
    }
    const before = (await space.cluster()).status?.desiredState?.revision ?? 0;
    await cluster.kubectl(['-n', operatorNamespace, 'scale', 'deploy', '--all', '--replicas=1']);
    await space.untilCluster('what was asked for meanwhile has happened', (one) => {
      const revision = one.status?.desiredState?.revision ?? 0;
      return revision > before && one.status?.agents?.every((agent) => agent.revision === revision) === true;
    });
  }, 300_000);

  test('kubectl drain of a node: the budget lets one agent go at a time, and no request fails', async () => {
    const url = await space.serviceUrl();
    const bad: unknown[] = [];
    let going = true;
    let finished = 0;
    const clients = Array.from({ length: 4 }, async () => {
      while (going) {
        const outcome = await streamChat(url, { ...story, model: 'tiny' });
        finished += 1;
        if (!outcome.complete || !isWholeStory(outcome.text)) bad.push(outcome);
      }
    });
    try {
      await until('streams run', () => finished > 4);
      await space.kubectl([
        'drain',
        'node-3',
        '--ignore-daemonsets',
        '--delete-emptydir-data',
        '--timeout=120s',
      ]);
    } finally {
      await stack.cluster.kubectl(['uncordon', 'node-3']);
    }
    await space.untilCluster('all agents are back', isReady);
    going = false;
    await Promise.all(clients);
    expect(bad).toEqual([]);
  }, 400_000);

  test('a node that dies: what its agent was computing ends with an error, others serve on, and it comes back', async () => {
    const pods = JSON.parse(
      await space.kubectl(['get', 'pods', '-l', 'ollamamax.io/cluster=demo', '-o', 'json']),
    ) as { items: { metadata: { name: string }; spec: { nodeName: string }; status: { podIP: string } }[] };
    const agents = pods.items.map((pod) => ({
      name: pod.metadata.name,
      node: pod.spec.nodeName,
      url: `http://${pod.status.podIP}:8080`,
    }));
    const victim = agents.find(({ node }) => node !== 'node-1');
    if (victim === undefined) throw new Error('all agents are on one node');
    // One agent computes it for all.
    await space.apply(
      modelObject('pinned', 'demo', { replicas: 1, nodeSelector: { 'kubernetes.io/hostname': victim.node } }),
    );
    await space.untilModel('pinned', 'the model is where it is to be', isReady);
    const stop = new AbortController();
    const streams: LongStream[] = [];
    for (const model of ['tiny', 'pinned'])
      for (const { name, url } of agents) streams.push(await startLongStream(name, url, model, stop.signal));
    // They are long, not endless: on a slow machine the first ones may be over by now.
    const running = streams.filter(({ outcome }) => outcome === undefined);
    const entered = running.filter(({ entry }) => entry === victim.name);
    const lost = running.filter(({ entry, servedBy }) => entry !== victim.name && servedBy === victim.name);
    const untouched = running.filter((stream) => !entered.includes(stream) && !lost.includes(stream));
    expect(lost.length).toBeGreaterThanOrEqual(1);
    const node = Number(victim.node.replace('node-', ''));
    await stack.cluster.stopNode(node);
    try {
      // The others notice by themselves, long before Kubernetes does, and try another agent before the first byte.
      for (const { url } of agents.filter(({ name }) => name !== victim.name))
        for (let round = 0; round < 3; round += 1) {
          const outcome = await streamChat(url, { ...story, model: 'tiny' });
          expect(outcome).toMatchObject({ complete: true, error: undefined, broken: undefined });
          expect(isWholeStory(outcome.text)).toBe(true);
        }
      await until(
        'what it computed for others has ended',
        () => lost.every(({ outcome }) => outcome !== undefined),
        {
          timeoutMs: 60_000,
        },
      );
      for (const { outcome } of lost)
        expect(outcome).toMatchObject({ complete: false, code: 'agent_unreachable', broken: undefined });
      // Theirs is a connection to a machine that is gone: nothing comes any more, and no last line.
      for (const { outcome } of entered) expect(outcome?.complete ?? false).toBe(false);
      for (const { outcome } of untouched)
        if (outcome !== undefined) expect(outcome).toMatchObject({ complete: true, broken: undefined });
      stop.abort();
      const cluster = await space.untilCluster(
        'the cluster says that an agent is away',
        (one) => (one.status?.readyReplicas ?? 3) < 3,
      );
      expect(isTrue(cluster, 'Available')).toBe(true);
      expect(isTrue(cluster, 'QuorumReady')).toBe(true);
      expect(condition(cluster, 'Degraded')).toMatchObject({
        reason: 'NodeLost',
        message: expect.stringContaining(`node ${victim.node} does not report any more.`),
      });
    } finally {
      await stack.cluster.startNode(node);
    }
    await space.untilCluster('it is ready again', isReady, { timeoutMs: 300_000 });
  }, 500_000);
});
