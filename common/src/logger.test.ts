import { PassThrough } from 'node:stream';
import { expect, test } from '@jest/globals';
import { createLogger, redact } from './logger.ts';

const lines = (stream: PassThrough): Record<string, unknown>[] =>
  String(stream.read() ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('writes JSON lines with the fields of its parents, and nothing below its level', async () => {
  const stream = new PassThrough();
  const logger = createLogger({ level: 'info', format: 'json', stream });
  let built = false;
  logger.debug('quiet', () => {
    built = true;
    return {};
  });
  logger.child({ agent: 'a' }).child({ component: 'c' }).warn('hot', { celsius: 91 });
  await logger.close();
  expect(lines(stream)).toEqual([
    expect.objectContaining({ level: 'warn', message: 'hot', agent: 'a', component: 'c', celsius: 91 }),
  ]);
  expect(built).toBe(false);
});

test.each<[string, unknown, unknown]>([
  [
    'by name',
    { password: 'x', deep: [{ apiKey: 'y' }] },
    { password: '[redacted]', deep: [{ apiKey: '[redacted]' }] },
  ],
  ['bearer tokens', 'sent Bearer abc.def', 'sent [redacted]'],
  ['credentials in URLs', 'http://u:p@host/', 'http:[redacted]host/'],
  ['query parameters', '/ws?ticket=abc&x=1', '/ws?[redacted]&x=1'],
])('hides secrets: %s', (_name, value, expected) => {
  expect(redact(value)).toEqual(expected);
});

test('keeps counts of tokens and survives a cycle', () => {
  const cycle: Record<string, unknown> = { tokensPerSecond: 3, prompt_tokens: 2 };
  cycle.self = cycle;
  expect(JSON.stringify(redact(cycle))).toContain('"tokensPerSecond":3,"prompt_tokens":2');
});
