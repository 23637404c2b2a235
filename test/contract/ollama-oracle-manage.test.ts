import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import {
  eventually,
  startLocalCluster,
  tinyModel,
  untilServing,
  type LocalCluster,
} from '../harness/local-cluster.ts';
import { send } from './agent-client.ts';
import { expectListed, expectTold } from './expect-listed.ts';
import { DifferenceList } from './listed-differences.ts';
import { ollamaManageDifferences } from './ollama-manage-differences.ts';
import { digestOf, manageRequests } from './ollama-manage-requests.ts';
import { oracleSources, startOracle, type Oracle } from './ollama-oracle.ts';

const command = process.env.OLLAMAMAX_OLLAMA_CLI ?? '';
const list = new DifferenceList(ollamaManageDifferences);

const head = async (base: string, digest: string): Promise<number> =>
  (await fetch(`${base}/api/blobs/${digest}`, { method: 'HEAD' })).status;

/** Sends the first half of an upload and leaves. */
const uploadHalf = async (base: string, digest: string, bytes: Buffer): Promise<void> => {
  const { hostname, port, host } = new URL(base);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.write(
    `POST /api/blobs/${digest} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${bytes.length}\r\n\r\n`,
  );
  const half = bytes.subarray(0, bytes.length / 2);
  await new Promise((resolve) => socket.write(half, resolve));
  const closed = once(socket, 'close');
  socket.destroy();
  await closed;
};

describe('changes of models beside the real Ollama', () => {
  let cluster: LocalCluster;
  let oracle: Oracle | undefined;

  const both = (): readonly string[] => [cluster.agent('agent-0').api, oracle?.url ?? ''];

  beforeAll(async () => {
    if (command === '') throw new Error('OLLAMAMAX_OLLAMA_CLI must name the ollama command');
    oracle = await startOracle(command);
    cluster = await startLocalCluster({
      models: Object.entries(oracleSources).map(([name, file]) => ({ name, source: { file } })),
    });
    await untilServing(cluster);
  }, 180_000);
  afterAll(async () => {
    await oracle?.stop();
    await cluster.stop();
  });

  test.each(manageRequests.map((request) => [request.name, request] as const))(
    '%s',
    async (_name, request) => {
      await expectListed(list, request, cluster.agent('agent-0').api, oracle?.url ?? '');
    },
  );

  test('an upload that broke off leaves nothing, and can be sent again', async () => {
    // Not a file that one of the two has by now.
    const bytes = Buffer.concat([readFileSync(tinyModel), Buffer.from('more')]);
    const digest = digestOf(bytes);
    for (const base of both()) {
      await uploadHalf(base, digest, bytes);
      expect(await head(base, digest)).toBe(404);
      let status = 0;
      await eventually('the upload is taken', async () => {
        const answer = await fetch(`${base}/api/blobs/${digest}`, { method: 'POST', body: bytes });
        status = answer.status;
        return answer.ok;
      });
      expect(status).toBe(201);
      expect(await head(base, digest)).toBe(200);
    }
  });

  test('what was created is shown with its settings', async () => {
    const shown = await Promise.all(
      both().map(async (base) => {
        const { text } = await send(base, '/api/show', { method: 'POST', body: { model: 'settings' } });
        const { system, parameters } = JSON.parse(text) as { system: string; parameters: string };
        return { system, parameters: parameters.split('\n').toSorted() };
      }),
    );
    expect(shown[0]).toEqual(shown[1]);
  });

  test('a model is made from an uploaded file, and answers', async () => {
    const bytes = readFileSync(tinyModel);
    for (const base of both()) {
      await fetch(`${base}/api/blobs/${digestOf(bytes)}`, { method: 'POST', body: bytes });
      const made = await send(base, '/api/create', {
        method: 'POST',
        body: { model: 'uploaded', files: { 'a.gguf': digestOf(bytes) }, stream: false },
      });
      expect(JSON.parse(made.text)).toEqual({ status: 'success' });
      const answer = await send(base, '/api/generate', {
        method: 'POST',
        body: {
          model: 'uploaded',
          prompt: 'Hi',
          raw: true,
          stream: false,
          options: { temperature: 0, num_predict: 2 },
        },
      });
      expect(JSON.parse(answer.text)).toEqual(expect.objectContaining({ done: true, eval_count: 2 }));
    }
  });

  test('every difference is needed, and told in docs/compatibility.md', () => {
    expectTold(list, manageRequests, ollamaManageDifferences);
  });
});
