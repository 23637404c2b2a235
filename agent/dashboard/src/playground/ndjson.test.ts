import { describe, expect, test } from '@jest/globals';
import { readNdjson } from './ndjson.ts';

const streamOf = (chunks: readonly Uint8Array[], onCancel?: () => void): ReadableStream<Uint8Array> => {
  let next = 0;
  return new ReadableStream({
    pull: (controller) => {
      const chunk = chunks[next];
      next += 1;
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
    cancel: () => onCancel?.(),
  });
};

const collect = async (chunks: readonly Uint8Array[]): Promise<unknown[]> => {
  const values: unknown[] = [];
  for await (const value of readNdjson(streamOf(chunks))) values.push(value);
  return values;
};

describe('readNdjson', () => {
  test('reads lines however the bytes are cut, also inside a character', async () => {
    const bytes = new TextEncoder().encode('{"a":"grün 🐬"}\n{"b":2}\n\n{"c":3}');
    const expected = [{ a: 'grün 🐬' }, { b: 2 }, { c: 3 }];
    for (const size of [1, 2, 3, 7, bytes.length]) {
      const chunks: Uint8Array[] = [];
      for (let from = 0; from < bytes.length; from += size) chunks.push(bytes.slice(from, from + size));
      expect(await collect(chunks)).toEqual(expected);
    }
  });

  test('fails on what is not JSON', async () => {
    await expect(collect([new TextEncoder().encode('{"a":1}\n<html>\n')])).rejects.toThrow(SyntaxError);
  });

  test('leaving early cancels the stream', async () => {
    let cancelled = false;
    const encoded = new TextEncoder().encode('{"a":1}\n');
    for await (const value of readNdjson(
      streamOf([encoded, encoded, encoded], () => {
        cancelled = true;
      }),
    )) {
      expect(value).toEqual({ a: 1 });
      break;
    }
    expect(cancelled).toBe(true);
  });
});
