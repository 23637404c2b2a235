import { describe, expect, test } from '@jest/globals';
import { seeded } from '../../raft/codec/random-messages.fixture.ts';
import { maxChunkBytes, planChunks, type TensorExtent } from './chunk-plan.ts';

const mebibyte = 1024 * 1024;
const header = 3000;

/** Tensors one after the other behind a header, each filled up to 32 bytes. */
const layout = (sizes: readonly number[], start = header): readonly TensorExtent[] => {
  let offset = Math.ceil(start / 32) * 32;
  return sizes.map((bytes) => {
    const tensor = { offset, bytes };
    offset += Math.ceil(bytes / 32) * 32;
    return tensor;
  });
};
const endOf = (tensors: readonly TensorExtent[]): number => {
  const last = tensors.at(-1);
  return last === undefined ? header : last.offset + last.bytes;
};
const lengthsOf = (sizes: readonly number[]): readonly number[] => {
  const tensors = layout(sizes);
  return planChunks(endOf(tensors), tensors).chunks.map(({ length }) => length);
};

describe('a file is cut', () => {
  test('where its large tensors begin, and every 8 MiB behind that', () => {
    expect(lengthsOf([2 * mebibyte, 20 * mebibyte])).toEqual([
      3008,
      2 * mebibyte,
      8 * mebibyte,
      8 * mebibyte,
      4 * mebibyte,
    ]);
  });

  test('with small tensors together, as far as 8 MiB', () => {
    expect(lengthsOf([64, 64, 2 * mebibyte, 96, 100])).toEqual([3008, 128, 2 * mebibyte, 196]);
    const nearly = mebibyte - 32;
    const small = Array.from({ length: 20 }, () => nearly);
    expect(lengthsOf(small)).toEqual([3008, 8 * nearly, 8 * nearly, 4 * nearly]);
  });

  test('with a long header in pieces, too', () => {
    const tensors = layout([64], 9 * mebibyte);
    expect(planChunks(endOf(tensors), tensors).chunks.map(({ length }) => length)).toEqual([
      8 * mebibyte,
      mebibyte,
      64,
    ]);
  });

  test('every 8 MiB where it has no tensors', () => {
    for (const tensors of [undefined, []])
      expect(planChunks(17 * mebibyte, tensors)).toEqual({
        chunker: 'fixed-1',
        chunks: [
          { offset: 0, length: 8 * mebibyte },
          { offset: 8 * mebibyte, length: 8 * mebibyte },
          { offset: 16 * mebibyte, length: mebibyte },
        ],
      });
    expect(planChunks(0, undefined).chunks).toEqual([]);
  });
});

test('whatever a file looks like, its chunks are all of it, in order, and none is too large', () => {
  const chance = seeded(11);
  for (let round = 0; round < 500; round += 1) {
    const count = Math.floor(chance() * 40);
    const tensors = layout(
      Array.from({ length: count }, () => Math.ceil(chance() ** 6 * 30 * mebibyte) + 1),
      Math.floor(chance() * 10 * mebibyte),
    );
    const fileBytes = endOf(tensors) + Math.floor(chance() * 100);
    // In which order a header lists them says nothing.
    const { chunks } = planChunks(fileBytes, tensors.toReversed());
    let end = 0;
    for (const { offset, length } of chunks) {
      expect(offset).toBe(end);
      expect(length).toBeGreaterThan(0);
      expect(length).toBeLessThanOrEqual(maxChunkBytes);
      end += length;
    }
    expect(end).toBe(fileBytes);
    const starts = new Set(chunks.map(({ offset }) => offset));
    for (const { offset, bytes } of tensors) if (bytes >= mebibyte) expect(starts.has(offset)).toBe(true);
  }
});

test('a header that grows moves all tensors and changes none of their chunks', () => {
  const sizes = [100, 5 * mebibyte, 64, 64, 12 * mebibyte, 3 * mebibyte, 32];
  const relative = (start: number): readonly string[] => {
    const tensors = layout(sizes, start);
    const [first] = tensors;
    return planChunks(endOf(tensors), tensors).chunks.flatMap(({ offset, length }) =>
      first === undefined || offset < first.offset ? [] : [`${offset - first.offset}+${length}`],
    );
  };
  expect(relative(5000)).toEqual(relative(3000));
});
