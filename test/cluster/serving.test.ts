import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { createCertificateAuthority, issueCertificate } from '@ollamamax/common';
import { isWholeStory, story, streamChat } from '../harness/chat-stream.ts';
import {
  clusterObject,
  condition,
  createNamespace,
  fetchThrough,
  isReady,
  isTrue,
  modelObject,
  type Namespace,
} from './namespace.ts';
import { startStack, type Stack } from './stack.ts';
import { until } from './kubernetes/until.ts';

const host = 'chat.example.com';
const question = [{ role: 'user' as const, content: 'What is the capital of France?' }];
const answer = 'The capital of France is Paris.';

let stack: Stack;
let space: Namespace;
let certificate: string;

beforeAll(async () => {
  stack = await startStack();
  space = await createNamespace(stack, 'serving');
}, 20 * 60_000);

afterAll(async () => {
  await stack.stop();
}, 120_000);

/** Streams that go on, one after the other, until they are stopped; every outcome is kept. */
const streamsThroughIngress = (count: number, token: string) => {
  const through = fetchThrough(stack.ingress, certificate);
  const bad: unknown[] = [];
  let finished = 0;
  let going = true;
  const client = async (): Promise<void> => {
    while (going) {
      const outcome = await streamChat(`https://${host}`, story, { token, fetch: through });
      finished += 1;
      if (!outcome.complete || !isWholeStory(outcome.text)) bad.push(outcome);
    }
  };
  const clients = Array.from({ length: count }, client);
  return {
    bad,
    finished: () => finished,
    stop: async () => {
      going = false;
      await Promise.all(clients);
    },
  };
};

describe('a cluster of three agents', () => {
  test('of five lines and a model of five lines become ready, under restricted Pod Security', async () => {
    await space.apply(clusterObject('demo'), modelObject('ollamamax-tiny', 'demo', { replicas: 3 }));
    const model = await space.untilModel('ollamamax-tiny', 'the model is on three agents', (one) =>
      isTrue(one, 'Replicated'),
    );
    expect(model.status).toMatchObject({ phase: 'Ready', readyReplicas: 3, model: 'ollamamax-tiny:latest' });
    const cluster = await space.untilCluster('the cluster is ready', isReady);
    expect(cluster.status).toMatchObject({
      phase: 'Available',
      readyReplicas: 3,
      updatedReplicas: 3,
      models: { total: 1, ready: 1 },
      endpoint: `http://demo.${space.name}.svc:8080`,
    });
    const reasons = (one: typeof cluster | typeof model) =>
      Object.fromEntries(one.status?.conditions?.map(({ type, reason }) => [type, reason]) ?? []);
    expect(reasons(cluster)).toEqual({
      Ready: 'AllGood',
      Available: 'AgentsServing',
      QuorumReady: 'MajorityReady',
      StorageReady: 'Bound',
      ModelsReady: 'AllReady',
      Progressing: 'Settled',
      Degraded: 'AsExpected',
      Paused: 'NotPaused',
    });
    expect(reasons(model)).toEqual({
      Ready: 'Serving',
      Resolved: 'Accepted',
      Downloaded: 'AllVerified',
      Replicated: 'EnoughReplicas',
    });
    const events = (await space.events()).map(({ reason }) => reason);
    expect(events).toEqual(expect.arrayContaining(['Created', 'Available', 'ModelReady']));
    const nodes = cluster.status?.agents?.map(({ node }) => node);
    expect(new Set(nodes)).toEqual(new Set(['node-1', 'node-2', 'node-3']));
    const table = await space.kubectl(['get', 'oc,om']);
    expect(table).toMatch(/ollamacluster\.ollamamax\.io\/demo\s+Available\s+3\s+3\s+1\s+http:/);
    expect(table).toMatch(/ollamamax-tiny\s+demo\s+ollamamax-tiny:latest\s+Ready\s+100\s+3\s+3/);
  }, 300_000);

  test('finds itself: every agent knows the others, and a model on one of them is answered by way of each', async () => {
    await space.apply(modelObject('single', 'demo', { replicas: 1 }));
    await space.untilModel(
      'single',
      'it is on one agent and no other',
      (one) => one.status?.readyReplicas === 1 && isReady(one),
    );
    const authorization = `Bearer ${await space.token()}`;
    const pods = JSON.parse(
      await space.kubectl(['get', 'pods', '-l', 'ollamamax.io/cluster=demo', '-o', 'json']),
    ) as {
      items: { status: { podIP: string } }[];
    };
    const servedBy = new Set<string | undefined>();
    for (const { status } of pods.items) {
      const api = `http://${status.podIP}:8080`;
      const { nodes } = (await (
        await fetch(`${api}/api/v1/nodes`, { headers: { authorization } })
      ).json()) as {
        nodes: { id: string; phase: string }[];
      };
      expect(nodes.map(({ id, phase }) => [id, phase])).toEqual([
        ['demo-0', 'ready'],
        ['demo-1', 'ready'],
        ['demo-2', 'ready'],
      ]);
      const outcome = await streamChat(api, { ...story, model: 'single' }, { token: await space.token() });
      expect(outcome).toMatchObject({ complete: true, error: undefined });
      servedBy.add(outcome.servedBy);
    }
    expect(servedBy.size).toBe(1);
    await space.kubectl(['delete', 'om', 'single', '--timeout=60s']);
  }, 120_000);

  test('answers the official Ollama client at its Service', async () => {
    const client = new Ollama({
      host: await space.serviceUrl(),
      headers: { Authorization: `Bearer ${await space.token()}` },
    });
    expect((await client.list()).models.map(({ name }) => name)).toEqual(['ollamamax-tiny:latest']);
    const options = { temperature: 0 };
    const whole = await client.chat({ model: 'ollamamax-tiny', messages: question, options });
    expect(whole.message.content).toBe(answer);
    let text = '';
    for await (const part of await client.chat({
      model: 'ollamamax-tiny',
      messages: question,
      options,
      stream: true,
    }))
      text += part.message.content;
    expect(text).toBe(answer);
    const anonymous = new Ollama({ host: await space.serviceUrl() });
    await expect(anonymous.list()).rejects.toMatchObject({ status_code: 401 });
  });

  test('streams to the official OpenAI client through the Ingress with TLS', async () => {
    const authority = await createCertificateAuthority({ commonName: 'test', days: 2 });
    const pair = await issueCertificate(authority, {
      uriSan: `spiffe://test/${host}`,
      dnsSans: [host],
      days: 1,
    });
    certificate = authority.cert;
    await space.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'chat-tls' },
      type: 'kubernetes.io/tls',
      stringData: { 'tls.crt': pair.cert, 'tls.key': pair.key },
    });
    await space.kubectl([
      'patch',
      'oc',
      'demo',
      '--type=merge',
      `-p=${JSON.stringify({ spec: { ingress: { enabled: true, host, className: stack.ingress.className, tlsSecretName: 'chat-tls' } } })}`,
    ]);
    await space.untilCluster(
      'the endpoint is the Ingress',
      ({ status }) => status?.endpoint === `https://${host}`,
    );
    const client = new OpenAI({
      baseURL: `https://${host}/v1`,
      apiKey: await space.token(),
      fetch: fetchThrough(stack.ingress, certificate),
      maxRetries: 0,
    });
    // The controller hears of a new Ingress a moment later.
    await until(
      'the Ingress leads to the agents',
      async () => (await client.models.list()).data.length === 1,
    );
    const stream = await client.chat.completions.create({
      model: 'ollamamax-tiny',
      messages: question,
      temperature: 0,
      stream: true,
    });
    let text = '';
    let chunks = 0;
    for await (const part of stream) {
      text += part.choices[0]?.delta.content ?? '';
      chunks += 1;
    }
    expect(text).toBe(answer);
    // The text may come in one piece: what nobody has read yet is put together.
    expect(chunks).toBeGreaterThan(1);
  });

  test('a change that needs a restart rolls through agent by agent under 50 streams: none fails, none is cut', async () => {
    const token = await space.token();
    const before = await space.cluster();
    const streams = streamsThroughIngress(50, token);
    await until('streams run', () => streams.finished() > 20, { timeoutMs: 120_000 });
    const image = 'ollamamax-agent:next';
    for (const node of [1, 2, 3])
      await stack.cluster.execOnNode(node, [
        'ctr',
        '-n',
        'k8s.io',
        'images',
        'tag',
        '--force',
        `docker.io/library/${stack.agentImage}`,
        `docker.io/library/${image}`,
      ]);
    await space.kubectl(['patch', 'oc', 'demo', '--type=merge', `-p=${JSON.stringify({ spec: { image } })}`]);
    await space.untilCluster(
      'the roll begins',
      (one) => condition(one, 'Progressing')?.reason === 'RollingOut',
    );
    const after = await space.untilCluster(
      'all agents run the new image',
      (one) => isReady(one) && one.status?.updatedReplicas === 3 && one.status.image === image,
      { timeoutMs: 400_000 },
    );
    await streams.stop();
    expect(streams.bad).toEqual([]);
    expect(streams.finished()).toBeGreaterThan(100);
    expect(after.metadata.generation).toBeGreaterThan(before.metadata.generation);
    const pods = JSON.parse(
      await space.kubectl(['get', 'pods', '-l', 'ollamamax.io/cluster=demo', '-o', 'json']),
    ) as { items: { spec: { containers: { image: string }[] } }[] };
    expect(pods.items.map(({ spec }) => spec.containers[0]?.image)).toEqual([image, image, image]);
    const reasons = (await space.events()).map(({ reason }) => reason);
    expect(reasons).toEqual(expect.arrayContaining(['RollingOut', 'RolledOut']));
  }, 600_000);

  test('takes other defaults of inference over without restarting anybody', async () => {
    const uids = () =>
      space.kubectl([
        'get',
        'pods',
        '-l',
        'ollamamax.io/cluster=demo',
        '-o',
        'jsonpath={.items[*].metadata.uid}',
      ]);
    const before = await uids();
    const { status } = await space.cluster();
    await space.kubectl([
      'patch',
      'oc',
      'demo',
      '--type=merge',
      '-p={"spec":{"inference":{"contextSize":1024}}}',
    ]);
    const after = await space.untilCluster('every agent has the new defaults', (one) => {
      const revision = one.status?.desiredState?.revision ?? 0;
      return (
        revision > (status?.desiredState?.revision ?? 0) &&
        one.status?.agents?.every((agent) => agent.revision === revision) === true
      );
    });
    expect(after.status?.agents).toHaveLength(3);
    expect(await uids()).toBe(before);
  });

  test('a pod that is deleted comes back; what is asked meanwhile is answered by the others', async () => {
    const token = await space.token();
    const streams = streamsThroughIngress(8, token);
    await until('streams run', () => streams.finished() > 5, { timeoutMs: 60_000 });
    await space.kubectl(['delete', 'pod', 'demo-1', '--wait=false']);
    await space.untilCluster('it is noticed', (one) => (one.status?.readyReplicas ?? 3) < 3);
    await space.untilCluster('all three serve again', isReady);
    await streams.stop();
    // A pod that is deleted drains first: nobody sees anything of it.
    expect(streams.bad).toEqual([]);
  }, 300_000);

  test('scales to five and back to three by kubectl scale', async () => {
    await space.kubectl(['scale', 'oc', 'demo', '--replicas=5']);
    await space.untilCluster('five serve', (one) => isReady(one) && one.status?.readyReplicas === 5);
    await space.kubectl(['scale', 'oc', 'demo', '--replicas=3']);
    const three = await space.untilCluster(
      'three serve',
      (one) => isReady(one) && one.status?.replicas === 3,
    );
    expect(three.status?.agents?.map(({ name }) => name)).toEqual(['demo-0', 'demo-1', 'demo-2']);
    const events = (await space.events()).map(({ reason }) => reason);
    expect(events).toEqual(expect.arrayContaining(['ScalingUp', 'ScalingDown']));
  }, 400_000);

  test('goes when the OllamaCluster is deleted; its volumes stay and are used again', async () => {
    const claims = () => space.kubectl(['get', 'pvc', '-o', 'jsonpath={.items[*].metadata.uid}']);
    const kept = await claims();
    await space.kubectl(['delete', 'oc', 'demo', '--timeout=120s']);
    await until(
      'everything is gone',
      async () =>
        (
          await space.kubectl([
            'get',
            'pods,sts,svc,ing,pdb,netpol,cm,secret,sa',
            '-l',
            'ollamamax.io/cluster=demo',
            '-o',
            'name',
          ])
        ).trim() === '',
      { timeoutMs: 180_000 },
    );
    expect(await claims()).toBe(kept);
    const orphan = await space.untilModel(
      'ollamamax-tiny',
      'the model says so',
      (one) => !isTrue(one, 'Resolved'),
    );
    expect(condition(orphan, 'Resolved')).toMatchObject({ reason: 'ClusterNotFound' });
    await space.apply(clusterObject('demo'));
    await space.untilModel('ollamamax-tiny', 'the model is served again', (one) => isTrue(one, 'Ready'));
    expect(await claims()).toBe(kept);
  }, 400_000);
});
