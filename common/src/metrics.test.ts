import { expect, test } from '@jest/globals';
import { Counter, createRegistry } from './metrics.ts';

test('a registry has the metrics of the process and takes ours', async () => {
  const registry = createRegistry();
  new Counter({ name: 'things_total', help: 'Things.', registers: [registry] }).inc(2);
  const text = await registry.metrics();
  expect(text).toContain('things_total 2');
  expect(text).toContain('process_resident_memory_bytes');
});
