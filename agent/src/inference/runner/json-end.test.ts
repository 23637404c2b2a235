import { expect, test } from '@jest/globals';
import { JsonEnd } from './json-end.ts';

test.each([
  ['{"a": 1}\n\n\n', '{"a": 1}'],
  ['{"a": "}\\"]", "b": [{}, []]} tail', '{"a": "}\\"]", "b": [{}, []]}'],
  ['  [1, 2, "]"]', '  [1, 2, "]"]'],
  ['"text \\\\" more', '"text \\\\"'],
  ['42\n', '42'],
  ['true', 'true'],
  ['{"open": [', '{"open": ['],
])('%j is cut to %j however it is split', (input, wanted) => {
  for (let size = 1; size <= input.length; size++) {
    const end = new JsonEnd();
    let out = '';
    for (let at = 0; at < input.length; at += size) out += end.push(input.slice(at, at + size)).text;
    expect(out).toBe(wanted);
  }
});

test('says when the value is complete', () => {
  const end = new JsonEnd();
  expect(end.push('{"a":').ended).toBe(false);
  expect(end.push('1}').ended).toBe(true);
  expect(end.push('x')).toEqual({ text: '', ended: true });
});
