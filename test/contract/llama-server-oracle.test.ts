import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { dirname, join } from 'node:path';
import { startLlamaServer, type LlamaServer } from '../harness/llama-server.ts';
import { startLocalCluster, tinyModel, untilServing, type LocalCluster } from '../harness/local-cluster.ts';
import { expectListed, expectTold } from './expect-listed.ts';
import { DifferenceList } from './listed-differences.ts';
import { llamaServerModels } from './llama-server-calls.ts';
import { llamaServerDifferences } from './llama-server-differences.ts';
import { llamaServerRequests } from './llama-server-requests.ts';

const folder = process.env.OLLAMAMAX_LLAMA_SERVER_DIR ?? '';
const fileOf = (name: string): string => join(dirname(tinyModel), name);
// Exact numbers: answers are the same to the letter.
const chatFile = fileOf('ollamamax-tiny-f16.gguf');
const embedFile = fileOf('ollamamax-tiny-embed-f16.gguf');
const list = new DifferenceList(llamaServerDifferences);

describe('beside the real llama-server', () => {
  let cluster: LocalCluster;
  const servers: LlamaServer[] = [];
  let chat: LlamaServer;
  let embed: LlamaServer;

  const start = async (file: string, more: readonly string[]): Promise<LlamaServer> => {
    const server = await startLlamaServer(folder, ['-m', file, '-t', '2', ...more]);
    servers.push(server);
    return server;
  };

  beforeAll(async () => {
    if (folder === '')
      throw new Error(
        'OLLAMAMAX_LLAMA_SERVER_DIR must name a folder with llama-server; scripts/llama-server.mjs finds one',
      );
    chat = await start(chatFile, ['--alias', llamaServerModels.chat, '-np', '4', '-c', '8192', '--jinja']);
    embed = await start(embedFile, ['--alias', llamaServerModels.embed, '-c', '2048', '--embeddings']);
    cluster = await startLocalCluster({
      models: [
        { name: llamaServerModels.chat, source: { file: chatFile } },
        { name: llamaServerModels.embed, source: { file: embedFile } },
      ],
    });
    await untilServing(cluster);
  }, 180_000);
  afterAll(async () => {
    for (const server of servers) await server.stop();
    await cluster.stop();
  });

  test.each(llamaServerRequests.map((request) => [request.name, request] as const))(
    '%s',
    async (_name, request) => {
      const theirs = request.model === 'embed' ? embed : chat;
      await expectListed(list, request, cluster.agent('agent-0').api, theirs.url);
    },
  );

  test('asks enough', () => {
    expect(llamaServerRequests.length).toBeGreaterThanOrEqual(120);
  });

  test('every difference is needed, and told in docs/compatibility.md', () => {
    expectTold(list, llamaServerRequests, llamaServerDifferences);
  });
});
