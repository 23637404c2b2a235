import { expect, test } from '@jest/globals';
import type { KubeObject, WatchEvent } from './object.ts';
import { watchEvents } from './watch-stream.ts';

const frame = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;
const named = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name, resourceVersion: '3' },
});

async function* chunks(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const read = async (text: string, size = 1 << 16): Promise<WatchEvent<KubeObject>[]> => {
  const events: WatchEvent<KubeObject>[] = [];
  for await (const event of watchEvents<KubeObject>('WATCH /x', chunks(text, size))) events.push(event);
  return events;
};

test.each([1, 2, 7, 1000])('events survive being cut into pieces of %d bytes', async (size) => {
  const text =
    frame('ADDED', named('größe-€-🦙')) + frame('DELETED', named('two')) + frame('BOOKMARK', named(''));
  expect(await read(text, size)).toEqual([
    { type: 'ADDED', object: named('größe-€-🦙') },
    { type: 'DELETED', object: named('two') },
    { type: 'BOOKMARK', resourceVersion: '3' },
  ]);
});

test('a last line without an end is a cut connection', async () => {
  expect(await read(`${frame('ADDED', named('one'))}{"type":"ADDED","obj`)).toHaveLength(1);
});

test('an error within the stream is thrown as what it says', async () => {
  const text = frame('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
  await expect(read(text)).rejects.toMatchObject({ name: 'KubeError', code: 410, reason: 'Expired' });
});

test.each(['<html>\n', '{"type":"NEWS","object":{}}\n'])('%s is no event', async (text) => {
  await expect(read(text)).rejects.toMatchObject({ reason: 'BadAnswer' });
});
