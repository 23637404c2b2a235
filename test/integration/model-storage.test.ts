import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ModelStorage } from '@ollamamax/api';
import { problemsOf } from '../contract/strict-validator.ts';
import { startLocalCluster, tinyModel, untilServing, type LocalCluster } from '../harness/local-cluster.ts';

const bytes = readFileSync(tinyModel);
const digest = (of: Uint8Array): string => `sha256:${createHash('sha256').update(of).digest('hex')}`;

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await startLocalCluster({
    agents: 2,
    models: [{ name: 'tiny', source: { file: tinyModel }, replicas: 1 }],
  });
  await untilServing(cluster);
}, 120_000);
afterAll(() => cluster.stop());

const asked = async (
  agent: number,
  name: string,
  chunks: string,
): Promise<{ status: number; body: unknown }> => {
  const response = await fetch(`${cluster.agents[agent]?.api ?? ''}/api/v1/models/${name}?chunks=${chunks}`);
  return { status: response.status, body: await response.json() };
};

test('any agent tells the chunks of a model, whichever has its file', async () => {
  const [{ status, body }, other] = [await asked(0, 'tiny', 'true'), await asked(1, 'tiny', 'true')];
  expect(status).toBe(200);
  expect(other).toEqual({ status, body });
  expect(problemsOf(ModelStorage, body)).toEqual([]);
  const storage = body as ModelStorage;
  expect(storage).toMatchObject({
    model_id: 'tiny:latest',
    format: 'gguf',
    size: bytes.length,
    checksum: digest(bytes),
    chunker: 'gguf-1',
    metadata: { family: 'llama', quantization: 'Q8_0' },
  });
  let offset = 0;
  for (const [index, { id, size, checksum }] of storage.chunks.entries()) {
    expect([id, checksum]).toEqual([
      `chunk_${String(index + 1).padStart(3, '0')}`,
      digest(bytes.subarray(offset, offset + size)),
    ]);
    offset += size;
  }
  expect(offset).toBe(bytes.length);
});

test('without them it tells where the model is', async () => {
  expect(await asked(0, 'tiny', 'false')).toMatchObject({ status: 200, body: { replicasReady: 1 } });
});

test('anything else is refused, and of a model that is not there there are none', async () => {
  expect(await asked(0, 'tiny', 'yes')).toMatchObject({
    status: 400,
    body: { code: 'invalid_request', detail: expect.stringContaining('chunks must be true or false') },
  });
  expect(await asked(1, 'none', 'true')).toMatchObject({ status: 404, body: { code: 'model_not_found' } });
});
