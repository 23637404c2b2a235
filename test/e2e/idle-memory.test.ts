import { expect, test } from '@jest/globals';
import { pidOf } from '../bench/harness/child-process.ts';
import { residentBytes } from '../bench/harness/process-cost.ts';
import { idleLimitMB } from '../bench/idle/limit.ts';
import { startLocalCluster } from '../harness/local-cluster.ts';

test('an agent with nothing to do and no model stays below its memory limit', async () => {
  // After the first start from a new checkout, which strips the types of every source and keeps what it did that with.
  await (await startLocalCluster({ models: [] })).stop();
  const cluster = await startLocalCluster({ models: [] });
  try {
    const [agent] = cluster.agents;
    expect(agent).toBeDefined();
    const resident = [];
    for (let look = 0; look < 5; look += 1) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      resident.push(residentBytes([pidOf(agent!.process)]) / 1e6);
    }
    expect(Math.max(...resident)).toBeLessThanOrEqual(idleLimitMB);
  } finally {
    await cluster.stop();
  }
});
